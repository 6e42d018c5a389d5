// The rules against a disk that forgets: no number is sent twice under a key, no number is
// delivered twice, and no key comes back whose life is over, whenever the power goes. At every
// write and sync, before and after, a loss of power is tried on a copy of the disk.
#include "leases_world.h"
#include "register_key.h"

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
	world_exchange_sa(w, (unsigned)random_below(&w->random, WORLD_SAS));
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
		{1, world_end_key},
		{23, pass_time},
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

static void the_rules_hold(void **state)
{
	unsigned operations = full_run() ? 20 * OPERATIONS : OPERATIONS;

	(void)state;
	run(&world, SYNC_NONE_MISSING, 1, operations);
	print_message("%u operations, %lu writes and syncs, %lu losses of power tried, %lu had, "
		      "%lu stops, %lu SAs exchanged, %lu keys ended; %lu sent, %lu delivered, %lu "
		      "refused; %lu violations\n",
		operations, world.disk.calls, world.trials, world.crashes, world.stops,
		world.exchanges, world.ends, world.sent, world.got, world.refused,
		world.violations);
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

static unsigned left(void)
{
	struct leases_usage usage = leases_usage(world.leases);

	return usage.records - usage.used - usage.kept;
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
	// Its counters have their records, when nobody has the key.
	journal_key_hold(world.journal, world.fingerprint[out], false);
	assert_int_equal(
		leases_may_add(world.leases, world.sa[out], world.fingerprint[out], &records, &err),
		0);
	assert_int_equal(records, 0);
	// Another key's have none.
	assert_int_equal(register_key(world.journal, fingerprint, world.unix_s, &err), 0);
	assert_int_equal(
		leases_may_add(world.leases, world.sa[out], fingerprint, &records, &err), 0);
	assert_int_equal(records, WORLD_WORKERS);
	assert_int_equal(
		leases_may_add(world.leases, world.sa[in], fingerprint, &records, &err), 0);
	assert_int_equal(records, WORLD_WORKERS + WORLD_WINDOWS);
	assert_int_equal(journal_used(world.journal), used + 1);
	records = left() - WORLD_WINDOWS;
	assert_int_equal(
		leases_may_add(world.leases, world.sa[in], fingerprint, &records, &err), 0);
	assert_int_equal(
		leases_may_add(world.leases, world.sa[out], fingerprint, &records, &err), -ENOSPC);
	records = left() - WORLD_WINDOWS + 1;
	assert_int_equal(
		leases_may_add(world.leases, world.sa[in], fingerprint, &records, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "the journal has no room"));
	world_end(&world);
}

// While workers may still use what that one has leased.
static void a_key_has_one_sa(void **state)
{
	struct leases_group *group;
	struct leases_usage before;
	struct error err;

	(void)state;
	world_begin(&world, SYNC_NONE_MISSING, 12);
	before = leases_usage(world.leases);
	for (unsigned sa = 0; sa < WORLD_SAS; sa++) {
		assert_int_equal(leases_add(world.leases, world.sa[5 - sa], world.fingerprint[sa],
					 0, &group, &err),
			-EEXIST);
		assert_non_null(strstr(err.text, "has its key"));
	}
	assert_int_equal(leases_usage(world.leases).used, before.used);
	assert_int_equal(leases_usage(world.leases).kept, before.kept);
	world_end(&world);
}

static void remember_window(const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS], uint32_t id_word)
{
	struct journal_name name = {.kind = JOURNAL_IN, .id_word = id_word};

	memcpy(name.fingerprint, fingerprint, sizeof(name.fingerprint));
	assert_non_null(journal_add(world.journal, &name));
}

static unsigned wanted(unsigned sa, const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS])
{
	unsigned records = 0;
	struct error err;

	assert_int_equal(
		leases_may_add(world.leases, world.sa[sa], fingerprint, &records, &err), 0);
	return records;
}

// A window's record is one less that is wanted, but not for an SA that can never have that window.
static void windows_of_others_do_not_count(void **state)
{
	uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS] = {5};
	unsigned esp = 3, vpe = 4;
	struct error err;

	(void)state;
	world_begin(&world, SYNC_NONE_MISSING, 11);
	assert_int_equal(register_key(world.journal, fingerprint, world.unix_s, &err), 0);
	remember_window(fingerprint, 7 << 16);
	assert_int_equal(wanted(vpe, fingerprint), WORLD_WINDOWS - 1);
	assert_int_equal(wanted(esp, fingerprint), 1);
	// Of another sender.
	remember_window(fingerprint, 7 << 16 | 8);
	assert_int_equal(wanted(vpe, fingerprint), WORLD_WINDOWS - 1);
	remember_window(fingerprint, 1);
	assert_int_equal(wanted(vpe, fingerprint), WORLD_WINDOWS - 1);
	assert_int_equal(wanted(esp, fingerprint), 0);
	world_end(&world);
}

// So that this many are neither used nor kept.
static void leave(unsigned records)
{
	struct error err;

	while (left() > records) {
		uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS] = {
			(uint8_t)journal_used(world.journal), 3};

		assert_int_equal(register_key(world.journal, fingerprint, world.unix_s, &err), 0);
	}
}

// An inbound SA that was accepted never lacks a record for a window, however full the journal is by
// then; one that would is refused, and told so.
static void windows_have_their_records(void **state)
{
	uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS] = {2};
	struct journal_registration key = {.fingerprint = {4}};
	unsigned in = 4, records = 0, kept;
	struct leases_group *group;
	struct error err;

	(void)state;
	world_begin(&world, SYNC_NONE_MISSING, 6);
	// Those of two VPE SAs and one ESP SA, of which none has come.
	kept = leases_usage(world.leases).kept;
	assert_int_equal(kept, 2 * WORLD_WINDOWS + 1);
	assert_int_equal(register_key(world.journal, fingerprint, world.unix_s, &err), 0);
	leave(WORLD_WINDOWS - 1);
	assert_int_equal(
		leases_may_add(world.leases, world.sa[in], fingerprint, &records, &err), -ENOSPC);
	assert_int_equal(
		leases_add(world.leases, world.sa[in], fingerprint, 0, &group, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "6 records are wanted here, and of its 189"));
	leave(0);
	assert_int_equal(leases_register(world.leases, &key, 1, world.unix_s, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "176 are used and 13 kept for windows to come"));
	for (unsigned i = 0; i < 2000; i++)
		act_receive(&world);
	act_close_burst(&world);
	world_poll(&world);
	assert_int_equal(leases_usage(world.leases).kept, 0);
	assert_int_equal(leases_usage(world.leases).used, leases_usage(world.leases).records);
	assert_int_equal(world.alarms[LEASES_JOURNAL_FULL], 0);
	// As many windows as there were before come back in the next life.
	world_lose_power(&world);
	assert_int_equal(leases_usage(world.leases).kept, 0);
	assert_int_equal(world.violations, 0);
	world_end(&world);
}

// As many as its SA may have, of lives before.
static void remember_other_windows(unsigned in)
{
	for (uint32_t i = 1; i <= WORLD_WINDOWS; i++)
		remember_window(world.fingerprint[in], (WORLD_WINDOWS + i) << 16);
	world_exchange_sa(&world, in);
}

// Of the SA's windows, those that deliver what comes now.
static unsigned windows_that_deliver(unsigned in)
{
	unsigned n = 0;

	// The first packet of a window waits for its edge.
	for (unsigned try = 0; try < 2; try++) {
		n = 0;
		for (unsigned window = 0; window < WORLD_WINDOWS; window++) {
			uint64_t before = world.in[in][window].high;

			act_receive_one(&world, in, window);
			n += world.in[in][window].high > before;
		}
		world_poll(&world);
	}
	return n;
}

// Windows beyond those that a key has room for take what is left, and never what is kept for
// others. Those that find nothing get theirs when another SA goes.
static void more_windows_than_were_kept(void **state)
{
	unsigned in = 4, other = 5;

	(void)state;
	world_begin(&world, SYNC_NONE_MISSING, 10);
	world_rest(&world);
	remember_other_windows(in);
	assert_int_equal(leases_usage(world.leases).kept, WORLD_WINDOWS + 1);
	leave(2);
	assert_int_equal(windows_that_deliver(in), 2);
	assert_int_equal(left(), 0);
	assert_int_equal(leases_usage(world.leases).kept, WORLD_WINDOWS + 1);
	world_remove_sa(&world, other);
	assert_int_equal(windows_that_deliver(in), WORLD_WINDOWS);
	assert_int_equal(left(), 2);
	// Once for all windows of an SA.
	assert_int_equal(world.alarms[LEASES_JOURNAL_FULL], 1);
	assert_int_equal(world.violations, 0);
	world_end(&world);
}

// Of all inbound SAs.
static unsigned windows_recorded(void)
{
	unsigned n = 0;

	for (unsigned sa = 3; sa < WORLD_SAS; sa++)
		for (unsigned i = 0; i < (world_proto(sa)->one_encryptor ? 1 : WORLD_WINDOWS);
			i++) {
			struct journal_name name = world_name(&world, sa, i);

			n += journal_find(world.journal, &name) != NULL;
		}
	return n;
}

// What was kept goes with the SA, and comes with it.
static void what_was_kept_goes_back(void **state)
{
	(void)state;
	world_begin(&world, SYNC_NONE_MISSING, 7);
	leave(20);
	for (unsigned i = 0; i < 10; i++) {
		world_exchange_sa(&world, 4);
		world_exchange_sa(&world, 5);
	}
	assert_int_equal(
		leases_usage(world.leases).kept + windows_recorded(), 2 * WORLD_WINDOWS + 1);
	assert_int_equal(world.violations, 0);
	world_end(&world);
}

// Told when four fifths are gone, and not again before it was less than three quarters.
static void filling_is_told_once(void **state)
{
	unsigned most = WORLD_PAGES * JOURNAL_PAGE_RECORDS;

	(void)state;
	world_begin(&world, SYNC_NONE_MISSING, 8);
	world_rest(&world);
	leave(most / 5 + 1);
	world_poll(&world);
	assert_int_equal(world.alarms[LEASES_JOURNAL_FILLING], 0);
	leave(most / 5);
	for (unsigned i = 0; i < 3; i++)
		world_poll(&world);
	assert_int_equal(world.alarms[LEASES_JOURNAL_FILLING], 1);
	// 43 of 189 are left without this one, and 48 without that one as well.
	world_remove_sa(&world, 4);
	world_poll(&world);
	world_add_sa(&world, 4);
	world_poll(&world);
	assert_int_equal(world.alarms[LEASES_JOURNAL_FILLING], 1);
	world_remove_sa(&world, 4);
	world_remove_sa(&world, 5);
	world_poll(&world);
	world_add_sa(&world, 4);
	world_add_sa(&world, 5);
	world_poll(&world);
	assert_int_equal(world.alarms[LEASES_JOURNAL_FILLING], 2);
	world_end(&world);
}

// All of its workers, until they have no numbers left or the alarm has come.
static void send_until(unsigned sa, enum leases_alarm_kind kind)
{
	for (unsigned i = 0; i < 100 && world.alarms[kind] == 0; i++) {
		act_send_some(&world, sa, i % WORLD_WORKERS, 60000);
		world_poll(&world);
	}
}

static uint64_t numbers_sent(unsigned sa)
{
	uint64_t before = world.sent;

	for (unsigned worker = 0; worker < WORLD_WORKERS; worker++)
		act_send_some(&world, sa, worker, 1000);
	world_poll(&world);
	return world.sent - before;
}

// What workers have encrypted under it counts together, in all lives.
static void a_key_that_did_enough_stops(void **state)
{
	unsigned vpe = 1, other = 2;

	(void)state;
	world_begin(&world, SYNC_NONE_MISSING, 13);
	world.soft_blocks = 1u << 23;
	world.hard_blocks = 1u << 24;
	world_stop_orderly(&world);
	world_rest(&world);
	send_until(vpe, LEASES_KEY_SOFT);
	assert_int_equal(world.alarms[LEASES_KEY_SOFT], 1);
	assert_int_equal(world.alarms[LEASES_KEY_SPENT], 0);
	assert_int_equal(numbers_sent(vpe), 2 * 1000);
	send_until(vpe, LEASES_KEY_SPENT);
	assert_int_equal(world.alarms[LEASES_KEY_SPENT], 1);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(numbers_sent(vpe), 0);
	for (unsigned worker = 0; worker < WORLD_WORKERS; worker++)
		assert_int_equal(world.sa[vpe]->out->lane[worker].without_lease, DROP_key_spent);
	assert_int_equal(numbers_sent(other), 2 * 1000);
	assert_int_equal(world.alarms[LEASES_KEY_SOFT], 1);
	assert_int_equal(world.alarms[LEASES_KEY_SPENT], 1);
	// A restart does not make it younger.
	world_stop_orderly(&world);
	world_rest(&world);
	assert_int_equal(world.alarms[LEASES_KEY_SPENT], 2);
	assert_int_equal(numbers_sent(vpe), 0);
	assert_int_equal(world.violations, 0);
	world_end(&world);
}

static void a_failure_is_told_once(void **state)
{
	(void)state;
	world_begin(&world, SYNC_NONE_MISSING, 9);
	assert_false(leases_usage(world.leases).failed);
	world.disk.fail = -EIO;
	for (unsigned i = 0; i < 100; i++) {
		act_send(&world);
		pass_time(&world);
	}
	assert_true(leases_usage(world.leases).failed);
	assert_int_equal(world.alarms[LEASES_JOURNAL_FAILED], 1);
	world.disk.fail = 0;
	act_close_burst(&world);
	world_end(&world);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rules_hold),
		cmocka_unit_test(missing_syncs_are_found),
		cmocka_unit_test(room_is_known_before),
		cmocka_unit_test(a_key_has_one_sa),
		cmocka_unit_test(windows_of_others_do_not_count),
		cmocka_unit_test(windows_have_their_records),
		cmocka_unit_test(more_windows_than_were_kept),
		cmocka_unit_test(what_was_kept_goes_back),
		cmocka_unit_test(filling_is_told_once),
		cmocka_unit_test(a_key_that_did_enough_stops),
		cmocka_unit_test(a_failure_is_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
