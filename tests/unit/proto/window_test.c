// Window tables and their pool, by one thread: carving, exhaustion, reuse, full tables.
#include "unit.h"

#include "proto/window.h"

struct pool_rig {
	struct window_pool pool;
	uint8_t *memory;
};

static void open_pool(struct pool_rig *rig, size_t octets)
{
	rig->memory = aligned_alloc(CACHE_LINE, octets);
	assert_non_null(rig->memory);
	memset(rig->memory, 0xee, octets);
	window_pool_init(&rig->pool, rig->memory, octets);
	assert_int_equal(window_pool_used(&rig->pool), 0);
	assert_int_equal(window_pool_octets(&rig->pool), octets);
}

static struct window_table *open_table(uint32_t max, uint32_t window_size)
{
	struct window_table *table = aligned_alloc(CACHE_LINE, window_table_octets(max));

	assert_non_null(table);
	memset(table, 0xee, window_table_octets(max));
	window_table_init(table, max, window_size, false);
	return table;
}

// Right where it lies, empty, and filled afterwards so that a second owner would show.
static void assert_fresh(
	const struct pool_rig *rig, const struct window_slot *slot, uint32_t size, uint64_t seq)
{
	struct replay_window *w = atomic_load(&slot->window);
	size_t offset;

	assert_non_null(w);
	offset = (size_t)((uint8_t *)w - rig->memory);
	assert_int_equal(offset % CACHE_LINE, 0);
	assert_true(offset + window_octets(size) <= window_pool_octets(&rig->pool));
	assert_int_equal(w->top, 0);
	assert_int_equal(w->size, size);
	assert_int_equal(w->accepted + w->old + w->seen, 0);
	for (uint32_t i = 0; i < replay_words(size); i++)
		assert_int_equal(w->bitmap[i], 0);
	assert_int_equal(replay_commit(w, seq), REPLAY_NEW);
	memset(w->bitmap, 0xff, replay_words(size) * sizeof(uint64_t));
}

static void claim_some(struct pool_rig *rig, struct window_table *table, uint32_t first, uint32_t n)
{
	for (uint32_t id = first; id < first + n; id++) {
		struct window_slot *slot = NULL;

		assert_int_equal(
			window_claim(table, &rig->pool, id, (uint16_t)(id % 7), &slot), DROP_NONE);
		assert_non_null(slot);
		assert_int_equal(window_owner(slot), id % 7);
		assert_fresh(rig, slot, table->window_size, id);
	}
	// Nobody wrote into a neighbour's.
	for (uint32_t id = first; id < first + n; id++) {
		struct window_slot *slot = window_find(table, id);

		assert_non_null(slot);
		assert_int_equal(atomic_load(&slot->window)->top, id);
	}
}

static void assert_refused(
	struct pool_rig *rig, struct window_table *table, uint32_t id_word, enum drop_reason reason)
{
	uint32_t used = atomic_load(&table->used);
	size_t octets = window_pool_used(&rig->pool);
	struct window_slot *slot = (struct window_slot *)table;

	assert_int_equal(window_claim(table, &rig->pool, id_word, 1, &slot), reason);
	assert_null(slot);
	assert_null(window_find(table, id_word));
	assert_int_equal(atomic_load(&table->used), used);
	assert_int_equal(window_pool_used(&rig->pool), octets);
}

static void pool_runs_out_exactly(void **state)
{
	static const uint32_t sizes[] = {64, 65, 100, 512, 1000, 1024, 4096, 65535, 65536};

	(void)state;
	for (unsigned i = 0; i < COUNT(sizes); i++) {
		size_t octets = window_octets(sizes[i]);
		struct window_table *table = open_table(8, sizes[i]);
		struct pool_rig rig;

		// One line less than a fourth window needs.
		open_pool(&rig, 4 * octets - CACHE_LINE);
		for (unsigned round = 0; round < 3; round++) {
			claim_some(&rig, table, 1, 3);
			assert_int_equal(window_pool_used(&rig.pool), 3 * octets);
			assert_refused(&rig, table, 4, DROP_window_pool_empty);
			window_table_clear(table, &rig.pool);
			assert_int_equal(window_pool_used(&rig.pool), 0);
			window_table_init(table, 8, sizes[i], false);
		}
		free(table);
		free(rig.memory);
	}
}

static void sizes_of_one_class_share(void **state)
{
	struct window_table *a = open_table(8, 1024);
	struct window_table *b = open_table(8, 1000);
	struct pool_rig rig;

	(void)state;
	assert_int_equal(window_octets(1024), window_octets(1000));
	open_pool(&rig, 4 * window_octets(1024));
	claim_some(&rig, a, 1, 4);
	window_table_clear(a, &rig.pool);
	claim_some(&rig, b, 1, 4);
	assert_refused(&rig, b, 5, DROP_window_pool_empty);
	free(a);
	free(b);
	free(rig.memory);
}

// What was carved for one class stays with it; what was not is anybody's.
static void other_class_takes_the_rest(void **state)
{
	struct window_table *a = open_table(8, 1024);
	struct window_table *b = open_table(8, 64);
	struct window_table *c = open_table(8, 65536);
	struct pool_rig rig;

	(void)state;
	open_pool(&rig, 2 * window_octets(1024) + 3 * window_octets(64));
	claim_some(&rig, a, 1, 2);
	window_table_clear(a, &rig.pool);
	claim_some(&rig, b, 1, 3);
	assert_refused(&rig, b, 4, DROP_window_pool_empty);
	assert_refused(&rig, c, 1, DROP_window_pool_empty);
	window_table_init(a, 8, 1024, false);
	claim_some(&rig, a, 11, 2);
	assert_int_equal(window_pool_used(&rig.pool), window_pool_octets(&rig.pool));
	window_table_clear(a, &rig.pool);
	window_table_clear(b, &rig.pool);
	assert_int_equal(window_pool_used(&rig.pool), 0);
	free(a);
	free(b);
	free(c);
	free(rig.memory);
}

// Tables of all classes come and go; no octet of the pool is ever in two windows.
static void classes_never_overlap(void **state)
{
	static const uint32_t sizes[] = {64, 129, 300, 1000, 2048, 4096, 8192, 16384, 30000, 65536};
	struct window_table *table[COUNT(sizes)] = {NULL};
	struct random r = {3};
	struct pool_rig rig;

	(void)state;
	open_pool(&rig, (size_t)1 << 20);
	for (unsigned round = 0; round < 2000; round++) {
		unsigned i = (unsigned)random_below(&r, COUNT(sizes));
		struct window_slot *slot;

		if (table[i] == NULL) {
			table[i] = open_table(16, sizes[i]);
			for (uint32_t id = 1; id <= 1 + random_below(&r, 16); id++) {
				if (window_claim(table[i], &rig.pool, id, 0, &slot) == DROP_NONE)
					memset(atomic_load(&slot->window)->bitmap, (int)i + 1,
						replay_words(sizes[i]) * sizeof(uint64_t));
			}
			continue;
		}
		for (uint32_t id = 1; id <= 16; id++) {
			slot = window_find(table[i], id);
			for (uint32_t j = 0; slot != NULL && j < replay_words(sizes[i]); j++)
				assert_true(atomic_load(&slot->window)->bitmap[j] ==
					UINT64_C(0x0101010101010101) * (i + 1));
		}
		window_table_clear(table[i], &rig.pool);
		free(table[i]);
		table[i] = NULL;
	}
	for (unsigned i = 0; i < COUNT(sizes); i++) {
		if (table[i] != NULL)
			window_table_clear(table[i], &rig.pool);
		free(table[i]);
	}
	assert_int_equal(window_pool_used(&rig.pool), 0);
	free(rig.memory);
}

static void table_is_full_exactly(void **state)
{
	static const uint32_t limits[] = {1, 2, 3, 5, 64, 100, 4000};

	(void)state;
	for (unsigned i = 0; i < COUNT(limits); i++) {
		uint32_t max = limits[i];
		struct window_table *table = open_table(max, 64);
		struct window_slot *slot;
		struct pool_rig rig;

		open_pool(&rig, (max + 4) * window_octets(64));
		claim_some(&rig, table, 1, max);
		assert_int_equal(atomic_load(&table->used), max);
		assert_refused(&rig, table, max + 1, DROP_window_table_full);
		assert_refused(&rig, table, 0xffff0001, DROP_window_table_full);
		// Known ones go on, whoever asks.
		assert_int_equal(window_claim(table, &rig.pool, max, 6, &slot), DROP_NONE);
		assert_ptr_equal(slot, window_find(table, max));
		assert_int_equal(window_owner(slot), max % 7);
		assert_int_equal(atomic_load(&table->used), max);
		window_table_clear(table, &rig.pool);
		assert_int_equal(window_pool_used(&rig.pool), 0);
		free(table);
		free(rig.memory);
	}
}

// ID words that start at the same slot, the last one among them.
static void collisions_are_kept_apart(void **state)
{
	struct window_table *table = open_table(8, 64);
	struct pool_rig rig;
	uint32_t ids[8];
	unsigned n = 0;

	(void)state;
	open_pool(&rig, 8 * window_octets(64));
	for (uint32_t id = 1; n < 8; id++) {
		if ((window_hash(id) & table->mask) == table->mask)
			ids[n++] = id;
	}
	for (unsigned i = 0; i < 8; i++) {
		struct window_slot *slot;

		assert_null(window_find(table, ids[i]));
		assert_int_equal(
			window_claim(table, &rig.pool, ids[i], (uint16_t)(i + 40), &slot), 0);
		for (unsigned j = 0; j <= i; j++)
			assert_int_equal(window_owner(window_find(table, ids[j])), j + 40);
	}
	window_table_clear(table, &rig.pool);
	free(table);
	free(rig.memory);
}

static void owners_of_all_numbers(void **state)
{
	struct window_table *table = open_table(4, 64);
	struct window_slot *slot;
	struct pool_rig rig;

	(void)state;
	open_pool(&rig, 4 * window_octets(64));
	assert_int_equal(window_claim(table, &rig.pool, 0xffffffff, 0, &slot), DROP_NONE);
	assert_int_equal(window_owner(slot), 0);
	assert_int_equal(window_claim(table, &rig.pool, 0x80000000, 0x7ffe, &slot), DROP_NONE);
	assert_int_equal(window_owner(slot), 0x7ffe);
	window_table_clear(table, &rig.pool);
	free(table);
	free(rig.memory);
}

static void judgements_are_counted(void **state)
{
	struct window_table *table = open_table(4, 64);
	struct window_slot *slot;
	struct replay_window *w;
	struct pool_rig rig;

	(void)state;
	open_pool(&rig, 4 * window_octets(64));
	assert_int_equal(window_claim(table, &rig.pool, 1, 0, &slot), DROP_NONE);
	w = atomic_load(&slot->window);
	assert_int_equal(window_check(slot, 100), DROP_NONE);
	assert_int_equal(w->accepted, 0);
	assert_int_equal(window_commit(slot, 100), DROP_NONE);
	assert_int_equal(window_commit(slot, 37), DROP_NONE);
	assert_int_equal(window_commit(slot, 36), DROP_replay_old);
	assert_int_equal(window_commit(slot, 100), DROP_replay_seen);
	assert_int_equal(window_check(slot, 37), DROP_replay_seen);
	assert_int_equal(window_check(slot, 36), DROP_replay_old);
	assert_int_equal(window_check(slot, 1), DROP_replay_old);
	assert_int_equal(w->accepted, 2);
	assert_int_equal(w->old, 3);
	assert_int_equal(w->seen, 2);
	assert_int_equal(w->top, 100);
	window_table_clear(table, &rig.pool);
	free(table);
	free(rig.memory);
}

// Together as one by one: up to a gap, a packet that is not authentic, or the edge's nearness.
static void neighbours_are_accepted_together(void **state)
{
	static const struct {
		uint64_t seq[5];
		uint16_t verdict[5];
		uint64_t edge;
		uint32_t accepted;
	} rows[] = {
		{{11, 12, 13, 14, 15}, {0}, UINT64_MAX, 5},
		{{11, 12, 13, 14, 15}, {0}, 16, 5},
		{{11, 12, 13, 14, 15}, {0}, 15, 0},
		{{11, 12, 13, 14, 15}, {0}, 5, 0},
		{{11, 12, 13, 14, 15}, {0}, 0, 0},
		{{11, 12, 14, 15, 16}, {0}, UINT64_MAX, 2},
		{{11, 11, 12, 13, 14}, {0}, UINT64_MAX, 1},
		{{12, 13, 14, 15, 16}, {0}, UINT64_MAX, 0},
		{{10, 11, 12, 13, 14}, {0}, UINT64_MAX, 0},
		{{11, 12, 13, 14, 15}, {0, 0, 0, DROP_icv_failed}, UINT64_MAX, 3},
		{{11, 12, 13, 14, 15}, {DROP_icv_failed}, UINT64_MAX, 0},
	};
	struct window_table *table = open_table(COUNT(rows), 64);
	struct pool_rig rig;

	(void)state;
	open_pool(&rig, COUNT(rows) * window_octets(64));
	for (uint32_t i = 0; i < COUNT(rows); i++) {
		uint64_t accepted = rows[i].accepted;
		struct window_slot *slot;
		struct replay_window *w;

		assert_int_equal(window_claim(table, &rig.pool, i + 1, 0, &slot), DROP_NONE);
		assert_int_equal(window_commit(slot, 10), DROP_NONE);
		w = atomic_load(&slot->window);
		atomic_store(&w->edge, rows[i].edge);
		assert_int_equal(
			window_commit_next(slot, rows[i].verdict, rows[i].seq, 5), accepted);
		assert_int_equal(w->accepted, 1 + accepted);
		assert_int_equal(w->top, 10 + accepted);
		atomic_store(&w->edge, UINT64_MAX);
		for (uint64_t seq = 11; seq <= 10 + accepted; seq++)
			assert_int_equal(window_commit(slot, seq), DROP_replay_seen);
		assert_int_equal(window_commit(slot, 11 + accepted), DROP_NONE);
	}
	window_table_clear(table, &rig.pool);
	free(table);
	free(rig.memory);
}

// What control may be writing is not looked at: it would seem seen.
static void without_an_edge_none_is_refused(void **state)
{
	struct window_table *table = open_table(4, 64);
	struct window_slot *slot;
	struct replay_window *w;
	struct pool_rig rig;

	(void)state;
	open_pool(&rig, 4 * window_octets(64));
	table->first_edge = 0;
	assert_int_equal(window_claim(table, &rig.pool, 1, 0, &slot), DROP_NONE);
	w = atomic_load(&slot->window);
	replay_resume(w, 128);
	assert_int_equal(window_check(slot, 127), DROP_NONE);
	assert_int_equal(window_check(slot, 1), DROP_NONE);
	assert_int_equal(window_commit(slot, 127), VERDICT_PARK);
	assert_int_equal(w->seen + w->old, 0);
	atomic_store(&w->edge, 200);
	assert_int_equal(window_check(slot, 127), DROP_replay_old);
	assert_int_equal(window_check(slot, 128), DROP_NONE);
	assert_int_equal(window_check(slot, 200), DROP_NONE);
	window_table_clear(table, &rig.pool);
	free(table);
	free(rig.memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pool_runs_out_exactly),
		cmocka_unit_test(sizes_of_one_class_share),
		cmocka_unit_test(other_class_takes_the_rest),
		cmocka_unit_test(classes_never_overlap),
		cmocka_unit_test(table_is_full_exactly),
		cmocka_unit_test(collisions_are_kept_apart),
		cmocka_unit_test(owners_of_all_numbers),
		cmocka_unit_test(judgements_are_counted),
		cmocka_unit_test(neighbours_are_accepted_together),
		cmocka_unit_test(without_an_edge_none_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
