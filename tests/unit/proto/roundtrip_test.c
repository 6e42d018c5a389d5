// Both protocols, all algorithms, both outer families: what encap sends, decap gives back, at every
// length.
#include "unit.h"

#include "fixture.h"

#define LENGTH_MAX 9000

static uint8_t inners[BURST_MAX][LENGTH_MAX];
static uint32_t lengths[BURST_MAX];

static void assert_outer(const struct rig *rig, const struct rte_mbuf *m, const uint8_t *inner)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	uint8_t class = inner[0] >> 4 == 4 ? inner[1] : (uint8_t)(read_be16(inner) >> 4);

	assert_int_equal(m->pkt_len, m->data_len);
	if (rig->scheme.ipv6) {
		assert_int_equal((uint8_t)(read_be16(p) >> 4), class);
		assert_int_equal(read_be16(p + 4), m->data_len - 40);
		assert_int_equal(p[6], 50);
		return;
	}
	assert_int_equal(p[0], 0x45);
	assert_int_equal(p[1], class);
	assert_int_equal(read_be16(p + 2), m->data_len);
	assert_int_equal(read_be16(p + 6), 0x4000);
	assert_int_equal(p[9], 50);
	assert_int_equal(read_be16(p + 10), slow_checksum(p, 20, 10));
}

static uint32_t outer_length(const struct rig *rig, uint32_t inner)
{
	uint32_t padded = (inner + 2 + 3) / 4 * 4;

	return rig_l4(rig) + 32 + (rig->scheme.proto == &vpe_ops ? inner : padded);
}

// What was sent turns up at the other end in a buffer without any room, as the packet it was.
static void receive_sent(struct rig *rig)
{
	struct burst *b = &rig->burst;

	for (uint16_t i = 0; i < b->n; i++) {
		struct rte_mbuf *m = b->m[i];

		assert_int_equal(b->verdict[i], VERDICT_ACCEPT);
		assert_outer(rig, m, inners[i]);
		assert_int_equal(m->data_len, outer_length(rig, lengths[i]));
		b->m[i] = packet_new(rte_pktmbuf_mtod(m, uint8_t *), m->data_len, 0, 0);
		b->packet[i].l4 = rig_l4(rig);
		packet_free(m);
	}
	assert_int_equal(rig->batch.n, b->n);
	rig_decap(rig, 1);
	rig_finish(rig, 1);
	for (uint16_t i = 0; i < b->n; i++) {
		struct rte_mbuf *m = b->m[i];

		if (b->verdict[i] != VERDICT_ACCEPT)
			fail_msg("%s, %u octets: %s", scheme_name(&rig->scheme), lengths[i],
				drop_name((enum drop_reason)b->verdict[i]));
		assert_int_equal(m->data_len, lengths[i]);
		assert_int_equal(m->pkt_len, lengths[i]);
		assert_memory_equal(rte_pktmbuf_mtod(m, uint8_t *), inners[i], lengths[i]);
	}
}

static void assert_not_in_clear(const struct rig *rig)
{
	for (uint16_t i = 0; i < rig->burst.n; i++) {
		const struct rte_mbuf *m = rig->burst.m[i];
		const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);

		assert_null(memmem(p, m->data_len, inners[i], 16));
	}
}

static void send_burst(struct rig *rig, bool ipv6, uint32_t first, uint32_t step)
{
	const struct sa_out_lane *lane = &rig->out->lane[2];
	uint64_t next = lane->next;
	uint64_t packets = lane->packets;
	uint64_t octets = lane->octets;
	uint32_t padding;

	burst_drop(&rig->burst);
	for (uint32_t length = first; length <= LENGTH_MAX && rig->burst.n < BURST_MAX;
		length += step) {
		uint16_t i = rig->burst.n;

		(ipv6 ? make_ipv6 : make_ipv4)(inners[i], length, (uint8_t)(length % 256), next);
		lengths[i] = length;
		octets += length;
		padding = outer_length(rig, length) - rig_l4(rig) - 32 - length;
		// ESP's ICV stands behind; no octet of room more than is needed.
		if (rig->scheme.proto == &esp_ops)
			burst_add(&rig->burst,
				packet_new(inners[i], length, rig_l4(rig) + 16u, padding + 16), 0);
		else
			burst_add(&rig->burst, packet_new(inners[i], length, rig_l4(rig) + 32u, 0),
				0);
	}
	rig_encap(rig, 2);
	assert_true(lane->next == next + rig->burst.n);
	assert_true(lane->packets == packets + rig->burst.n);
	assert_true(lane->octets == octets);
	assert_not_in_clear(rig);
	receive_sent(rig);
}

static uint32_t run_lengths(struct rig *rig, bool ipv6, uint32_t step)
{
	uint32_t n = 0;

	for (uint32_t first = ipv6 ? 40 : 20; first <= LENGTH_MAX; first += BURST_MAX * step) {
		send_burst(rig, ipv6, first, step);
		n += rig->burst.n;
	}
	return n;
}

static void run_schemes(const struct proto_ops *proto)
{
	static struct rig rig;

	for (unsigned i = 0; i < SCHEMES; i++) {
		uint32_t n;
		struct window_slot *slot;

		if (scheme_at(i).proto != proto)
			continue;
		rig_open(&rig, scheme_at(i), NULL);
		n = run_lengths(&rig, false, 1);
		n += run_lengths(&rig, true, full_run() ? 1 : 7);
		assert_int_equal(rig.out->lane[2].next, 1 + n);
		assert_int_equal(rig.out->lane[0].next + rig.out->lane[1].next, 2);
		assert_int_equal(atomic_load(&rig.in->windows->used), 1);
		slot = window_find(rig.in->windows, proto == &vpe_ops ? 3 << 16 : 1);
		assert_non_null(slot);
		assert_int_equal(window_owner(slot), 1);
		assert_int_equal(atomic_load(&slot->window)->accepted, n);
		assert_int_equal(atomic_load(&slot->window)->top, n);
		rig_close(&rig);
	}
}

static void vpe_lengths(void **state)
{
	(void)state;
	run_schemes(&vpe_ops);
}

static void esp_lengths(void **state)
{
	(void)state;
	run_schemes(&esp_ops);
}

// Each worker's window has its own numbers, and they meet at the receiver.
static void all_workers_send(void **state)
{
	static struct rig rig;
	uint8_t inner[64];
	static uint8_t outer[PACKET_MAX];

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		rig_open(&rig, scheme_at(i), NULL);
		for (unsigned n = 0; n < 200; n++) {
			uint16_t worker = (uint16_t)(n % RIG_WORKERS);
			uint32_t octets;

			make_ipv4(inner, 64, 0, n);
			octets = rig_send(&rig, worker, inner, 64, outer);
			assert_int_equal(rig_receive(&rig, 0, outer, octets), VERDICT_ACCEPT);
			assert_int_equal(rig.outcome.octets, 64);
			assert_memory_equal(rig.outcome.datagram, inner, 64);
			assert_int_equal(rig_receive(&rig, 0, outer, octets), DROP_replay_seen);
			assert_int_equal(outer[rig_l4(&rig) + 2], worker + 1);
			assert_int_equal(outer[rig_l4(&rig) + 4], n / RIG_WORKERS + 1);
		}
		assert_int_equal(atomic_load(&rig.in->windows->used), RIG_WORKERS);
		rig_close(&rig);
	}
}

// Part of a burst: the rest stays as it was.
static void runs_inside_a_burst(void **state)
{
	static struct rig rig;

	(void)state;
	for (unsigned s = 0; s < SCHEMES; s += 4) {
		rig_open(&rig, scheme_at(s), NULL);
		for (unsigned i = 0; i < 6; i++) {
			make_ipv4(inners[i], 64, 0, i);
			burst_add(&rig.burst, packet_new(inners[i], 64, 128, 64), 0);
			rig.burst.verdict[i] = DROP_no_route;
		}
		rig.batch.n = 0;
		rig.scheme.proto->encap(rig.out, 0, &rig.burst, 2, 3, &rig.batch);
		assert_int_equal(rig.batch.n, 3);
		for (unsigned i = 0; i < 6; i++) {
			bool run = i >= 2 && i < 5;

			assert_int_equal(
				rig.burst.verdict[i], run ? VERDICT_ACCEPT : DROP_no_route);
			assert_int_equal(rig.burst.m[i]->data_len == 64, !run);
			if (run)
				assert_operation(&rig, i - 2, i);
		}
		rig_close(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vpe_lengths),
		cmocka_unit_test(esp_lengths),
		cmocka_unit_test(all_workers_send),
		cmocka_unit_test(runs_inside_a_burst),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
