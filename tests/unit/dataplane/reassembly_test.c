// Tunnel packets that come in fragments: in any order, twice, too many, too long, too late.
#include "in_pieces.h"

#define BUFFER_PAYLOAD (2048 - IPV6_HEADER)

static void swap(uint32_t *a, uint32_t *b)
{
	uint32_t c = *a;

	*a = *b;
	*b = c;
}

// Heap's algorithm; calls deliver for each order of n pieces.
static void permute(struct lab *lab, unsigned tunnel, uint32_t *order, unsigned k, unsigned n)
{
	if (k > 1) {
		for (unsigned i = 0; i < k; i++) {
			permute(lab, tunnel, order, k - 1, n);
			swap(&order[k % 2 == 0 ? i : 0], &order[k - 1]);
		}
		return;
	}
	struct flow flow = inner_of(tunnel, 400, 1);
	struct datagram *d = sealed(lab, tunnel, &flow);
	uint32_t each = d->octets / n / 8 * 8;

	for (unsigned i = 0; i < n; i++) {
		uint32_t offset = order[i] * each;
		uint32_t octets = order[i] == n - 1 ? d->octets - offset : each;

		expect_nothing_sent(lab);
		send_piece(lab, d, offset, octets);
	}
	expect_reassembled(lab, tunnel, &flow);
}

static void every_order(void **state)
{
	struct lab *lab = lab_of_tunnels(state);

	for (unsigned t = 0; t < COUNT(tunnels); t++) {
		for (unsigned n = 2; n <= 5; n++) {
			uint32_t order[] = {0, 1, 2, 3, 4};

			permute(lab, t, order, n, n);
		}
	}
}

// Pieces of 8 octets: the first holds less than any header of a tunnel protocol.
static void tiny(void **state)
{
	struct lab *lab = lab_of_tunnels(state);

	for (unsigned t = 0; t < COUNT(tunnels); t++) {
		struct flow flow = inner_of(t, 1400, t);
		struct datagram *d = sealed(lab, t, &flow);

		for (uint32_t offset = 0; offset < d->octets; offset += 8)
			send_piece(lab, d, offset, RTE_MIN(8u, d->octets - offset));
		expect_reassembled(lab, t, &flow);
	}
}

// The whole is judged like any packet: here it has no room for its protocol's headers.
static void whole_but_short(void **state)
{
	struct lab *lab = lab_of_tunnels(state);

	for (unsigned t = 0; t < COUNT(tunnels); t++) {
		struct flow flow = inner_of(t, 100, t);
		struct datagram *d = sealed(lab, t, &flow);

		d->octets = 24;
		send_piece(lab, d, 16, 8);
		send_piece(lab, d, 0, 16);
		lab->expected.reassembled[0][WAN]++;
		expect_in_drop(lab, t, 0, DROP_runt, 1);
		expect_nothing_sent(lab);
		d->octets = 9;
		d->id++;
		send_piece(lab, d, 0, 8);
		send_piece(lab, d, 8, 1);
		lab->expected.reassembled[0][WAN]++;
		// VPE's has no SPI in it.
		if (tunnels[t].proto == &esp_ops)
			expect_in_drop(lab, t, 0, DROP_runt, 1);
		else
			expect_drop(lab, 0, WAN, DROP_runt, 1);
	}
}

// Up to the last octet of a buffer, and beyond.
static void longest(void **state)
{
	struct lab *lab = lab_of_tunnels(state);
	static struct datagram d;

	for (unsigned t = 0; t < COUNT(tunnels); t++) {
		struct flow flow = inner_of(t, 100, t);

		addresses_of(&d, &lab->tunnel[t].tunnel);
		d.id++;
		// An SPI that nobody knows.
		memset(d.payload, 0x0a, sizeof(d.payload));
		d.octets = BUFFER_PAYLOAD;
		send_piece(lab, &d, 1000, d.octets - 1000);
		send_piece(lab, &d, 0, 1000);
		lab->expected.reassembled[0][WAN]++;
		expect_drop(lab, 0, WAN, DROP_no_sa, 1);
		// One octet more: spoilt, with what came before and comes behind.
		d.id++;
		d.octets++;
		send_piece(lab, &d, 0, 1000);
		send_piece(lab, &d, 1000, d.octets - 1000);
		send_piece(lab, &d, 0, 1000);
		expect_drop(lab, 0, WAN, DROP_reassembly_too_long, 3);
		// To the end of what an offset can say.
		d.id++;
		d.octets = 65535;
		send_piece(lab, &d, 65528, 7);
		lab_receive(lab, WAN, 0, piece_of(lab, &d, 65528, 8, false));
		lab_receive(lab, WAN, 0, piece_of(lab, &d, 65528, 1400, true));
		lab_turn(lab, 0);
		expect_drop(lab, 0, WAN, DROP_reassembly_too_long, 3);
		expire(lab);
		lab_receive(lab, WAN, 0, peer_seal_flow(lab, t, 0, &flow));
		lab_turn(lab, 0);
		expect_delivered(lab, t, &flow);
	}
}

static void malformed(void **state)
{
	struct lab *lab = lab_of_tunnels(state);

	for (unsigned t = 0; t < COUNT(tunnels); t++) {
		struct flow flow = inner_of(t, 400, t);
		struct datagram *d = sealed(lab, t, &flow);

		send_piece(lab, d, 0, 200);
		lab_receive(lab, WAN, 0, piece_of(lab, d, 200, 0, true));
		lab_receive(lab, WAN, 0, piece_of(lab, d, 208, 0, false));
		lab_receive(lab, WAN, 0, piece_of(lab, d, 200, 7, true));
		lab_turn(lab, 0);
		expect_drop(lab, 0, WAN, DROP_reassembly_malformed, 3);
		// The datagram is none the worse.
		send_piece(lab, d, 200, d->octets - 200);
		expect_reassembled(lab, t, &flow);
	}
}

// Somebody else's, even to our address: as any fragment of a tunnel packet that is not ours.
static void strangers(void **state)
{
	struct lab *lab = lab_of_tunnels(state);

	for (unsigned t = 0; t < COUNT(tunnels); t++) {
		struct flow flow = inner_of(t, 400, t);
		struct datagram *d = sealed(lab, t, &flow);

		d->source[d->ipv6 ? 15 : 3] ^= 0x40;
		send_piece(lab, d, 0, 200);
		send_piece(lab, d, 200, d->octets - 200);
		expect_drop(lab, 0, WAN, DROP_outer_fragment, 2);
	}
	expect_nothing_sent(lab);
}

static void too_late(void **state)
{
	struct lab *lab = lab_of_tunnels(state);
	struct worker *w = lab->dp->worker[0];

	for (unsigned t = 0; t < COUNT(tunnels); t++) {
		struct flow flow = inner_of(t, 400, t);
		struct datagram *d = sealed(lab, t, &flow);
		uint64_t before = rte_rdtsc();

		send_piece(lab, d, 0, 200);
		send_piece(lab, d, 0, 200);
		expect_drop(lab, 0, WAN, DROP_reassembly_duplicate, 1);
		send_piece(lab, d, 208, 48);
		reassembly_expire(w, before + rte_get_tsc_hz() / 2);
		send_piece(lab, d, 200, 8);
		expire(lab);
		expect_drop(lab, 0, WAN, DROP_reassembly_timeout, 3);
		// The rest finds nothing, and waits in turn.
		send_piece(lab, d, 256, d->octets - 256);
		expire(lab);
		expect_drop(lab, 0, WAN, DROP_reassembly_timeout, 1);
	}
	expect_nothing_sent(lab);
}

// The oldest makes way.
static void more_than_fit(void **state)
{
	struct lab *lab = lab_of_tunnels(state);
	static struct datagram d[REASSEMBLY_ENTRIES + 10];
	struct flow flow = inner_of(0, 400, 1);
	unsigned over = COUNT(d) - REASSEMBLY_ENTRIES;

	for (unsigned i = 0; i < COUNT(d); i++) {
		flow.number = i;
		d[i] = *sealed(lab, 0, &flow);
		d[i].id = i + 1;
		send_piece(lab, &d[i], 200, d[i].octets - 200);
	}
	expect_drop(lab, 0, WAN, DROP_reassembly_full, over);
	for (unsigned i = over; i < COUNT(d); i++) {
		flow.number = i;
		send_piece(lab, &d[i], 0, 200);
		expect_reassembled(lab, 0, &flow);
	}
	for (unsigned i = 0; i < over; i++)
		send_piece(lab, &d[i], 0, 200);
	expire(lab);
	expect_drop(lab, 0, WAN, DROP_reassembly_timeout, over);
}

// RFC 3168 section 5.3. The inner header is ECT(0).
static void congestion(void **state)
{
	struct lab *lab = lab_of_tunnels(state);

	for (unsigned t = 0; t < COUNT(tunnels); t++) {
		for (unsigned marks = 0; marks < 16; marks++) {
			unsigned first = marks / 4, second = marks % 4;
			bool marked = first == 3 || second == 3;
			struct flow flow = inner_of(t, 400, marks);
			struct datagram *d;

			flow.tos = 2;
			d = sealed(lab, t, &flow);
			d->traffic_class = (uint8_t)first;
			send_piece(lab, d, 0, 200);
			d->traffic_class = (uint8_t)second;
			send_piece(lab, d, 200, d->octets - 200);
			if (marked && (first == 0 || second == 0)) {
				expect_drop(lab, 0, WAN, DROP_reassembly_ecn, 2);
				continue;
			}
			if (marked)
				flow.tos = 3;
			else if (first == 1)
				flow.tos = 1;
			expect_reassembled(lab, t, &flow);
		}
	}
}

// What waits when the data plane goes, goes with it.
static void left_behind(void **state)
{
	struct lab *lab = lab_of_tunnels(state);
	struct flow flow = inner_of(0, 400, 1);

	send_piece(lab, sealed(lab, 0, &flow), 0, 200);
	assert_int_equal(rte_mempool_avail_count(lab->dp->pool), lab->buffers - 1);
	lab->buffers--;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(every_order, NULL),
		LAB_TEST(tiny, NULL),
		LAB_TEST(whole_but_short, NULL),
		LAB_TEST(longest, NULL),
		LAB_TEST(malformed, NULL),
		LAB_TEST(strangers, NULL),
		LAB_TEST(too_late, NULL),
		LAB_TEST(more_than_fit, NULL),
		LAB_TEST(congestion, NULL),
		LAB_TEST(left_behind, NULL),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
