// Sending at its limits, both protocols: the last sequence number, leases, buffers without room.
#include "unit.h"

#include "fixture.h"

static struct rig rig;

static void add_inner(uint32_t octets, uint32_t head, uint32_t tail)
{
	uint8_t inner[256];

	make_ipv4(inner, octets, 0, octets);
	burst_add(&rig.burst, packet_new(inner, octets, head, tail), 0);
}

// The packet is as it came.
static void assert_untouched(uint16_t i, uint32_t octets)
{
	uint8_t inner[256];

	make_ipv4(inner, octets, 0, octets);
	assert_int_equal(rig.burst.m[i]->data_len, octets);
	assert_memory_equal(rte_pktmbuf_mtod(rig.burst.m[i], uint8_t *), inner, octets);
}

static uint64_t last_of(const struct scheme *scheme)
{
	if (scheme->proto == &vpe_ops)
		return UINT64_MAX - 1;
	return scheme->esn ? UINT64_MAX - 1 : UINT32_MAX;
}

// The number in the octets of the packet; ESP's upper half is not there.
static uint64_t number_on_wire(const uint8_t *outer)
{
	const uint8_t *p = outer + rig_l4(&rig);
	uint64_t seq = 0;

	if (rig.scheme.proto == &vpe_ops) {
		for (unsigned i = 12; i-- > 4;)
			seq = seq << 8 | p[i];
	} else {
		for (unsigned i = 4; i < 8; i++)
			seq = seq << 8 | p[i];
	}
	return seq;
}

static void last_number(void **state)
{
	(void)state;
	for (unsigned s = 0; s < SCHEMES; s++) {
		struct scheme scheme = scheme_at(s);
		uint64_t last = last_of(&scheme);
		uint64_t mask = scheme.proto == &vpe_ops ? UINT64_MAX : UINT32_MAX;

		assert_true(scheme.proto->last_seq(scheme.esn) == last);
		rig_open(&rig, scheme, &(struct rig_options){.first = last - 1});
		for (unsigned i = 0; i < 4; i++)
			add_inner(60, 72, 20);
		rig_encap(&rig, 0);
		assert_int_equal(rig.batch.n, 2);
		for (uint16_t i = 0; i < 4; i++) {
			assert_int_equal(
				rig.burst.verdict[i], i < 2 ? VERDICT_ACCEPT : DROP_seq_exhausted);
			if (i >= 2)
				assert_untouched(i, 60);
			else
				assert_true(number_on_wire(rte_pktmbuf_mtod(rig.burst.m[i],
						    uint8_t *)) == ((last - 1 + i) & mask));
		}
		assert_true(rig.out->lane[0].next == last + 1);
		assert_int_equal(rig.out->lane[0].packets, 2);
		assert_int_equal(rig.out->lane[0].octets, 120);
		// For good: the counter does not come round.
		for (unsigned round = 0; round < 3; round++) {
			burst_drop(&rig.burst);
			add_inner(60, 72, 20);
			rig_encap(&rig, 0);
			assert_int_equal(rig.batch.n, 0);
			assert_int_equal(rig.burst.verdict[0], DROP_seq_exhausted);
		}
		assert_true(rig.out->lane[0].next == last + 1);
		rig_close(&rig);
	}
}

// The last number is received too.
static void last_number_arrives(void **state)
{
	static uint8_t outer[PACKET_MAX];
	uint8_t inner[60];

	(void)state;
	for (unsigned s = 0; s < SCHEMES; s++) {
		struct scheme scheme = scheme_at(s);
		uint64_t last = last_of(&scheme);
		uint32_t octets;

		rig_open(&rig, scheme, &(struct rig_options){.first = last});
		if (scheme.esn)
			atomic_store(&rig.in->windows->told_top, last - 1);
		make_ipv4(inner, 60, 0, 0);
		octets = rig_send(&rig, 0, inner, 60, outer);
		assert_int_equal(rig_receive(&rig, 0, outer, octets), VERDICT_ACCEPT);
		assert_memory_equal(rig.outcome.datagram, inner, 60);
		assert_int_equal(rig_receive(&rig, 0, outer, octets), DROP_replay_seen);
		rig_close(&rig);
	}
}

static void leases_end(void **state)
{
	(void)state;
	for (unsigned s = 0; s < SCHEMES; s += 4) {
		rig_open(&rig, scheme_at(s), &(struct rig_options){.first = 500});
		rig.out->lane[3].lease_end = 503;
		for (unsigned i = 0; i < 5; i++)
			add_inner(60, 72, 20);
		rig_encap(&rig, 3);
		assert_int_equal(rig.batch.n, 3);
		assert_int_equal(rig.out->lane[3].next, 503);
		assert_int_not_equal(rig.burst.verdict[3], VERDICT_ACCEPT);
		assert_untouched(3, 60);
		burst_drop(&rig.burst);
		rig.out->lane[3].lease_end = 504;
		add_inner(60, 72, 20);
		add_inner(60, 72, 20);
		rig_encap(&rig, 3);
		assert_int_equal(rig.batch.n, 1);
		assert_int_equal(rig.out->lane[3].next, 504);
		rig_close(&rig);
	}
}

// One octet too little in front or behind: dropped, and no number is lost.
static void no_room(void **state)
{
	(void)state;
	for (unsigned s = 0; s < SCHEMES; s++) {
		struct scheme scheme = scheme_at(s);
		bool esp = scheme.proto == &esp_ops;

		for (uint32_t octets = 60; octets < 64; octets++) {
			uint32_t tail = esp ? (62 - octets) % 4 + 2 + 16 : 0;
			uint32_t head;

			rig_open(&rig, scheme, NULL);
			head = rig_l4(&rig) + (esp ? 16u : 32u);
			add_inner(octets, head - 1, tail);
			add_inner(octets, head, tail);
			if (esp)
				add_inner(octets, head, tail - 1);
			else
				add_inner(octets, 0, 100);
			add_inner(octets, head, tail);
			rig_encap(&rig, 0);
			assert_int_equal(rig.batch.n, 2);
			for (unsigned i = 0; i < 4; i++)
				assert_int_equal(rig.burst.verdict[i],
					i % 2 ? VERDICT_ACCEPT : DROP_no_room);
			assert_operation(&rig, 0, 1);
			assert_operation(&rig, 1, 3);
			assert_int_equal(
				number_on_wire(rte_pktmbuf_mtod(rig.burst.m[3], uint8_t *)), 2);
			assert_int_equal(rig.out->lane[0].next, 3);
			assert_int_equal(rig.out->lane[0].octets, 2 * octets);
			rig_close(&rig);
		}
	}
}

// Batches of several runs: operations are added behind those that are there.
static void batches_grow(void **state)
{
	(void)state;
	for (unsigned s = 0; s < SCHEMES; s += 4) {
		rig_open(&rig, scheme_at(s), NULL);
		for (unsigned i = 0; i < BURST_MAX; i++)
			add_inner(60, 72, 20);
		rig.batch.n = 0;
		for (uint16_t first = 0; first < BURST_MAX; first += 16)
			rig.scheme.proto->encap(
				rig.out, first / 16, &rig.burst, first, 16, &rig.batch);
		assert_int_equal(rig.batch.n, BURST_MAX);
		for (unsigned i = 0; i < BURST_MAX; i++)
			assert_operation(&rig, i, i);
		aead_seal_burst(rig.ctx, rig.batch.op, rig.batch.n);
		for (unsigned i = 0; i < BURST_MAX; i++)
			rig.burst.packet[i].l4 = rig_l4(&rig);
		rig.batch.n = 0;
		for (uint16_t first = 0; first < BURST_MAX; first += 16)
			rig.scheme.proto->decap(rig.in, 0, &rig.burst, first, 16, &rig.batch);
		assert_int_equal(rig.batch.n, BURST_MAX);
		assert_true(aead_open_burst(rig.ctx, rig.batch.op, rig.batch.n));
		for (unsigned i = 0; i < BURST_MAX; i++) {
			assert_false(rig.batch.op[i].forged);
			assert_operation(&rig, i, i);
		}
		rig_close(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(last_number),
		cmocka_unit_test(last_number_arrives),
		cmocka_unit_test(leases_end),
		cmocka_unit_test(no_room),
		cmocka_unit_test(batches_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
