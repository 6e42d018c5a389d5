// Frames are looked at four at a time where all four are plain: what becomes of each of a burst is
// what becomes of it alone.
#include "odd_frames.h"

#include "../fences.h"
#include "base/bytes.h"
#include "dataplane/classify.h"
#include "dataplane/drop.h"
#include "dataplane/meta.h"
#include "proto/ip_hdr.h"

#define NINE 9 // two times four, and one that has no four

struct fate {
	struct packet packet;
	struct meta meta; // of frames for the kernel
	uint16_t octets;
	uint8_t octet[PACKET_MAX];
};

// What became of some frames, in their order.
struct outcome {
	struct port_stats stats; // counted meanwhile
	struct classified all;
	unsigned kept;
	unsigned punted;
	struct fate fate[BURST_MAX];
	struct fate punt[BURST_MAX];
};

static void note(struct fate *fate, struct rte_mbuf *m)
{
	assert_int_equal(m->pkt_len, m->data_len);
	fate->octets = m->data_len;
	memcpy(fate->octet, rte_pktmbuf_mtod(m, void *), m->data_len);
}

// Packets that go on, which end here. What classification does not say is as it was before.
static void take_burst(
	struct worker *w, unsigned port, struct rte_mbuf *frames[], uint16_t n, struct outcome *o)
{
	static struct burst b;
	struct classified all;

	memset(&b, 0xa5, sizeof(b));
	all = classify_frames(w, (uint8_t)port, frames, n, &b);
	o->all.plain &= all.plain;
	o->all.tunnels &= all.tunnels;
	for (unsigned i = 0; i < b.n; i++) {
		struct fate *fate = &o->fate[o->kept++];

		fate->packet = b.packet[i];
		assert_int_equal(fate->packet.port, port);
		assert_true(is_fenced(b.m[i]));
		note(fate, b.m[i]);
		drop_free(b.m[i]);
	}
}

static void take_punted(struct lab *lab, struct outcome *o)
{
	struct rte_mbuf *m[BURST_MAX];

	o->punted = lab_punted(lab, m, COUNT(m));
	for (unsigned i = 0; i < o->punted; i++) {
		o->punt[i].meta = *meta_of(m[i]);
		note(&o->punt[i], m[i]);
		rte_pktmbuf_free(m[i]);
	}
}

static void count_since(const struct port_stats *before, const struct port_stats *now, void *result)
{
	for (size_t at = 0; at < sizeof(*now); at += 8)
		store_le64((uint8_t *)result + at,
			load_le64((const uint8_t *)now + at) -
				load_le64((const uint8_t *)before + at));
}

// All in one burst, or each alone.
static void take(struct lab *lab, unsigned port, struct rte_mbuf *frames[], uint16_t n, bool alone,
	struct outcome *o)
{
	struct worker *w = lab->dp->worker[0];
	struct port_stats before = w->stats.port[port];

	o->all = (struct classified){true, true};
	o->kept = 0;
	for (uint16_t i = 0; alone && i < n; i++)
		take_burst(w, port, &frames[i], 1, o);
	if (!alone)
		take_burst(w, port, frames, n, o);
	take_punted(lab, o);
	count_since(&before, &w->stats.port[port], &o->stats);
}

// The same frame in other buffers.
static struct rte_mbuf *twin(struct lab *lab, const struct rte_mbuf *m)
{
	struct rte_mbuf *first = NULL;

	for (; m != NULL; m = m->next) {
		struct rte_mbuf *segment = rte_pktmbuf_alloc(lab->dp->pool);

		memcpy(append_zeros(segment, m->data_len), rte_pktmbuf_mtod(m, const void *),
			m->data_len);
		segment->ol_flags = m->ol_flags;
		if (first == NULL)
			first = segment;
		else
			assert_int_equal(rte_pktmbuf_chain(first, segment), 0);
	}
	return first;
}

static void assert_same(const struct outcome *is, const struct outcome *right)
{
	assert_int_equal(is->all.plain, right->all.plain);
	assert_int_equal(is->all.tunnels, right->all.tunnels);
	assert_int_equal(is->kept, right->kept);
	assert_int_equal(is->punted, right->punted);
	assert_memory_equal(&is->stats, &right->stats, sizeof(is->stats));
	for (unsigned i = 0; i < is->kept; i++) {
		assert_int_equal(is->fate[i].packet.l4, right->fate[i].packet.l4);
		assert_int_equal(is->fate[i].packet.protocol, right->fate[i].packet.protocol);
		assert_int_equal(is->fate[i].packet.flags, right->fate[i].packet.flags);
		assert_int_equal(is->fate[i].packet.tunnel, right->fate[i].packet.tunnel);
		assert_int_equal(is->fate[i].octets, right->fate[i].octets);
		assert_memory_equal(is->fate[i].octet, right->fate[i].octet, right->fate[i].octets);
	}
	for (unsigned i = 0; i < is->punted; i++) {
		assert_int_equal(is->punt[i].meta.kind, right->punt[i].meta.kind);
		assert_int_equal(is->punt[i].meta.port, right->punt[i].meta.port);
		assert_int_equal(is->punt[i].octets, right->punt[i].octets);
		assert_memory_equal(is->punt[i].octet, right->punt[i].octet, right->punt[i].octets);
	}
}

// What goes on is as it is said to be.
static void assert_plain(const struct outcome *o)
{
	for (unsigned i = 0; o->all.plain && i < o->kept; i++) {
		assert_int_equal(o->fate[i].octet[0], 0x45);
		assert_int_equal(o->fate[i].packet.l4, 20);
		assert_int_equal(o->fate[i].packet.flags, 0);
	}
	for (unsigned i = 0; o->all.tunnels && i < o->kept; i++) {
		assert_true(o->all.plain);
		assert_int_equal(o->fate[i].packet.protocol, IP_PROTOCOL_ESP);
	}
}

// Takes the frames. Returns what became of them.
static const struct outcome *as_alone(
	struct lab *lab, unsigned port, struct rte_mbuf *frames[], uint16_t n)
{
	static struct outcome together;
	static struct outcome alone;
	struct rte_mbuf *twins[BURST_MAX];
	uint64_t octets = 0;

	for (uint16_t i = 0; i < n; i++) {
		twins[i] = twin(lab, frames[i]);
		octets += frames[i]->pkt_len;
	}
	take(lab, port, twins, n, true, &alone);
	take(lab, port, frames, n, false, &together);
	assert_int_equal(together.stats.rx_packets, n);
	assert_int_equal(together.stats.rx_octets, octets);
	assert_int_equal(together.stats.rx_full, n == lab->params.burst);
	alone.stats.rx_full = together.stats.rx_full;
	assert_same(&together, &alone);
	assert_plain(&together);
	return &together;
}

// Of different lengths, and of two protocols.
static struct rte_mbuf *plain_frame(struct lab *lab, unsigned port, uint64_t number)
{
	return numbered_frame(lab, port, false, number % 3 == 0 ? IP_PROTOCOL_TCP : IP_PROTOCOL_UDP,
		(uint16_t)(36 + 7 * number), number);
}

// Nine frames that are plain but for those at two places, which may be the same one.
static const struct outcome *nine(struct lab *lab, unsigned port, unsigned at,
	const struct odd_frame *odd, unsigned other_at, const struct odd_frame *other)
{
	struct rte_mbuf *frames[NINE];

	for (unsigned i = 0; i < NINE; i++) {
		if (i == at)
			frames[i] = odd_frame(lab, port, odd, 1);
		else if (i == other_at)
			frames[i] = odd_frame(lab, port, other, 1);
		else
			frames[i] = plain_frame(lab, port, 1 + i);
	}
	return as_alone(lab, port, frames, NINE);
}

static void all_plain(void **state)
{
	struct lab *lab = *state;

	for (uint16_t n = 1; n <= BURST_MAX; n++) {
		struct rte_mbuf *frames[BURST_MAX];
		const struct outcome *o;

		for (uint16_t i = 0; i < n; i++)
			frames[i] = plain_frame(lab, n % LAB_PORTS, i);
		o = as_alone(lab, n % LAB_PORTS, frames, n);
		assert_true(o->all.plain);
		assert_int_equal(o->kept, n);
		for (uint16_t i = 0; i < n; i++) {
			assert_int_equal(o->fate[i].octets, 36 + 7 * i);
			assert_int_equal(packet_number(o->fate[i].octet), i);
		}
	}
}

// Of n tunnel packets, that at one place has another protocol. n: none has.
static const struct outcome *tunnels(struct lab *lab, uint16_t n, uint16_t other, uint8_t protocol)
{
	struct rte_mbuf *frames[BURST_MAX];

	for (uint16_t i = 0; i < n; i++)
		frames[i] = numbered_frame(lab, 1, false, i == other ? protocol : IP_PROTOCOL_ESP,
			(uint16_t)(60 + i), i);
	return as_alone(lab, 1, frames, n);
}

static void tunnels_are_told(void **state)
{
	for (uint16_t n = 1; n <= BURST_MAX; n++) {
		for (uint16_t other = 0; other <= n; other++) {
			const struct outcome *o = tunnels(*state, n, other, IP_PROTOCOL_UDP);

			assert_int_equal(o->kept, n);
			assert_true(o->all.plain);
			assert_int_equal(o->all.tunnels, other == n);
		}
	}
}

static void no_other_protocol_is_a_tunnel(void **state)
{
	for (unsigned protocol = 0; protocol <= UINT8_MAX; protocol++)
		assert_int_equal(tunnels(*state, 8, 5, (uint8_t)protocol)->all.tunnels,
			protocol == IP_PROTOCOL_ESP);
}

// Among tunnel packets: one that is dropped says nothing of those that go on.
static void odd_among_tunnels(struct lab *lab, const struct odd_frame *odd, bool dropped)
{
	for (uint16_t at = 0; at < NINE; at++) {
		struct rte_mbuf *frames[NINE];

		for (uint16_t i = 0; i < NINE; i++)
			frames[i] = i == at ? odd_frame(lab, 1, odd, 1)
					    : numbered_frame(lab, 1, false, IP_PROTOCOL_ESP,
						      (uint16_t)(60 + i), i);
		if (dropped)
			assert_int_equal(as_alone(lab, 1, frames, NINE)->kept, NINE - 1);
		else
			as_alone(lab, 1, frames, NINE);
	}
}

static void odd_ones_among_tunnels(void **state)
{
	for (unsigned i = 0; i < COUNT(bad_frames); i++)
		odd_among_tunnels(*state, &bad_frames[i], true);
	for (unsigned i = 0; i < COUNT(good_kinds); i++)
		odd_among_tunnels(*state, &good_kinds[i], false);
	for (unsigned i = 0; i < COUNT(other_kinds); i++)
		odd_among_tunnels(*state, &other_kinds[i], false);
}

// The odd one ends as it does alone, all others go on in their order.
static void assert_one_dropped(const struct outcome *o, unsigned at, enum drop_reason reason)
{
	assert_int_equal(o->stats.drops[reason], 1);
	assert_int_equal(o->kept, NINE - 1);
	for (unsigned i = 0; i < NINE - 1; i++)
		assert_int_equal(packet_number(o->fate[i].octet), 1 + i + (i >= at));
}

static void bad_ones_at_each_place(void **state)
{
	struct lab *lab = *state;

	for (unsigned b = 0; b < COUNT(bad_frames); b++) {
		for (unsigned i = 0; i < NINE * LAB_PORTS; i++) {
			unsigned at = i / LAB_PORTS;

			assert_one_dropped(nine(lab, i % LAB_PORTS, at, &bad_frames[b], at, NULL),
				at, bad_frames[b].reason);
		}
	}
}

static void bad_ones_at_two_places(void **state)
{
	struct lab *lab = *state;
	unsigned k = 0;

	for (unsigned i = 0; i < NINE * NINE * COUNT(bad_frames); i++) {
		unsigned at = i % NINE;
		unsigned other_at = i / NINE % NINE;
		const struct odd_frame *bad = &bad_frames[i / (NINE * NINE)];
		const struct odd_frame *other = &bad_frames[k++ * 7 % COUNT(bad_frames)];
		const struct outcome *o;

		if (at == other_at)
			continue;
		o = nine(lab, i % LAB_PORTS, at, bad, other_at, other);
		assert_int_equal(o->kept, NINE - 2);
		if (bad->reason == other->reason) {
			assert_int_equal(o->stats.drops[bad->reason], 2);
		} else {
			assert_int_equal(o->stats.drops[bad->reason], 1);
			assert_int_equal(o->stats.drops[other->reason], 1);
		}
	}
}

static void kinds_at_each_place(void **state)
{
	struct lab *lab = *state;

	for (unsigned at = 0; at < NINE; at++) {
		for (unsigned k = 0; k < COUNT(good_kinds); k++) {
			const struct outcome *o =
				nine(lab, k % LAB_PORTS, at, &good_kinds[k], at, NULL);

			assert_int_equal(o->kept, NINE);
			for (unsigned i = 0; i < NINE; i++)
				assert_true(i == at || packet_number(o->fate[i].octet) == 1 + i);
		}
		for (unsigned k = 0; k < COUNT(other_kinds); k++) {
			const struct odd_frame *odd = &other_kinds[k];
			const struct outcome *o = nine(lab, k % LAB_PORTS, at, odd, at, NULL);

			assert_int_equal(o->kept, NINE - 1);
			assert_int_equal(o->punted, odd->reason == DROP_NONE);
			assert_int_equal(o->stats.drops[odd->reason], odd->reason != DROP_NONE);
		}
	}
}

static struct rte_mbuf *any_frame(
	struct lab *lab, unsigned port, struct random *r, unsigned odd_percent)
{
	uint64_t number = random_below(r, 64);

	if (random_below(r, 100) >= odd_percent)
		return plain_frame(lab, port, number);
	switch (random_below(r, 4)) {
	case 0:
		return odd_frame(
			lab, port, &bad_frames[random_below(r, COUNT(bad_frames))], number);
	case 1:
		return odd_frame(
			lab, port, &other_kinds[random_below(r, COUNT(other_kinds))], number);
	default:
		return odd_frame(
			lab, port, &good_kinds[random_below(r, COUNT(good_kinds))], number);
	}
}

// Some octets of the header are something else.
static void change(struct random *r, struct rte_mbuf *m)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);

	if (m->data_len < ETHER + IPV4_HEADER_MIN)
		return;
	for (uint64_t n = 1 + random_below(r, 2); n > 0; n--)
		frame[ETHER + random_below(r, IPV4_HEADER_MIN)] ^=
			(uint8_t)(1 << random_below(r, 8));
	if (random_below(r, 2) == 1 && m->data_len >= ETHER + (frame[ETHER] & 15) * 4)
		packet_sum(frame + ETHER);
}

// Bursts in which few frames are odd, and such in which most are.
static void mixed_bursts(void **state)
{
	struct lab *lab = *state;
	struct random r = {21};
	unsigned bursts = full_run() ? 100000 : 3000;

	for (unsigned round = 0; round < bursts; round++) {
		unsigned port = (unsigned)random_below(&r, LAB_PORTS);
		uint16_t n = (uint16_t)(1 + random_below(&r, BURST_MAX));
		unsigned odd_percent = round % 4 == 3 ? 80 : 8;
		struct rte_mbuf *frames[BURST_MAX];

		for (uint16_t i = 0; i < n; i++) {
			frames[i] = any_frame(lab, port, &r, odd_percent);
			if (random_below(&r, 100) < odd_percent / 2)
				change(&r, frames[i]);
		}
		as_alone(lab, port, frames, n);
	}
}

static int setup(void **state)
{
	struct lab *lab;

	*state = NULL;
	lab_setup(state);
	lab = *state;
	lab->loose = true; // counters are compared here
	return 0;
}

#define FOUR_TEST(f) cmocka_unit_test_setup_teardown(f, setup, lab_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FOUR_TEST(all_plain),
		FOUR_TEST(tunnels_are_told),
		FOUR_TEST(no_other_protocol_is_a_tunnel),
		FOUR_TEST(odd_ones_among_tunnels),
		FOUR_TEST(bad_ones_at_each_place),
		FOUR_TEST(bad_ones_at_two_places),
		FOUR_TEST(kinds_at_each_place),
		FOUR_TEST(mixed_bursts),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
