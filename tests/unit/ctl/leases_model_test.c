// Both rules against a disk that forgets: no number is sent twice under a key, no number is
// delivered twice, whenever the power goes. The leases, the lanes and the windows are the
// program's; workers, peers, time and power are this file's. At every write and sync, before and
// after, a loss of power is tried on a copy of the disk.
#include "model_disk.h"

#include "crypto/fingerprint.h"
#include "ctl/leases.h"
#include "journal/journal_key.h"
#include "proto/lane.h"
#include "proto/proto.h"
#include "proto/window.h"

#include <stdio.h>

#define PAGES 3
#define OPERATIONS 10000
#define WORKERS 2
#define SAS 6
#define WINDOWS 6
#define TRIES 2 // losses of power at each moment
#define DELIVERED_SLOTS (1u << 21)

static const uint16_t worker_index[WORKERS] = {0, 1};
static const struct sa_workers workers = {
	.n = WORKERS,
	.encrypt_n = WORKERS,
	.encrypt_index = worker_index,
	.encrypt = worker_index,
};

// What was done under one name, in all lives.
struct counter {
	uint64_t high; // of all numbers sent or delivered, plus one
	uint64_t peer; // inbound: the peer's next
};

// A worker in the middle of a burst: it may use a limit that control has changed since.
struct open_burst {
	bool open;
	unsigned sa;
	struct lane_run run;
	// Inbound.
	unsigned window;
	uint64_t edge;
};

struct world {
	struct model_disk disk;
	struct model_disk found; // after a loss of power that is only tried
	struct random random;
	struct journal *journal;
	struct leases *leases;
	struct window_pool pool;
	void *pool_memory;
	struct sa sa[SAS];
	uint8_t fingerprint[SAS][JOURNAL_FINGERPRINT_OCTETS];
	struct counter out[SAS][WORKERS];
	struct counter in[SAS][WINDOWS];
	struct open_burst burst;
	uint64_t grace; // counts bursts that have ended
	uint64_t now_ns;
	uint64_t unix_s;
	uint64_t *delivered; // hash set of (SA, window, number)
	bool dead;	     // the journal was not to be opened any more
	uint64_t violations;
	uint64_t trials, crashes, stops, sent, got, refused;
};

static struct journal_params life_params(const struct world *w)
{
	return (struct journal_params){.machine = "this machine..", .now_s = w->unix_s};
}

static bool is_out(unsigned sa)
{
	return sa < 3;
}

static const struct proto_ops *proto_of(unsigned sa)
{
	return sa % 3 == 0 ? &esp_ops : &vpe_ops;
}

static struct journal_name name_of(const struct world *w, unsigned sa, unsigned counter)
{
	struct journal_name name = {.kind = is_out(sa) ? JOURNAL_OUT : JOURNAL_IN};

	memcpy(name.fingerprint, w->fingerprint[sa], sizeof(name.fingerprint));
	if (is_out(sa))
		name.id_word = proto_of(sa)->one_encryptor ? 0 : (counter + 1) << 16;
	else
		name.id_word = proto_of(sa)->one_encryptor ? 1 : (counter + 1) << 16;
	return name;
}

static bool has_counter(unsigned sa, unsigned counter)
{
	return !proto_of(sa)->one_encryptor || counter == 0;
}

// Whoever opens this journal goes on behind everything.
static void judge(struct world *w, struct journal *journal)
{
	for (unsigned sa = 0; sa < SAS; sa++) {
		unsigned n = is_out(sa) ? WORKERS : WINDOWS;

		w->violations += !journal_key_is_registered(journal, w->fingerprint[sa]);
		for (unsigned i = 0; i < n && has_counter(sa, i); i++) {
			const struct counter *c = is_out(sa) ? &w->out[sa][i] : &w->in[sa][i];
			struct journal_name name = name_of(w, sa, i);
			const struct journal_record *record = journal_find(journal, &name);

			if (c->high > 0 && (record == NULL || record->edge < c->high))
				w->violations++;
		}
	}
}

static void try_loss(struct world *w)
{
	struct journal_params params = life_params(w);
	struct journal_io io = model_disk_io(&w->found);
	struct journal *journal;
	struct error err;

	model_disk_lose_power(&w->disk, &w->found);
	w->trials++;
	if (journal_open(&io, &params, &journal, &err) != 0) {
		w->violations++;
		return;
	}
	judge(w, journal);
	journal_close(journal);
}

static void at_moment(void *handle)
{
	for (unsigned i = 0; i < TRIES; i++)
		try_loss(handle);
}

static uint64_t grace_start(void *handle)
{
	const struct world *w = handle;

	return w->grace + w->burst.open;
}

static bool grace_over(void *handle, uint64_t token)
{
	return ((const struct world *)handle)->grace >= token;
}

static void poll(struct world *w)
{
	w->disk.syncs = 0;
	leases_poll(w->leases, w->now_ns, w->unix_s);
}

static void open_sa(struct world *w, unsigned index)
{
	struct sa *sa = &w->sa[index];
	struct sa_params params = {
		.proto = proto_of(index),
		.spi = 0xc0000000,
		.esn = true,
		.replay_window = 64,
		.windows = is_out(index) || proto_of(index)->one_encryptor ? 1 : WINDOWS,
		.first = 1,
		.journaled = true,
	};
	size_t octets = is_out(index) ? sa_out_octets(&workers) : sa_in_octets(&params, &workers);
	void *memory = aligned_alloc(CACHE_LINE, octets);
	struct error err;

	assert_non_null(memory);
	*sa = (struct sa){.inbound = !is_out(index), .params = params};
	snprintf(sa->name, sizeof(sa->name), "%u", index);
	if (is_out(index))
		sa->out = sa_out_init(memory, &params, NULL, &workers, 1500);
	else
		sa->in = sa_in_init(memory, &params, NULL, &workers, 0, &w->pool);
	// A clock that is slow: the journal alone has to do it.
	assert_int_equal(leases_add(w->leases, sa, w->fingerprint[index], 0, &err), 0);
}

static void begin_life(struct world *w)
{
	const struct leases_params leases_params = {
		.workers = &workers,
		.grace = {.handle = w, .start = grace_start, .over = grace_over},
		.soft_blocks = LEASES_SOFT_BLOCKS,
		.hard_blocks = LEASES_HARD_BLOCKS,
	};
	struct leases_params params = leases_params;
	struct journal_params journal_params = life_params(w);
	struct journal_io io = model_disk_io(&w->disk);
	struct error err;

	w->disk.syncs = 0;
	if (journal_open(&io, &journal_params, &w->journal, &err) != 0) {
		w->violations++;
		w->dead = true;
		return;
	}
	judge(w, w->journal);
	params.journal = w->journal;
	assert_int_equal(leases_create(&params, &w->leases, &err), 0);
	for (unsigned i = 0; i < SAS; i++)
		open_sa(w, i);
	poll(w);
}

static void end_life(struct world *w)
{
	w->grace += w->burst.open;
	w->burst.open = false;
	leases_destroy(w->leases);
	journal_close(w->journal);
	for (unsigned i = 0; i < SAS; i++) {
		if (w->sa[i].in)
			sa_in_fini(w->sa[i].in);
		free(w->sa[i].in);
		free(w->sa[i].out);
	}
}

static void send(struct world *w, unsigned sa, unsigned worker, struct lane_run *run, unsigned n)
{
	struct counter *counter = &w->out[sa][proto_of(sa)->one_encryptor ? 0 : worker];

	for (unsigned i = 0; i < n && lane_has_number(run); i++) {
		w->violations += run->seq < counter->high;
		counter->high = run->seq + 1;
		w->sent++;
		lane_take(run, 100);
	}
	lane_end(run);
}

static unsigned worker_of(struct world *w, unsigned sa)
{
	return proto_of(sa)->one_encryptor ? w->sa[sa].out->owner
					   : (unsigned)random_below(&w->random, WORKERS);
}

// Sometimes long ones: leads follow the rate.
static unsigned some(struct world *w)
{
	static const unsigned most[] = {3, 30, 300, 60000};

	return 1 + (unsigned)random_below(&w->random, most[random_below(&w->random, 4)]);
}

static void send_some(struct world *w)
{
	unsigned sa = (unsigned)random_below(&w->random, 3);
	struct lane_run run = lane_begin(&w->sa[sa].out->lane[worker_of(w, sa)]);

	if (!w->burst.open && random_below(&w->random, 2) == 0) {
		w->burst = (struct open_burst){.open = true, .sa = sa, .run = run};
		return;
	}
	// A lane is in one burst at a time.
	if (w->burst.open && w->burst.sa == sa && w->burst.run.lane == run.lane)
		return;
	send(w, sa, (unsigned)(run.lane - w->sa[sa].out->lane), &run, some(w));
}

static bool deliver_once(struct world *w, unsigned sa, unsigned window, uint64_t seq)
{
	uint64_t entry = (seq * SAS + sa) * WINDOWS + window + 1;
	uint64_t at = (entry * UINT64_C(0x9e3779b97f4a7c15)) >> 43;

	for (; w->delivered[at % DELIVERED_SLOTS] != 0; at++)
		if (w->delivered[at % DELIVERED_SLOTS] == entry)
			return false;
	w->delivered[at % DELIVERED_SLOTS] = entry;
	return true;
}

static struct window_slot *slot_of(struct world *w, unsigned sa, unsigned window)
{
	struct sa_in *in = w->sa[sa].in;
	struct window_slot *slot;

	assert_int_equal(
		window_claim(in->windows, &w->pool, name_of(w, sa, window).id_word, 0, &slot),
		DROP_NONE);
	return slot;
}

static void deliver(struct world *w, unsigned sa, unsigned window, uint64_t seq)
{
	struct counter *counter = &w->in[sa][window];

	w->got++;
	w->violations += !deliver_once(w, sa, window, seq);
	if (seq >= counter->high)
		counter->high = seq + 1;
}

static void receive(struct world *w, unsigned sa, unsigned window, uint64_t seq)
{
	if (window_commit(slot_of(w, sa, window), seq) == VERDICT_ACCEPT)
		deliver(w, sa, window, seq);
	else
		w->refused++;
}

// As far as the edge reached when the burst began.
static void receive_by_old_edge(struct world *w, const struct open_burst *burst, unsigned n)
{
	struct window_slot *slot = slot_of(w, burst->sa, burst->window);
	struct replay_window *window = atomic_load(&slot->window);
	uint64_t *next = &w->in[burst->sa][burst->window].peer;

	for (unsigned i = 0; i < n && *next + 1 < burst->edge; i++)
		if (replay_commit(window, ++*next) == REPLAY_NEW) {
			counter_add(&window->accepted, 1);
			deliver(w, burst->sa, burst->window, *next);
		}
}

static void receive_some(struct world *w)
{
	unsigned sa = 3 + (unsigned)random_below(&w->random, 3);
	unsigned window = proto_of(sa)->one_encryptor ? 0 : (unsigned)random_below(&w->random, 2);
	struct counter *counter = &w->in[sa][window];
	unsigned n = 1 + (some(w) - 1) % 300;

	// Now and then a window that is new, and a peer that goes on far ahead.
	if (!proto_of(sa)->one_encryptor && random_below(&w->random, 20) == 0)
		window = (unsigned)random_below(&w->random, WINDOWS);
	counter = &w->in[sa][window];
	if (!w->burst.open && random_below(&w->random, 3) == 0) {
		struct replay_window *of = atomic_load(&slot_of(w, sa, window)->window);

		w->burst = (struct open_burst){
			.open = true, .sa = sa, .window = window, .edge = atomic_load(&of->edge)};
		return;
	}
	// A window has one owner, which is busy.
	if (w->burst.open && w->burst.sa == sa && w->burst.window == window)
		return;
	if (random_below(&w->random, 40) == 0)
		counter->peer += random_below(&w->random, 1u << 20);
	receive(w, sa, window, ++counter->peer);
	if (random_below(&w->random, 3) > 0)
		poll(w);
	for (unsigned i = 1; i < n; i++)
		receive(w, sa, window, ++counter->peer);
	// Everything captured comes again.
	for (unsigned i = 0; i < 40; i++)
		receive(w, sa, window, counter->peer - random_below(&w->random, counter->peer));
}

// The worker loaded the edge before control changed it, and judges by it after.
static void close_burst(struct world *w)
{
	struct open_burst *burst = &w->burst;

	if (!burst->open)
		return;
	if (is_out(burst->sa))
		send(w, burst->sa, (unsigned)(burst->run.lane - w->sa[burst->sa].out->lane),
			&burst->run, some(w));
	else
		receive_by_old_edge(w, burst, 300);
	burst->open = false;
	w->grace++;
}

static void pass_time(struct world *w)
{
	w->now_ns += random_below(&w->random, 300) * 1000000;
	w->unix_s += random_below(&w->random, 2);
	poll(w);
}

static void lose_power(struct world *w)
{
	model_disk_lose_power(&w->disk, &w->found);
	end_life(w);
	memcpy(w->disk.cache, w->found.cache, w->disk.octets);
	model_disk_settle(&w->disk);
	w->crashes++;
	begin_life(w);
}

static void stop_orderly(struct world *w)
{
	close_burst(w);
	w->disk.syncs = 0;
	leases_give_back(w->leases, w->unix_s);
	end_life(w);
	w->stops++;
	begin_life(w);
}

static void operate(struct world *w)
{
	static const struct {
		unsigned percent;
		void (*act)(struct world *w);
	} acts[] = {
		{1, stop_orderly},
		{3, lose_power},
		{30, send_some},
		{30, receive_some},
		{12, close_burst},
		{24, pass_time},
	};
	unsigned dice = (unsigned)random_below(&w->random, 100);
	unsigned i = 0;

	while (dice >= acts[i].percent)
		dice -= acts[i++].percent;
	acts[i].act(w);
}

static void fill_journal(struct world *w)
{
	struct journal_params params = life_params(w);
	struct journal_io io = model_disk_io(&w->disk);
	struct journal *journal;
	struct error err;

	assert_int_equal(journal_format(&io, &params), 0);
	model_disk_settle(&w->disk);
	assert_int_equal(journal_open(&io, &params, &journal, &err), 0);
	// Records of one SA lie in several pages.
	for (unsigned i = 0; i < 118; i++) {
		uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS];

		random_fill(&w->random, fingerprint, sizeof(fingerprint));
		if (i % 20 == 7)
			memcpy(w->fingerprint[i / 20], fingerprint, sizeof(fingerprint));
		assert_int_equal(journal_key_register(journal, fingerprint, w->unix_s, &err), 0);
	}
	journal_close(journal);
}

static void run(struct world *w, enum missing_sync missing, uint64_t seed, unsigned operations)
{
	size_t pool_octets = 1 << 20;

	memset(w, 0, sizeof(*w));
	w->random.state = seed;
	w->unix_s = 1800000000;
	w->delivered = calloc(DELIVERED_SLOTS, sizeof(w->delivered[0]));
	w->pool_memory = aligned_alloc(CACHE_LINE, pool_octets);
	assert_true(w->delivered && w->pool_memory);
	window_pool_init(&w->pool, w->pool_memory, pool_octets);
	model_disk_open(&w->disk, PAGES * 2 * JOURNAL_PAGE_OCTETS, seed + 1);
	model_disk_open(&w->found, PAGES * 2 * JOURNAL_PAGE_OCTETS, seed + 2);
	fill_journal(w);
	w->disk.calls = 0;
	w->disk.missing = missing;
	w->disk.moment = at_moment;
	w->disk.handle = w;
	begin_life(w);
	for (unsigned i = 0; i < operations && !w->dead; i++)
		operate(w);
	if (!w->dead)
		end_life(w);
	model_disk_close(&w->disk);
	model_disk_close(&w->found);
	free(w->pool_memory);
	free(w->delivered);
}

static struct world world;

static void both_rules_hold(void **state)
{
	unsigned operations = full_run() ? 20 * OPERATIONS : OPERATIONS;

	(void)state;
	run(&world, SYNC_NONE_MISSING, 1, operations);
	print_message("%u operations, %lu writes and syncs, %lu losses of power tried, %lu had, "
		      "%lu stops; %lu sent, %lu delivered, %lu refused; %lu violations\n",
		operations, world.disk.calls, world.trials, world.crashes, world.stops, world.sent,
		world.got, world.refused, world.violations);
	assert_true(world.trials == 2 * TRIES * world.disk.calls);
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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_rules_hold),
		cmocka_unit_test(missing_syncs_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
