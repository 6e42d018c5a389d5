// Receiving beside one's own windows: copies, other workers' windows, full tables, empty pools. The
// same for both protocols.
#include "unit.h"

#include "fixture.h"

static bool is_vpe(const struct rig *rig)
{
	return rig->scheme.proto == &vpe_ops;
}

// With ESN a number left of the window is taken for one of the next 2^32, where the ICV is wrong.
static uint16_t old_reason(const struct rig *rig)
{
	return rig->scheme.esn ? DROP_icv_failed : DROP_replay_old;
}

static struct replay_window *window_of(struct rig *rig)
{
	struct window_slot *slot = window_find(rig->in->windows, is_vpe(rig) ? 1 << 16 : 1);

	assert_non_null(slot);
	return atomic_load(&slot->window);
}

// A good datagram with this number. Returns octets of outer.
static uint32_t good(struct rig *rig, uint64_t seq, uint8_t *outer)
{
	uint8_t inner[80];
	uint32_t plain = 61;

	make_ipv4(inner, 61, 0, seq);
	if (!is_vpe(rig))
		plain = add_trailer(inner, 61, 4);
	return rig_forge(rig, &(struct forgery){.seq = seq}, inner, plain, outer);
}

static void arrive(struct rig *rig, uint64_t seq)
{
	static uint8_t outer[PACKET_MAX];
	uint32_t octets = good(rig, seq, outer);

	rig_arrive(rig, outer, octets);
}

static uint16_t receive(struct rig *rig, uint16_t worker, uint64_t seq)
{
	static uint8_t outer[PACKET_MAX];
	uint32_t octets = good(rig, seq, outer);

	return rig_receive(rig, worker, outer, octets);
}

static void assert_datagram(struct rig *rig, uint16_t i, uint64_t seq)
{
	uint8_t inner[80];

	make_ipv4(inner, 61, 0, seq);
	assert_int_equal(rig->burst.verdict[i], VERDICT_ACCEPT);
	assert_int_equal(rig->burst.m[i]->data_len, 61);
	assert_memory_equal(rte_pktmbuf_mtod(rig->burst.m[i], uint8_t *), inner, 61);
}

// One scheme each of VPE, ESP and ESP with ESN, and both outer families.
static const unsigned some_schemes[] = {0, 4, 8, 13, 16, 22};

static void for_schemes(void (*run)(struct rig *rig), const struct rig_options *options)
{
	static struct rig rig;

	for (unsigned i = 0; i < COUNT(some_schemes); i++) {
		rig_open(&rig, scheme_at(some_schemes[i]), options);
		run(&rig);
		rig_close(&rig);
	}
}

static void copies(struct rig *rig)
{
	static const uint64_t seqs[] = {7, 7, 8, 7, 9, 8};
	static const uint16_t right[] = {
		0, DROP_replay_seen, 0, DROP_replay_seen, 0, DROP_replay_seen};

	for (unsigned i = 0; i < COUNT(seqs); i++)
		arrive(rig, seqs[i]);
	rig_decap(rig, 0);
	assert_int_equal(rig->batch.n, COUNT(seqs));
	rig_finish(rig, 0);
	for (uint16_t i = 0; i < COUNT(seqs); i++) {
		assert_int_equal(rig->burst.verdict[i], right[i]);
		if (right[i] == VERDICT_ACCEPT)
			assert_datagram(rig, i, seqs[i]);
	}
	assert_int_equal(window_of(rig)->accepted, 3);
	assert_int_equal(window_of(rig)->seen, 3);
	// Again with the window in place: the copy of a new number still passes the early check.
	burst_drop(&rig->burst);
	arrive(rig, 20);
	arrive(rig, 20);
	rig_decap(rig, 0);
	assert_int_equal(rig->batch.n, 2);
	rig_finish(rig, 0);
	assert_datagram(rig, 0, 20);
	assert_int_equal(rig->burst.verdict[1], DROP_replay_seen);
	// Earlier bursts' copies cost no crypto.
	burst_drop(&rig->burst);
	arrive(rig, 20);
	rig_decap(rig, 0);
	assert_int_equal(rig->batch.n, 0);
	assert_int_equal(rig->burst.verdict[0], DROP_replay_seen);
	rig_finish(rig, 0);
	assert_int_equal(rig->burst.verdict[0], DROP_replay_seen);
	assert_int_equal(window_of(rig)->top, 20);
}

static void copies_in_a_burst(void **state)
{
	(void)state;
	for_schemes(copies, NULL);
}

// In one burst a jump makes numbers old that were in the window when the burst began.
static void jump(struct rig *rig)
{
	assert_int_equal(receive(rig, 0, 100), VERDICT_ACCEPT);
	burst_drop(&rig->burst);
	arrive(rig, 99);
	arrive(rig, 200);
	arrive(rig, 98);
	arrive(rig, 137);
	arrive(rig, 136);
	rig_decap(rig, 0);
	assert_int_equal(rig->batch.n, 5);
	rig_finish(rig, 0);
	assert_datagram(rig, 0, 99);
	assert_datagram(rig, 1, 200);
	assert_int_equal(rig->burst.verdict[2], DROP_replay_old);
	assert_datagram(rig, 3, 137);
	assert_int_equal(rig->burst.verdict[4], DROP_replay_old);
	assert_int_equal(window_of(rig)->old, 2);
}

static void jumps_in_a_burst(void **state)
{
	(void)state;
	for_schemes(jump, NULL);
}

// A right packet in a broken burst: failures do not disturb their neighbours.
static void mixed(struct rig *rig)
{
	uint8_t *p;

	for (uint64_t seq = 1; seq <= 12; seq++)
		arrive(rig, seq);
	for (unsigned i = 0; i < 12; i += 3) {
		p = rte_pktmbuf_mtod(rig->burst.m[i], uint8_t *);
		p[rig->burst.m[i]->data_len - 1] ^= 1;
	}
	rig->burst.m[1]->data_len = (uint16_t)(rig_l4(rig) + 20);
	rig_decap(rig, 0);
	assert_int_equal(rig->batch.n, 11);
	rig_finish(rig, 0);
	assert_int_equal(rig->burst.verdict[1], DROP_runt);
	for (uint16_t i = 0; i < 12; i++) {
		if (i % 3 == 0)
			assert_int_equal(rig->burst.verdict[i], DROP_icv_failed);
		else if (i != 1)
			assert_datagram(rig, i, i + 1u);
	}
	assert_int_equal(window_of(rig)->accepted, 7);
}

static void failures_among_good(void **state)
{
	(void)state;
	for_schemes(mixed, NULL);
}

// Worker 1 owns the window. Worker 2 authenticates and hands over, without a look at the number.
static void hand_over(struct rig *rig)
{
	static const uint64_t seqs[] = {51, 50, 60, 60, 500};
	static const uint16_t right[] = {0, DROP_replay_seen, 0, DROP_replay_seen, 0};
	struct snapshot before;
	struct replay_window *w;

	assert_int_equal(receive(rig, 1, 50), VERDICT_ACCEPT);
	w = window_of(rig);
	burst_drop(&rig->burst);
	before = snapshot_take(rig);
	for (unsigned i = 0; i < COUNT(seqs); i++)
		arrive(rig, seqs[i]);
	rig_decap(rig, 2);
	assert_int_equal(rig->batch.n, COUNT(seqs));
	rig_finish(rig, 2);
	for (unsigned i = 0; i < COUNT(seqs); i++) {
		assert_int_equal(rig->burst.verdict[i], VERDICT_OWNER | 1);
		assert_int_equal(rig->burst.seq[i], seqs[i]);
	}
	assert_true(snapshot_same(&before, rig));
	assert_int_equal(w->seen + w->old, 0);
	// The owner has nothing but the mbuf, what was classified, and the number.
	memset(rig->burst.slot, 0xee, sizeof(rig->burst.slot));
	rig_commit(rig, 1);
	for (uint16_t i = 0; i < COUNT(seqs); i++) {
		assert_int_equal(rig->burst.verdict[i], right[i]);
		if (right[i] == VERDICT_ACCEPT)
			assert_datagram(rig, i, seqs[i]);
	}
	assert_int_equal(w->top, 500);
	assert_int_equal(w->accepted, 4);
	assert_int_equal(w->seen, 2);
	assert_int_equal(receive(rig, 1, 60), old_reason(rig));
}

static void windows_of_other_workers(void **state)
{
	(void)state;
	for_schemes(hand_over, NULL);
}

// A forged packet is not handed over.
static void forged(struct rig *rig)
{
	static uint8_t outer[PACKET_MAX];
	uint32_t octets = good(rig, 51, outer);

	assert_int_equal(receive(rig, 1, 50), VERDICT_ACCEPT);
	outer[octets - 1] ^= 0x80;
	assert_int_equal(rig_receive(rig, 2, outer, octets), DROP_icv_failed);
	assert_int_equal(rig_receive(rig, 1, outer, octets), DROP_icv_failed);
	// Its number is free.
	assert_int_equal(receive(rig, 1, 51), VERDICT_ACCEPT);
}

static void forged_stay_where_they_are(void **state)
{
	(void)state;
	for_schemes(forged, NULL);
}

// Two workers decap before either has a window; the second finds it taken.
static void lost_race(struct rig *rig)
{
	struct burst first;

	arrive(rig, 10);
	rig_decap(rig, 3);
	first = rig->burst;
	rig->burst.n = 0;
	arrive(rig, 11);
	rig_decap(rig, 1);
	rig_finish(rig, 1);
	assert_datagram(rig, 0, 11);
	burst_drop(&rig->burst);
	rig->burst = first;
	rig_finish(rig, 3);
	assert_int_equal(rig->burst.verdict[0], VERDICT_OWNER | 1);
	assert_int_equal(atomic_load(&rig->in->windows->used), 1);
	assert_int_equal(window_pool_used(&rig->pool), window_octets(64));
	rig_commit(rig, 1);
	assert_datagram(rig, 0, 10);
}

static void windows_claimed_meanwhile(void **state)
{
	(void)state;
	for_schemes(lost_race, NULL);
}

static void empty_pool(struct rig *rig)
{
	static struct window_table *table;
	struct window_slot *slot;

	// Somebody else has the only window.
	table = aligned_alloc(CACHE_LINE, window_table_octets(1));
	assert_non_null(table);
	window_table_init(table, 1, 64, false);
	assert_int_equal(window_claim(table, &rig->pool, 1, 0, &slot), DROP_NONE);
	arrive(rig, 5);
	arrive(rig, 6);
	rig_decap(rig, 0);
	rig_finish(rig, 0);
	assert_int_equal(rig->burst.verdict[0], DROP_window_pool_empty);
	assert_int_equal(rig->burst.verdict[1], DROP_window_pool_empty);
	assert_int_equal(atomic_load(&rig->in->windows->used), 0);
	window_table_clear(table, &rig->pool);
	free(table);
	assert_int_equal(receive(rig, 0, 5), VERDICT_ACCEPT);
}

static void pool_is_empty(void **state)
{
	(void)state;
	for_schemes(empty_pool, &(struct rig_options){.pool_windows = 1});
}

// Authentic, but not for passing on: its number is used all the same.
static void bad_inside(struct rig *rig)
{
	static uint8_t outer[PACKET_MAX];
	uint8_t plain[80];
	uint32_t octets = 40;

	make_ipv4(plain, 40, 0, 1);
	plain[11] ^= 1;
	if (!is_vpe(rig))
		octets = add_trailer(plain, 40, 4);
	octets = rig_forge(rig, &(struct forgery){.seq = 7}, plain, octets, outer);
	assert_int_equal(rig_receive(rig, 0, outer, octets), DROP_inner_checksum);
	assert_int_equal(rig_receive(rig, 0, outer, octets), DROP_replay_seen);
	assert_int_equal(receive(rig, 0, 7), DROP_replay_seen);
	assert_int_equal(window_of(rig)->accepted, 1);
	assert_int_equal(window_of(rig)->top, 7);
}

static void dropped_after_authentication(void **state)
{
	(void)state;
	for_schemes(bad_inside, NULL);
}

// The outer congestion mark of handed-over packets is joined as well.
static void marked(struct rig *rig)
{
	static uint8_t outer[PACKET_MAX];
	uint8_t plain[80];
	uint8_t right[80];
	uint32_t octets = 40;

	make_ipv4(plain, 40, 0xb8 | 2, 1);
	make_ipv4(right, 40, 0xb8 | 3, 1);
	if (!is_vpe(rig))
		octets = add_trailer(plain, 40, 4);
	octets = rig_forge(
		rig, &(struct forgery){.seq = 9, .traffic_class = 0x03}, plain, octets, outer);
	assert_int_equal(rig_receive(rig, 0, outer, octets), VERDICT_ACCEPT);
	assert_memory_equal(rig->outcome.datagram, right, 40);
	make_ipv4(plain, 40, 0xb8, 1);
	octets = 40;
	if (!is_vpe(rig))
		octets = add_trailer(plain, 40, 4);
	octets = rig_forge(
		rig, &(struct forgery){.seq = 10, .traffic_class = 0xbb}, plain, octets, outer);
	assert_int_equal(rig_receive(rig, 1, outer, octets), VERDICT_OWNER | 0);
	rig_arrive(rig, outer, octets);
	rig_decap(rig, 1);
	rig_finish(rig, 1);
	rig_commit(rig, 0);
	assert_int_equal(rig->burst.verdict[0], DROP_ecn_not_ect_ce);
}

static void congestion_on_the_way(void **state)
{
	(void)state;
	for_schemes(marked, NULL);
}

// Windows of other sizes than a power of two are judged by their own size.
static void sized(struct rig *rig)
{
	assert_int_equal(receive(rig, 0, 1000), VERDICT_ACCEPT);
	assert_int_equal(receive(rig, 0, 901), VERDICT_ACCEPT);
	assert_int_equal(receive(rig, 0, 900), old_reason(rig));
	assert_int_equal(window_of(rig)->size, 100);
}

static void window_size_is_the_sas(void **state)
{
	(void)state;
	for_schemes(sized, &(struct rig_options){.replay_window = 100});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_in_a_burst),
		cmocka_unit_test(jumps_in_a_burst),
		cmocka_unit_test(failures_among_good),
		cmocka_unit_test(windows_of_other_workers),
		cmocka_unit_test(forged_stay_where_they_are),
		cmocka_unit_test(windows_claimed_meanwhile),
		cmocka_unit_test(pool_is_empty),
		cmocka_unit_test(dropped_after_authentication),
		cmocka_unit_test(congestion_on_the_way),
		cmocka_unit_test(window_size_is_the_sas),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
