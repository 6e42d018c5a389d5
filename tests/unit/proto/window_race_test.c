// Claims of several threads at once: one owner each, no window lost and none given out twice.
#include "unit.h"

#include "proto/window.h"

#include <pthread.h>

#define THREADS 4
#define IDS 96

struct race {
	struct window_pool pool;
	struct window_table *table;
	pthread_barrier_t start;
	pthread_barrier_t end;
	bool stop;
	uint32_t first_id; // of the round
	uint32_t ids;
	bool own_ids; // each thread its own instead of all the same
};

struct racer {
	struct race *race;
	uint16_t me;
	struct random random;
	// What this thread saw.
	enum drop_reason reason[IDS];
	struct window_slot *slot[IDS];
};

static void run_round(struct racer *racer)
{
	struct race *race = racer->race;
	uint32_t shift = (uint32_t)random_below(&racer->random, race->ids);

	for (uint32_t i = 0; i < race->ids; i++) {
		// Half the rounds all go the same way, so that they meet at every step.
		uint32_t at = race->first_id % 2 == 0 ? i : (i + shift) % race->ids;
		uint32_t id = race->first_id + at;

		if (race->own_ids)
			id += (uint32_t)(racer->me + 1) << 20;
		racer->reason[at] =
			window_claim(race->table, &race->pool, id, racer->me, &racer->slot[at]);
	}
}

static void *racer_main(void *argument)
{
	struct racer *racer = argument;

	for (;;) {
		pthread_barrier_wait(&racer->race->start);
		if (racer->race->stop)
			return NULL;
		run_round(racer);
		pthread_barrier_wait(&racer->race->end);
	}
}

struct track {
	struct race race;
	struct racer racer[THREADS];
	pthread_t thread[THREADS];
	void *memory;
};

static void open_track(struct track *t, uint32_t max, uint32_t ids, bool own_ids, uint32_t windows)
{
	size_t octets = windows * window_octets(64);

	memset(t, 0, sizeof(*t));
	t->memory = aligned_alloc(CACHE_LINE, octets);
	assert_non_null(t->memory);
	window_pool_init(&t->race.pool, t->memory, octets);
	t->race.table = aligned_alloc(CACHE_LINE, window_table_octets(max));
	assert_non_null(t->race.table);
	window_table_init(t->race.table, max, 64, false);
	t->race.ids = ids;
	t->race.own_ids = own_ids;
	pthread_barrier_init(&t->race.start, NULL, THREADS + 1);
	pthread_barrier_init(&t->race.end, NULL, THREADS + 1);
	for (uint16_t i = 0; i < THREADS; i++) {
		t->racer[i].race = &t->race;
		t->racer[i].me = i;
		t->racer[i].random.state = i;
		assert_int_equal(pthread_create(&t->thread[i], NULL, racer_main, &t->racer[i]), 0);
	}
}

static void race_once(struct track *t, uint32_t round)
{
	t->race.first_id = 1 + round * 3;
	pthread_barrier_wait(&t->race.start);
	pthread_barrier_wait(&t->race.end);
}

static void close_track(struct track *t)
{
	t->race.stop = true;
	pthread_barrier_wait(&t->race.start);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(t->thread[i], NULL);
	pthread_barrier_destroy(&t->race.start);
	pthread_barrier_destroy(&t->race.end);
	free(t->race.table);
	free(t->memory);
}

// Every taken slot has an ID word and a window of its own. Returns how many.
static uint32_t assert_sound(struct track *t)
{
	const struct window_table *table = t->race.table;
	uint32_t n = 0;

	for (uint32_t i = 0; i <= table->mask; i++) {
		uint64_t claim = atomic_load(&table->slot[i].claim);
		struct replay_window *w = atomic_load(&table->slot[i].window);

		assert_int_equal(claim == 0, w == NULL);
		if (w == NULL)
			continue;
		n++;
		// Marked so that a second slot with this window shows.
		assert_int_equal(w->accepted, 0);
		w->accepted = claim;
		assert_ptr_equal(
			window_find(t->race.table, (uint32_t)(claim >> 32)), &table->slot[i]);
	}
	assert_int_equal(atomic_load(&table->used), n);
	assert_int_equal(window_pool_used(&t->race.pool), n * window_octets(64));
	return n;
}

static void clear(struct track *t, uint32_t max)
{
	window_table_clear(t->race.table, &t->race.pool);
	assert_int_equal(window_pool_used(&t->race.pool), 0);
	window_table_init(t->race.table, max, 64, false);
}

// No window is lost: all of them can be had afterwards.
static void assert_pool_whole(struct track *t, uint32_t windows)
{
	struct window_table *table = aligned_alloc(CACHE_LINE, window_table_octets(windows + 1));
	struct window_slot *slot;

	assert_non_null(table);
	window_table_init(table, windows + 1, 64, false);
	for (uint32_t id = 1; id <= windows; id++)
		assert_int_equal(window_claim(table, &t->race.pool, id, 0, &slot), DROP_NONE);
	assert_int_equal(
		window_claim(table, &t->race.pool, windows + 1, 0, &slot), DROP_window_pool_empty);
	window_table_clear(table, &t->race.pool);
	free(table);
}

static unsigned rounds(void)
{
	return full_run() ? 20000 : 2000;
}

static void all_see_one_owner(void **state)
{
	static struct track t;
	unsigned wins[THREADS] = {0};
	unsigned thread_count = 0;

	(void)state;
	// Room to spare in the table: the limit is a test of its own.
	open_track(&t, IDS + THREADS, IDS, false, IDS + THREADS);
	for (uint32_t round = 0; round < rounds(); round++) {
		race_once(&t, round);
		for (uint32_t at = 0; at < IDS; at++) {
			struct window_slot *slot = t.racer[0].slot[at];

			for (unsigned i = 0; i < THREADS; i++) {
				assert_int_equal(t.racer[i].reason[at], DROP_NONE);
				assert_ptr_equal(t.racer[i].slot[at], slot);
			}
			assert_int_equal(atomic_load(&slot->claim) >> 32, t.race.first_id + at);
			wins[window_owner(slot)]++;
		}
		assert_int_equal(assert_sound(&t), IDS);
		clear(&t, IDS + THREADS);
	}
	// A race that one thread always wins is none.
	for (unsigned i = 0; i < THREADS; i++)
		thread_count += wins[i] > 0;
	assert_true(thread_count > 1);
	assert_pool_whole(&t, IDS + THREADS);
	close_track(&t);
}

// All want the same few windows, which fill the table: whoever comes too late finds what the others
// have claimed, and is not told that the table is full.
static void late_at_the_limit(void **state)
{
	static struct track t;

	(void)state;
	open_track(&t, 2, 2, false, 2 + THREADS);
	for (uint32_t round = 0; round < 20 * rounds(); round++) {
		race_once(&t, round);
		for (uint32_t at = 0; at < 2; at++) {
			for (unsigned i = 0; i < THREADS; i++)
				assert_int_equal(t.racer[i].reason[at], DROP_NONE);
		}
		assert_int_equal(assert_sound(&t), 2);
		clear(&t, 2);
	}
	close_track(&t);
}

// As many windows as ID words and no more: losers hold one for a moment, so that others may find
// the pool empty, but at the end the sums are right.
static void tight_pool(void **state)
{
	static struct track t;

	(void)state;
	open_track(&t, IDS, IDS, false, IDS / 2);
	for (uint32_t round = 0; round < rounds(); round++) {
		uint32_t n;

		race_once(&t, round);
		n = assert_sound(&t);
		assert_true(n <= IDS / 2 && n > IDS / 2 - THREADS);
		for (uint32_t at = 0; at < IDS; at++) {
			for (unsigned i = 0; i < THREADS; i++) {
				if (t.racer[i].reason[at] != DROP_NONE)
					assert_int_equal(
						t.racer[i].reason[at], DROP_window_pool_empty);
				else
					assert_ptr_equal(t.racer[i].slot[at],
						window_find(t.race.table, t.race.first_id + at));
			}
		}
		clear(&t, IDS);
	}
	assert_pool_whole(&t, IDS / 2);
	close_track(&t);
}

static void full_table(uint32_t max)
{
	static struct track t;

	open_track(&t, max, 24, true, 24 * THREADS);
	for (uint32_t round = 0; round < rounds(); round++) {
		uint32_t claimed = 0;
		uint32_t n;

		race_once(&t, round);
		n = assert_sound(&t);
		assert_true(n >= max && n < max + THREADS);
		for (uint32_t at = 0; at < 24; at++) {
			for (unsigned i = 0; i < THREADS; i++) {
				enum drop_reason reason = t.racer[i].reason[at];

				assert_true(
					reason == DROP_NONE || reason == DROP_window_table_full);
				assert_int_equal(reason == DROP_NONE, t.racer[i].slot[at] != NULL);
				claimed += reason == DROP_NONE;
			}
		}
		assert_int_equal(claimed, n);
		clear(&t, max);
	}
	assert_pool_whole(&t, 24 * THREADS);
	close_track(&t);
}

static void full_tables(void **state)
{
	(void)state;
	// With one or two windows at most the slots themselves run out.
	full_table(1);
	full_table(2);
	full_table(20);
}

// One pool, a table for each thread: windows go back and forth, and nobody finds another's marks in
// his own.
struct borrower {
	struct window_pool *pool;
	uint16_t me;
	unsigned turns;
	unsigned clashes;
};

static void borrow(struct borrower *b, struct window_table *table, struct random *r)
{
	struct window_slot *slot[3];
	uint32_t n = 1 + (uint32_t)random_below(r, 3);

	window_table_init(table, 3, 64, false);
	for (uint32_t i = 0; i < n; i++) {
		struct replay_window *w;

		if (window_claim(table, b->pool, i + 1, b->me, &slot[i]) != DROP_NONE) {
			n = i;
			break;
		}
		w = atomic_load(&slot[i]->window);
		b->clashes += w->bitmap[0] != 0 || w->accepted != 0;
		w->bitmap[0] = w->accepted = b->me * 8u + i + 1;
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct replay_window *w = atomic_load(&slot[i]->window);

		b->clashes += w->bitmap[0] != b->me * 8u + i + 1 || w->accepted != w->bitmap[0];
	}
	window_table_clear(table, b->pool);
}

static void *borrower_main(void *argument)
{
	struct borrower *b = argument;
	struct random r = {b->me};
	struct window_table *table = aligned_alloc(CACHE_LINE, window_table_octets(3));

	for (unsigned i = 0; table != NULL && i < b->turns; i++)
		borrow(b, table, &r);
	free(table);
	return NULL;
}

static void windows_go_round(void **state)
{
	enum { WINDOWS = 8 };
	static uint8_t memory[4096] __attribute__((aligned(CACHE_LINE)));
	struct borrower borrower[THREADS];
	pthread_t thread[THREADS];
	struct track t = {.memory = NULL};

	(void)state;
	assert_true(sizeof(memory) >= WINDOWS * window_octets(64));
	window_pool_init(&t.race.pool, memory, WINDOWS * window_octets(64));
	for (uint16_t i = 0; i < THREADS; i++) {
		borrower[i] = (struct borrower){&t.race.pool, i, 100 * rounds(), 0};
		assert_int_equal(pthread_create(&thread[i], NULL, borrower_main, &borrower[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(thread[i], NULL);
		assert_int_equal(borrower[i].clashes, 0);
	}
	assert_int_equal(window_pool_used(&t.race.pool), 0);
	assert_pool_whole(&t, WINDOWS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_see_one_owner),
		cmocka_unit_test(late_at_the_limit),
		cmocka_unit_test(tight_pool),
		cmocka_unit_test(full_tables),
		cmocka_unit_test(windows_go_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
