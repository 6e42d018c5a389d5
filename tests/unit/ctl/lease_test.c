// One counter and its edge: how far ahead, how soon, and who hears of it first. The journal is on a
// disk in memory; worker and time are the test's.
#include "model_disk.h"

#include "ctl/lease.h"
#include "proto/window.h"

#define OCTETS (2 * JOURNAL_PAGE_OCTETS)
#define MS UINT64_C(1000000)
#define TICK_NS MS
#define PASS_NS (50 * MS) // control looks so often where nothing waits

struct rig {
	struct model_disk disk;
	struct journal *journal;
	struct journal_record *record;
	struct lease lease;
	struct window_slot slot;
	struct lease_grace grace;
	bool worker_sleeps; // it hears of nothing
	uint64_t now_ns;
	uint64_t next; // number that the peer sends
	uint64_t delivered;
	uint64_t commits;
};

static uint64_t grace_start(void *handle)
{
	(void)handle;
	return 1;
}

static bool grace_over(void *handle, uint64_t token)
{
	(void)token;
	return !((const struct rig *)handle)->worker_sleeps;
}

static struct replay_window *window_of(struct rig *rig)
{
	return atomic_load(&rig->slot.window);
}

static void open_journal(struct rig *rig)
{
	const struct journal_params params = {.machine = "this machine..", .now_s = 1800000000};
	const struct journal_name name = {.kind = JOURNAL_IN, .id_word = 1};
	struct journal_io io;
	struct error err;

	model_disk_open(&rig->disk, OCTETS, 1);
	io = model_disk_io(&rig->disk);
	assert_int_equal(journal_format(&io, &params), 0);
	assert_int_equal(journal_open(&io, &params, &rig->journal, &err), 0);
	rig->record = journal_add(rig->journal, &name);
	assert_non_null(rig->record);
}

static struct rig *rig_new(void)
{
	static struct rig rig;
	struct replay_window *window = aligned_alloc(CACHE_LINE, window_octets(1024));

	assert_non_null(window);
	rig = (struct rig){.now_ns = 1000 * MS, .next = 1};
	rig.grace = (struct lease_grace){&rig, grace_start, grace_over};
	open_journal(&rig);
	replay_init(window, 1024);
	atomic_store(&rig.slot.window, window);
	lease_open_in(&rig.lease, window, rig.record);
	return &rig;
}

static void rig_free(struct rig *rig)
{
	free(window_of(rig));
	journal_close(rig->journal);
	model_disk_close(&rig->disk);
}

static void receive(struct rig *rig, uint64_t packets)
{
	for (; packets > 0; packets--)
		rig->delivered += window_commit(&rig->slot, rig->next++) == VERDICT_ACCEPT;
}

static void poll(struct rig *rig)
{
	if (!lease_plan(&rig->lease, rig->journal, &rig->grace, rig->now_ns))
		return;
	rig->commits++;
	assert_int_equal(journal_commit(rig->journal, 1800000000), 0);
	lease_apply(&rig->lease);
}

// A commit takes disk_ms, in which the peer goes on.
static void run(struct rig *rig, uint64_t ms, uint64_t per_ms, uint64_t disk_ms)
{
	uint64_t end = rig->now_ns + ms * MS;
	uint64_t looked = 0;

	while (rig->now_ns < end) {
		uint64_t before = rig->delivered;
		uint64_t step = 1 + disk_ms * (rig->commits > 0);

		receive(rig, per_ms * step);
		rig->now_ns += step * TICK_NS;
		if (rig->delivered - before < per_ms * step || rig->now_ns - looked >= PASS_NS) {
			looked = rig->now_ns;
			poll(rig);
		}
	}
}

static uint64_t ahead(struct rig *rig)
{
	return rig->record->edge - rig->next;
}

static void slow_window_has_the_floor(void **state)
{
	struct rig *rig = rig_new();

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		receive(rig, 1);
		poll(rig);
		rig->now_ns += 1000 * MS;
		assert_in_range(ahead(rig), 0, 16);
	}
	// The first waited, and is not judged again here.
	assert_int_equal(rig->delivered, 19);
	rig_free(rig);
}

static void lead_is_a_second(void **state)
{
	struct rig *rig = rig_new();

	(void)state;
	run(rig, 3000, 10, 2);
	for (unsigned i = 0; i < 20; i++) {
		run(rig, 100, 10, 2);
		assert_in_range(ahead(rig), 10 * 300, 10 * 1500);
	}
	run(rig, 1000, 0, 2);
	assert_true(ahead(rig) <= 2 * 16);
	rig_free(rig);
}

// Ten million a second, and a disk that takes 5 ms: more comes while it is written than a peer that
// starts again is taken to skip.
static void fast_window_is_caught_up_with(void **state)
{
	struct rig *rig = rig_new();
	uint64_t before;

	(void)state;
	run(rig, 100, 10000, 5);
	before = rig->delivered;
	run(rig, 100, 10000, 5);
	assert_true(rig->delivered - before >= 100 * UINT64_C(10000));
	rig_free(rig);
}

// One leap says nothing of a rate: the edge stays close, so that little is lost in a crash.
static void leap_is_no_rate(void **state)
{
	struct rig *rig = rig_new();

	(void)state;
	run(rig, 2000, 0, 2);
	receive(rig, 1);
	poll(rig);
	rig->next += UINT64_C(1) << 40;
	receive(rig, 1);
	poll(rig);
	assert_in_range(ahead(rig), 0, 16);
	rig_free(rig);
}

// Half of the lead is used up, then control is held up for longer than rates are remembered: what
// it asks for now is lower than what the worker may still use.
static void lower_edge_is_told_the_worker_first(void **state)
{
	struct rig *rig = rig_new();
	uint64_t edge;

	(void)state;
	run(rig, 3000, 10, 0);
	edge = atomic_load(&window_of(rig)->edge);
	receive(rig, edge - rig->next - rig->lease.lead.size / 2 + 1);
	rig->worker_sleeps = true;
	for (unsigned i = 0; i < 30; i++) {
		rig->now_ns += 3000 * MS;
		poll(rig);
		assert_true(rig->record->edge >= edge);
	}
	assert_true(atomic_load(&window_of(rig)->edge) < edge);
	rig->worker_sleeps = false;
	poll(rig);
	assert_true(rig->record->edge < edge);
	assert_int_equal(rig->record->edge, atomic_load(&window_of(rig)->edge));
	rig_free(rig);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(slow_window_has_the_floor),
		cmocka_unit_test(lead_is_a_second),
		cmocka_unit_test(fast_window_is_caught_up_with),
		cmocka_unit_test(leap_is_no_rate),
		cmocka_unit_test(lower_edge_is_told_the_worker_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
