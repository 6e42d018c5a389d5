// The leases of each SA, found, polled and given back.
#include "ctl/leases.h"

#include "base/log.h"
#include "journal/journal_key.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

// An SA and its counters; of an inbound one they come one by one.
struct group {
	struct group *next;
	struct sa *sa;
	uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS];
	unsigned n;
	struct lease *lease;
	// Inbound: slots of the window table that were looked at.
	uint32_t windows;
	bool *known;
	// Outbound.
	uint64_t blocks_elsewhere; // of the key, by counters that are not in use now
	bool soft_told;
	bool spent;
	bool superseded; // the key's records belong to a newer SA
};

struct leases {
	struct leases_params params;
	struct group *first;
	bool failure_told;
	bool full_told;
	bool given_back; // by SAs that were removed, not durable yet
	bool pending;
};

int leases_create(const struct leases_params *params, struct leases **created, struct error *err)
{
	struct leases *leases = calloc(1, sizeof(*leases));

	if (!leases)
		return error_set(err, ENOMEM, "no memory for leases");
	leases->params = *params;
	*created = leases;
	return 0;
}

static void free_group(struct group *group)
{
	if (!group)
		return;
	free(group->lease);
	free(group->known);
	free(group);
}

void leases_destroy(struct leases *leases)
{
	if (!leases)
		return;
	while (leases->first) {
		struct group *group = leases->first;

		leases->first = group->next;
		free_group(group);
	}
	free(leases);
}

// The record of a counter: as it is, or a new one.
static struct journal_record *record_of(struct leases *leases, const struct group *group,
	enum journal_kind kind, uint32_t id_word, bool *is_new)
{
	struct journal *journal = leases->params.journal;
	struct journal_name name = {.kind = kind, .id_word = id_word};
	struct journal_record *record;

	memcpy(name.fingerprint, group->fingerprint, sizeof(name.fingerprint));
	record = journal_find(journal, &name);
	*is_new = record == NULL;
	if (!record)
		record = journal_add(journal, &name);
	if (!record && !leases->full_told) {
		leases->full_told = true;
		log_error("the journal is full (%u records): SA %s has counters that can neither "
			  "send nor receive; give it more room (vpectl key-register --records)",
			journal_capacity(journal), group->sa->name);
	}
	return record;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint32_t id_word_of(const struct sa *sa, uint16_t worker)
{
	return sa->params.proto->one_encryptor
		? 0
		: (uint32_t)sa->params.sender_id | sa->out->lane[worker].window_id << 16;
}

static int add_lane(struct leases *leases, struct group *group, uint16_t worker, uint64_t clock)
{
	struct sa *sa = group->sa;
	struct sa_out_lane *lane = &sa->out->lane[worker];
	uint64_t behind = journal_key_highest(leases->params.journal, group->fingerprint);
	bool is_new;
	struct journal_record *record =
		record_of(leases, group, JOURNAL_OUT, id_word_of(sa, worker), &is_new);

	if (!record)
		return -ENOSPC;
	// What this counter has not done may have been done under the key by another: by another
	// protocol, direction or number of workers.
	if (is_new)
		journal_put(leases->params.journal, record, behind, behind);
	lane->next = later(record->edge, clock);
	lease_open_out(&group->lease[group->n++], lane, record,
		sa->params.proto->last_seq(sa->params.esn) + 1);
	group->blocks_elsewhere -= record->blocks;
	return 0;
}

static int add_out(struct leases *leases, struct group *group, uint64_t unix_ns)
{
	const struct sa_workers *workers = leases->params.workers;
	uint64_t clock = group->sa->params.proto->first_seq(unix_ns);
	int rc = 0;

	group->lease = calloc(workers->n, sizeof(group->lease[0]));
	if (!group->lease)
		return -ENOMEM;
	group->blocks_elsewhere = journal_key_blocks(leases->params.journal, group->fingerprint);
	for (uint16_t i = 0; i < workers->n && rc == 0; i++)
		if (sa_out_has_counter(group->sa->out, workers, i))
			rc = add_lane(leases, group, i, clock);
	return rc;
}

static int add_in(struct leases *leases, struct group *group)
{
	struct window_table *table = group->sa->in->windows;
	uint64_t highest = journal_key_highest(leases->params.journal, group->fingerprint);

	group->lease = calloc(table->mask + 1ul, sizeof(group->lease[0]));
	group->known = calloc(table->mask + 1ul, sizeof(group->known[0]));
	if (!group->lease || !group->known)
		return -ENOMEM;
	// Extended numbers are guessed from the top before there is a window.
	if (highest > 0)
		atomic_store(&group->sa->in->told_top, highest - 1);
	return 0;
}

// Where the same key comes back while workers still see an SA that had it: that one uses up what it
// has, all of which is below where the new one begins, and gets nothing more.
static void supersede(struct leases *leases, const struct group *by)
{
	for (struct group *group = leases->first; group; group = group->next)
		if (group->sa->inbound == by->sa->inbound &&
			memcmp(group->fingerprint, by->fingerprint, sizeof(by->fingerprint)) == 0)
			group->superseded = true;
}

static int check_registered(struct leases *leases, const struct sa *sa,
	const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS], struct error *err)
{
	if (journal_key_is_registered(leases->params.journal, fingerprint))
		return 0;
	return error_set(err, ENOKEY,
		"SA %s: its key has no record in the journal; if it was never used before, by "
		"anybody, vpectl key-register makes one",
		sa->name);
}

int leases_may_add(struct leases *leases, const struct sa *sa,
	const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS], unsigned *records, struct error *err)
{
	const struct sa_workers *workers = leases->params.workers;
	struct journal *journal = leases->params.journal;
	struct journal_name name = {.kind = JOURNAL_OUT};
	int rc = check_registered(leases, sa, fingerprint, err);

	memcpy(name.fingerprint, fingerprint, sizeof(name.fingerprint));
	for (uint16_t i = 0; i < workers->n && rc == 0 && !sa->inbound; i++) {
		if (!sa_out_has_counter(sa->out, workers, i))
			continue;
		name.id_word = id_word_of(sa, i);
		*records += journal_find(journal, &name) == NULL;
	}
	if (rc == 0 && *records > journal_capacity(journal) - journal_used(journal))
		rc = error_set(err, ENOSPC, "SA %s: the journal is full", sa->name);
	return rc;
}

int leases_add(struct leases *leases, struct sa *sa,
	const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS], uint64_t unix_ns, struct error *err)
{
	struct group *group;
	int rc = check_registered(leases, sa, fingerprint, err);

	if (rc != 0)
		return rc;
	group = calloc(1, sizeof(*group));
	if (!group)
		return error_set(err, ENOMEM, "no memory for the leases of SA %s", sa->name);
	group->sa = sa;
	memcpy(group->fingerprint, fingerprint, sizeof(group->fingerprint));
	rc = sa->inbound ? add_in(leases, group) : add_out(leases, group, unix_ns);
	if (rc != 0) {
		free_group(group);
		return error_set(err, -rc, "SA %s: %s", sa->name,
			rc == -ENOSPC ? "the journal is full" : "no memory for its leases");
	}
	supersede(leases, group);
	group->next = leases->first;
	leases->first = group;
	return 0;
}

static void give_back(struct leases *leases, struct group *group)
{
	for (unsigned i = 0; i < group->n && !group->superseded; i++)
		lease_give_back(&group->lease[i], leases->params.journal);
}

void leases_remove(struct leases *leases, const struct sa *sa)
{
	for (struct group **at = &leases->first; *at; at = &(*at)->next) {
		struct group *group = *at;

		if (group->sa != sa)
			continue;
		*at = group->next;
		give_back(leases, group);
		leases->given_back = true;
		free_group(group);
		return;
	}
}

static void open_window(struct leases *leases, struct group *group, uint32_t slot)
{
	struct window_slot *from = &group->sa->in->windows->slot[slot];
	struct replay_window *window = atomic_load_explicit(&from->window, memory_order_acquire);
	uint64_t claim = atomic_load_explicit(&from->claim, memory_order_acquire);
	struct journal_record *record;
	bool is_new;

	// Claimed this moment: the worker is about to say which window.
	if (claim == 0 || !window)
		return;
	group->known[slot] = true;
	group->windows++;
	record = record_of(leases, group, JOURNAL_IN, (uint32_t)(claim >> 32), &is_new);
	if (record)
		lease_open_in(&group->lease[group->n++], window, record);
}

static void open_windows(struct leases *leases, struct group *group)
{
	struct window_table *table = group->sa->in->windows;

	if (atomic_load_explicit(&table->used, memory_order_acquire) == group->windows)
		return;
	for (uint32_t i = 0; i <= table->mask; i++)
		if (!group->known[i])
			open_window(leases, group, i);
}

// A key that has encrypted too much stops at once, whatever it has leased.
static void check_blocks(struct leases *leases, struct group *group)
{
	uint64_t blocks = group->blocks_elsewhere;

	for (unsigned i = 0; i < group->n; i++)
		blocks += lease_blocks(&group->lease[i]);
	if (blocks >= leases->params.hard_blocks && !group->spent) {
		group->spent = true;
		log_error("SA %s: its key has encrypted %" PRIu64
			  " blocks and may not do more: the SA stops; exchange the key",
			group->sa->name, blocks);
		for (unsigned i = 0; i < group->n; i++)
			lease_stop(&group->lease[i], DROP_key_spent);
	} else if (blocks >= leases->params.soft_blocks && !group->soft_told) {
		group->soft_told = true;
		log_warning("SA %s: its key has encrypted %" PRIu64 " blocks and stops at %" PRIu64
			    "; exchange it",
			group->sa->name, blocks, leases->params.hard_blocks);
	}
}

static bool plan(struct leases *leases, struct group *group, uint64_t now_ns)
{
	bool any = false;

	if (group->superseded)
		return false;
	if (group->sa->inbound)
		open_windows(leases, group);
	else
		check_blocks(leases, group);
	if (group->spent)
		return false;
	for (unsigned i = 0; i < group->n; i++) {
		any |= lease_plan(
			&group->lease[i], leases->params.journal, &leases->params.grace, now_ns);
		leases->pending |= group->lease[i].lowered != 0;
	}
	return any;
}

static bool apply(const struct leases *leases)
{
	bool raised = false;

	for (const struct group *group = leases->first; group; group = group->next)
		for (unsigned i = 0; i < group->n; i++)
			raised |= lease_apply(&group->lease[i]);
	return raised;
}

// What was leased may be used up, and nothing after it.
static void tell_failure(struct leases *leases)
{
	if (leases->failure_told)
		return;
	leases->failure_told = true;
	log_error("the journal cannot be written: %s; its SAs send until their leases end, and "
		  "receive until their edges, then stop; mend the disk and start vped again",
		strerror(-journal_failed(leases->params.journal)));
	for (const struct group *group = leases->first; group; group = group->next)
		for (unsigned i = 0; i < group->n && !group->sa->inbound; i++)
			atomic_store_explicit(&group->lease[i].lane->without_lease,
				DROP_journal_failed, memory_order_relaxed);
}

bool leases_poll(struct leases *leases, uint64_t now_ns, uint64_t unix_s)
{
	bool any = leases->given_back;

	leases->pending = false;
	leases->given_back = false;
	if (journal_failed(leases->params.journal) != 0) {
		tell_failure(leases);
		return false;
	}
	for (struct group *group = leases->first; group; group = group->next)
		any |= plan(leases, group, now_ns);
	if (!any)
		return false;
	if (journal_commit(leases->params.journal, unix_s) != 0) {
		tell_failure(leases);
		return false;
	}
	return apply(leases);
}

bool leases_are_pending(const struct leases *leases)
{
	return leases->pending;
}

void leases_give_back(struct leases *leases, uint64_t unix_s)
{
	if (journal_failed(leases->params.journal) != 0)
		return;
	for (struct group *group = leases->first; group; group = group->next)
		give_back(leases, group);
	if (journal_commit(leases->params.journal, unix_s) != 0)
		tell_failure(leases);
}
