// Both rules against a disk that forgets: no number is sent twice under a key, no number is
// delivered twice, whenever the power goes. At every write and sync, before and after, a loss of
// power is tried on a copy of the disk.
#include "leases_world.h"

#include "journal/journal_key.h"

#include <errno.h>

#define OPERATIONS 10000

// Sometimes control is held up for longer than the time in which rates are counted.
static void pass_time(struct world *w)
{
	uint64_t most_ms = random_below(&w->random, 3) == 0 ? 5000 : 300;

	w->now_ns += random_below(&w->random, most_ms) * 1000000;
	w->unix_s += random_below(&w->random, 2);
	world_poll(w);
}

static void exchange(struct world *w)
{
	unsigned index = (unsigned)random_below(&w->random, WORLD_SAS);

	if (random_below(&w->random, 2) == 0)
		world_exchange_sa(w, index);
	else
		world_supersede_sa(w, index);
}

// A new window waits for nothing but the next poll.
static void receive_and_poll(struct world *w)
{
	act_receive(w);
	if (random_below(&w->random, 3) > 0)
		world_poll(w);
}

static void operate(struct world *w)
{
	static const struct {
		unsigned percent;
		void (*act)(struct world *w);
	} acts[] = {
		{1, world_stop_orderly},
		{2, exchange},
		{3, world_lose_power},
		{29, act_send},
		{29, receive_and_poll},
		{12, act_close_burst},
		{24, pass_time},
	};
	unsigned dice = (unsigned)random_below(&w->random, 100);
	unsigned i = 0;

	while (dice >= acts[i].percent)
		dice -= acts[i++].percent;
	acts[i].act(w);
}

static void run(struct world *w, enum missing_sync missing, uint64_t seed, unsigned operations)
{
	world_begin(w, missing, seed);
	for (unsigned i = 0; i < operations && !w->dead; i++)
		operate(w);
	world_end(w);
}

static struct world world;

static void both_rules_hold(void **state)
{
	unsigned operations = full_run() ? 20 * OPERATIONS : OPERATIONS;

	(void)state;
	run(&world, SYNC_NONE_MISSING, 1, operations);
	print_message("%u operations, %lu writes and syncs, %lu losses of power tried, %lu had, "
		      "%lu stops, %lu SAs exchanged; %lu sent, %lu delivered, %lu refused; %lu "
		      "violations\n",
		operations, world.disk.calls, world.trials, world.crashes, world.stops,
		world.exchanges, world.sent, world.got, world.refused, world.violations);
	assert_true(world.trials == 2 * WORLD_TRIES * world.disk.calls);
	assert_true(world.sent > operations && world.got > operations);
	assert_int_equal(world.violations, 0);
}

static void missing_syncs_are_found(void **state)
{
	static const char *const names[] = {"none", "the first", "the second", "some"};

	(void)state;
	for (enum missing_sync missing = SYNC_FIRST_MISSING; missing <= SYNC_SOME_MISSING;
		missing++) {
		run(&world, missing, missing, OPERATIONS / 10);
		print_message("fdatasync missing: %s: %lu violations\n", names[missing],
			world.violations);
		assert_true(world.violations > 0);
	}
}

// What would be refused is known before anything is leased, and asking takes nothing.
static void room_is_known_before(void **state)
{
	uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS] = {1};
	unsigned out = 1, in = 4, records = 0, used;
	struct error err;

	(void)state;
	world_begin(&world, SYNC_NONE_MISSING, 5);
	used = journal_used(world.journal);
	assert_int_equal(
		leases_may_add(world.leases, world.sa[out], fingerprint, &records, &err), -ENOKEY);
	assert_int_equal(
		leases_may_add(world.leases, world.sa[in], fingerprint, &records, &err), -ENOKEY);
	assert_int_equal(records, 0);
	// Its counters have their records.
	assert_int_equal(
		leases_may_add(world.leases, world.sa[out], world.fingerprint[out], &records, &err),
		0);
	assert_int_equal(records, 0);
	// Another key's have none.
	assert_int_equal(journal_key_register(world.journal, fingerprint, world.unix_s, &err), 0);
	assert_int_equal(
		leases_may_add(world.leases, world.sa[out], fingerprint, &records, &err), 0);
	assert_int_equal(records, WORLD_WORKERS);
	assert_int_equal(
		leases_may_add(world.leases, world.sa[in], fingerprint, &records, &err), 0);
	assert_int_equal(journal_used(world.journal), used + 1);
	records = journal_capacity(world.journal) - journal_used(world.journal);
	assert_int_equal(
		leases_may_add(world.leases, world.sa[in], fingerprint, &records, &err), 0);
	assert_int_equal(
		leases_may_add(world.leases, world.sa[out], fingerprint, &records, &err), -ENOSPC);
	world_end(&world);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_rules_hold),
		cmocka_unit_test(missing_syncs_are_found),
		cmocka_unit_test(room_is_known_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
