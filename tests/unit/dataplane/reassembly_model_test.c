// Random fragments of tunnel packets: against a model that keeps a byte for every octet, and by the
// million.
#include "in_pieces.h"

#define DATAGRAM_MAX 256 // of the model

// The reference: a byte for each octet.
struct model {
	bool spoilt;
	enum drop_reason reason;
	bool there[DATAGRAM_MAX];
	uint8_t octet[DATAGRAM_MAX];
	uint32_t end; // 0: not known
	uint32_t reach;
	unsigned fragments;
};

static void spoil(struct lab *lab, struct model *model, enum drop_reason reason)
{
	expect_drop(lab, 0, WAN, reason, model->spoilt ? 1 : model->fragments + 1);
	model->spoilt = true;
	model->reason = reason;
}

// True if the datagram is whole.
static bool model_add(struct lab *lab, struct model *model, const struct datagram *d,
	uint32_t offset, uint32_t octets, bool more)
{
	uint32_t end = offset + octets;
	unsigned taken = 0;
	bool same = true;
	bool whole = true;

	if (model->spoilt) {
		spoil(lab, model, model->reason);
		return false;
	}
	if (more ? model->end != 0 && end > model->end
		 : (model->end != 0 ? model->end != end : model->reach > end)) {
		spoil(lab, model, DROP_reassembly_overlap);
		return false;
	}
	for (uint32_t i = offset; i < end; i++) {
		taken += model->there[i];
		same &= model->octet[i] == d->payload[i];
	}
	if (taken == octets && same && more == (model->end != end)) {
		expect_drop(lab, 0, WAN, DROP_reassembly_duplicate, 1);
		return false;
	}
	if (taken > 0) {
		spoil(lab, model, DROP_reassembly_overlap);
		return false;
	}
	memset(model->there + offset, true, octets);
	memcpy(model->octet + offset, d->payload + offset, octets);
	model->fragments++;
	model->reach = RTE_MAX(model->reach, end);
	if (!more)
		model->end = end;
	for (uint32_t i = 0; i < model->end; i++)
		whole &= model->there[i];
	return whole && model->end != 0;
}

// A fragment somewhere in the datagram, in whole units but at its end.
static void choose(struct random *r, const struct datagram *d, uint32_t *offset, uint32_t *octets)
{
	uint32_t units = (d->octets + 7) / 8;
	uint32_t first = (uint32_t)random_below(r, units);
	uint32_t n = (uint32_t)random_below(r, RTE_MIN(units - first, 8u)) + 1;

	*offset = first * 8;
	*octets = RTE_MIN(n * 8, d->octets - *offset);
}

// What becomes of the datagram that the model has put together.
static void expect_end(struct lab *lab, unsigned t, const struct model *model,
	const struct datagram *original, const struct flow *flow)
{
	bool esp = tunnels[t].proto == &esp_ops;

	if (model->end == original->octets &&
		memcmp(model->octet, original->payload, model->end) == 0) {
		expect_reassembled(lab, t, flow);
		return;
	}
	lab->expected.reassembled[0][WAN]++;
	if (!esp && model->end < 16)
		expect_drop(lab, 0, WAN, DROP_runt, 1); // has no SPI
	else if (model->end < (esp ? 36 : 33))
		expect_in_drop(lab, t, 0, DROP_runt, 1);
	else
		expect_in_drop(lab, t, 0, DROP_icv_failed, 1);
}

// A random fragment, in some rounds of a regular cut; in the others now and then of other content
// (behind what finds the SA) or with another end. True if the datagram is whole.
static bool random_piece(struct lab *lab, struct random *r, struct datagram *d,
	const struct datagram *original, bool regular, struct model *model)
{
	bool wrong = !regular && random_below(r, 40) == 0;
	uint32_t offset, octets;
	bool more, whole;

	choose(r, d, &offset, &octets);
	if (regular) {
		offset = offset / 32 * 32;
		octets = RTE_MIN(32u, d->octets - offset);
	}
	more = offset + octets < d->octets;
	// At 0 and without more to come it would be no fragment.
	if (wrong && octets % 8 == 0 && offset > 0 && random_below(r, 2) == 0)
		more = !more;
	else if (wrong && offset >= 16)
		d->payload[offset] ^= 1;
	lab_receive(lab, WAN, 0, piece_of(lab, d, offset, octets, more));
	whole = model_add(lab, model, d, offset, octets, more);
	memcpy(d->payload, original->payload, d->octets);
	lab_turn(lab, 0);
	return whole;
}

static void random_pieces(struct lab *lab, struct random *r, unsigned t, uint64_t number)
{
	struct flow flow = inner_of(t, (uint16_t)(60 + random_below(r, 60)), number);
	struct datagram *d = sealed(lab, t, &flow);
	static struct datagram original;
	static struct model model;
	unsigned fragments = (unsigned)random_below(r, 60);
	bool regular = random_below(r, 2) == 0;
	bool whole = false;

	original.octets = d->octets;
	memcpy(original.payload, d->payload, d->octets);
	memset(&model, 0, sizeof(model));
	for (unsigned i = 0; i < fragments && !whole; i++)
		whole = random_piece(lab, r, d, &original, regular, &model);
	expire(lab);
	if (whole)
		expect_end(lab, t, &model, &original, &flow);
	else if (!model.spoilt)
		expect_drop(lab, 0, WAN, DROP_reassembly_timeout, model.fragments);
	expect_nothing_sent(lab);
}

static void against_the_model(void **state)
{
	struct lab *lab = lab_of_tunnels(state);
	struct random r = {5};
	unsigned rounds = full_run() ? 200000 : 10000;

	for (unsigned i = 0; i < rounds; i++)
		random_pieces(lab, &r, (unsigned)random_below(&r, COUNT(tunnels)), i);
	// Most of what happens must have happened.
	assert_true(lab->expected.reassembled[0][WAN] > rounds / 10);
	assert_true(lab->expected.drops[0][WAN][DROP_reassembly_overlap] > rounds / 10);
	assert_true(lab->expected.drops[0][WAN][DROP_reassembly_duplicate] > rounds / 10);
	assert_true(lab->expected.drops[0][WAN][DROP_reassembly_timeout] > rounds / 10);
}

// From the peer's address: anything that classification lets through.
static void flood(void **state)
{
	struct lab *lab = lab_of_tunnels(state);
	struct random r = {6};
	unsigned n = full_run() ? 1000000 : 100000;
	static struct datagram d;
	struct flow flow;

	for (unsigned i = 0; i < sizeof(d.payload); i++)
		d.payload[i] = (uint8_t)random_next(&r);
	for (unsigned i = 0; i < n; i++) {
		bool far = random_below(&r, 8) == 0;
		uint32_t offset = (uint32_t)random_below(&r, far ? 8192 : 200) * 8;
		uint32_t octets = (uint32_t)random_below(&r, 64) * (random_below(&r, 9) ? 8 : 1);

		addresses_of(&d, &lab->tunnel[random_below(&r, COUNT(tunnels))].tunnel);
		d.id = (uint32_t)random_below(&r, random_below(&r, 4) == 0 ? UINT32_MAX : 300);
		d.traffic_class = (uint8_t)random_below(&r, 4);
		octets = RTE_MIN(octets, (uint32_t)sizeof(d.payload) - offset);
		lab_receive(
			lab, WAN, 0, piece_of(lab, &d, offset, octets, random_below(&r, 5) > 0));
		if (i % BURST_MAX == 0) {
			lab_turn(lab, 0);
			assert_true(rte_mempool_avail_count(lab->dp->pool) + REASSEMBLY_ENTRIES >=
				lab->buffers);
		}
	}
	lab_turn_all(lab);
	// A good one goes through all the same.
	flow = inner_of(0, 800, 1);
	struct datagram *good = sealed(lab, 0, &flow);

	good->id = 0x7777;
	send_piece(lab, good, 0, 400);
	send_piece(lab, good, 400, good->octets - 400);
	lab->loose = true;
	expect_reassembled(lab, 0, &flow);
	assert_true(lab->dp->worker[0]->stats.port[WAN].drops[DROP_reassembly_full] > n / 100);
	expire(lab);
	assert_int_equal(rte_mempool_avail_count(lab->dp->pool), lab->buffers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(against_the_model, NULL),
		LAB_TEST(flood, NULL),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
