// Lives of the world, and the judgement after each loss of power.
#include "leases_world.h"
#include "register_key.h"

#include "crypto/fingerprint.h"
#include "journal/journal_key.h"

#include <errno.h>
#include <stdio.h>

#define POOL_OCTETS (1u << 20)

static const uint16_t worker_index[WORLD_WORKERS] = {0, 1};
static const struct sa_workers workers = {
	.n = WORLD_WORKERS,
	.encrypt_n = WORLD_WORKERS,
	.encrypt_index = worker_index,
	.encrypt = worker_index,
};

static struct journal_params life_params(const struct world *w)
{
	return (struct journal_params){.machine = "this machine..", .now_s = w->unix_s};
}

struct journal_name world_name(const struct world *w, unsigned sa, unsigned counter)
{
	struct journal_name name = {.kind = world_is_out(sa) ? JOURNAL_OUT : JOURNAL_IN};

	memcpy(name.fingerprint, w->fingerprint[sa], sizeof(name.fingerprint));
	if (world_is_out(sa))
		name.id_word = world_proto(sa)->one_encryptor ? 0 : (counter + 1) << 16;
	else
		name.id_word = world_proto(sa)->one_encryptor ? 1 : (counter + 1) << 16;
	return name;
}

static bool has_counter(unsigned sa, unsigned counter)
{
	return !world_proto(sa)->one_encryptor || counter == 0;
}

// A key whose end is durable stays ended, and no other ends.
static unsigned count_wrong_ends(const struct world *w, struct journal *journal)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < WORLD_KEYS - WORLD_SAS; i++) {
		const struct spare_key *key = &w->spare[i];

		wrong += key->state != KEY_ENDING &&
			journal_key_has_ended(journal, key->fingerprint) !=
				(key->state == KEY_ENDED);
	}
	for (unsigned sa = 0; sa < WORLD_SAS; sa++)
		wrong += journal_key_has_ended(journal, w->fingerprint[sa]);
	return wrong;
}

// Whoever opens this journal goes on behind everything.
static void judge(struct world *w, struct journal *journal)
{
	w->violations += count_wrong_ends(w, journal);
	for (unsigned sa = 0; sa < WORLD_SAS; sa++) {
		unsigned n = world_is_out(sa) ? WORLD_WORKERS : WORLD_WINDOWS;

		w->violations += !journal_key_is_registered(journal, w->fingerprint[sa]);
		for (unsigned i = 0; i < n && has_counter(sa, i); i++) {
			const struct counter *c = world_is_out(sa) ? &w->out[sa][i] : &w->in[sa][i];
			struct journal_name name = world_name(w, sa, i);
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

// Workers do not wait for the disk.
static void work(struct world *w)
{
	static void (*const acts[])(struct world * w) = {act_send, act_receive, act_close_burst};

	if (w->running && random_below(&w->random, 2) == 0)
		acts[random_below(&w->random, 3)](w);
}

static void at_moment(void *handle)
{
	work(handle);
	for (unsigned i = 0; i < WORLD_TRIES; i++)
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

// What was ending is on the disk now.
static void settle_ends(struct world *w)
{
	for (unsigned i = 0; i < WORLD_KEYS - WORLD_SAS; i++)
		if (w->spare[i].state == KEY_ENDING)
			w->spare[i].state = KEY_ENDED;
}

void world_poll(struct world *w)
{
	w->disk.syncs = 0;
	leases_poll(w->leases, w->now_ns, w->unix_s);
	if (journal_failed(w->journal) == 0)
		settle_ends(w);
}

void world_end_key(struct world *w)
{
	struct spare_key *key = &w->spare[random_below(&w->random, WORLD_KEYS - WORLD_SAS)];
	unsigned records = 0;
	struct error err;

	if (key->state == KEY_ALIVE)
		key->state = KEY_ENDING;
	leases_end_key(w->leases, key->fingerprint);
	// No SA gets it from now on.
	w->violations += leases_may_add(w->leases, w->sa[random_below(&w->random, WORLD_SAS)],
				 key->fingerprint, &records, &err) != -EKEYEXPIRED;
	w->ends++;
}

// After a loss of power.
static void find_ends(struct world *w)
{
	for (unsigned i = 0; i < WORLD_KEYS - WORLD_SAS; i++) {
		struct spare_key *key = &w->spare[i];

		if (key->state == KEY_ENDING)
			key->state = journal_key_has_ended(w->journal, key->fingerprint)
				? KEY_ENDED
				: KEY_ALIVE;
	}
}

static struct sa *open_sa(struct world *w, unsigned index)
{
	struct sa *sa = calloc(1, sizeof(*sa));
	struct sa_params params = {
		.proto = world_proto(index),
		.spi = 0xc0000000,
		.esn = true,
		.replay_window = 64,
		.windows = world_is_out(index) || world_proto(index)->one_encryptor ? 1
										    : WORLD_WINDOWS,
		.first = 1,
		.journaled = true,
	};
	size_t octets =
		world_is_out(index) ? sa_out_octets(&workers) : sa_in_octets(&params, &workers);
	void *memory = aligned_alloc(CACHE_LINE, octets);
	struct error err;

	assert_true(sa && memory);
	sa->inbound = !world_is_out(index);
	sa->params = params;
	snprintf(sa->name, sizeof(sa->name), "%u", index);
	if (world_is_out(index))
		sa->out = sa_out_init(memory, &params, NULL, &workers, 1500);
	else
		sa->in = sa_in_init(memory, &params, NULL, &workers, 0, &w->pool);
	// A clock that is slow: the journal alone has to do it.
	assert_int_equal(
		leases_add(w->leases, sa, w->fingerprint[index], 0, &w->group[index], &err), 0);
	return sa;
}

static void on_alarm(void *world, const struct leases *leases, const struct leases_alarm *alarm)
{
	(void)leases;
	((struct world *)world)->alarms[alarm->kind]++;
}

static void begin_life(struct world *w)
{
	struct leases_params params = {
		.workers = &workers,
		.grace = {.handle = w, .start = grace_start, .over = grace_over},
		.soft_blocks = w->soft_blocks,
		.hard_blocks = w->hard_blocks,
		.tell = on_alarm,
		.told = w,
	};
	struct journal_params journal_params = life_params(w);
	struct journal_io io = model_disk_io(&w->disk);
	struct error err;

	w->disk.syncs = 0;
	if (journal_open(&io, &journal_params, &w->journal, &err) != 0) {
		w->violations++;
		w->dead = true;
		return;
	}
	find_ends(w);
	judge(w, w->journal);
	params.journal = w->journal;
	assert_int_equal(leases_create(&params, &w->leases, &err), 0);
	for (unsigned i = 0; i < WORLD_SAS; i++)
		w->sa[i] = open_sa(w, i);
	w->running = true;
	world_poll(w);
}

static void close_sa(struct sa *sa)
{
	if (sa->in)
		sa_in_fini(sa->in);
	free(sa->in);
	free(sa->out);
	free(sa);
}

static void end_life(struct world *w)
{
	w->running = false;
	w->grace += w->burst.open;
	w->burst.open = false;
	leases_destroy(w->leases);
	journal_close(w->journal);
	for (unsigned i = 0; i < WORLD_SAS; i++)
		if (w->sa[i])
			close_sa(w->sa[i]);
}

void world_lose_power(struct world *w)
{
	model_disk_lose_power(&w->disk, &w->found);
	end_life(w);
	memcpy(w->disk.cache, w->found.cache, w->disk.octets);
	model_disk_settle(&w->disk);
	w->crashes++;
	begin_life(w);
}

void world_stop_orderly(struct world *w)
{
	act_close_burst(w);
	w->running = false;
	w->disk.syncs = 0;
	leases_give_back(w->leases, w->unix_s);
	settle_ends(w);
	end_life(w);
	w->stops++;
	begin_life(w);
}

void world_remove_sa(struct world *w, unsigned index)
{
	if (w->burst.open && w->burst.sa == index)
		act_close_burst(w);
	leases_remove(w->group[index]);
	close_sa(w->sa[index]);
	w->sa[index] = NULL;
}

void world_rest(struct world *w)
{
	act_close_burst(w);
	w->running = false;
}

void world_add_sa(struct world *w, unsigned index)
{
	w->sa[index] = open_sa(w, index);
}

void world_exchange_sa(struct world *w, unsigned index)
{
	world_remove_sa(w, index);
	world_add_sa(w, index);
	w->exchanges++;
}

static void fill_journal(struct world *w)
{
	struct journal_params params = life_params(w);
	struct journal_io io = model_disk_io(&w->disk);
	struct journal *journal;
	struct error err;
	unsigned spares = 0;

	assert_int_equal(journal_format(&io, &params), 0);
	model_disk_settle(&w->disk);
	assert_int_equal(journal_open(&io, &params, &journal, &err), 0);
	// Records of one SA lie in several pages.
	for (unsigned i = 0; i < WORLD_KEYS; i++) {
		uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS];

		random_fill(&w->random, fingerprint, sizeof(fingerprint));
		if (i % 20 == 7)
			memcpy(w->fingerprint[i / 20], fingerprint, sizeof(fingerprint));
		else
			memcpy(w->spare[spares++].fingerprint, fingerprint, sizeof(fingerprint));
		assert_int_equal(register_key(journal, fingerprint, w->unix_s, &err), 0);
	}
	journal_close(journal);
}

void world_begin(struct world *w, enum missing_sync missing, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	w->random.state = seed;
	w->unix_s = 1800000000;
	w->soft_blocks = LEASES_SOFT_BLOCKS;
	w->hard_blocks = LEASES_HARD_BLOCKS;
	w->delivered = calloc(WORLD_DELIVERED_SLOTS, sizeof(w->delivered[0]));
	w->pool_memory = aligned_alloc(CACHE_LINE, POOL_OCTETS);
	assert_true(w->delivered && w->pool_memory);
	window_pool_init(&w->pool, w->pool_memory, POOL_OCTETS);
	model_disk_open(&w->disk, WORLD_PAGES * 2 * JOURNAL_PAGE_OCTETS, seed + 1);
	model_disk_open(&w->found, WORLD_PAGES * 2 * JOURNAL_PAGE_OCTETS, seed + 2);
	fill_journal(w);
	w->disk.calls = 0;
	w->disk.missing = missing;
	w->disk.moment = at_moment;
	w->disk.handle = w;
	begin_life(w);
}

void world_end(struct world *w)
{
	if (!w->dead)
		end_life(w);
	model_disk_close(&w->disk);
	model_disk_close(&w->found);
	free(w->pool_memory);
	free(w->delivered);
}
