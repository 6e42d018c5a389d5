// The leases of each SA, found, polled and given back.
#include "ctl/leases_private.h"

#include "journal/journal_key.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILLING_PERCENT 80
#define FILLING_OVER_PERCENT 75

int leases_create(const struct leases_params *params, struct leases **created, struct error *err)
{
	struct leases *leases = calloc(1, sizeof(*leases));

	if (!leases)
		return error_set(err, ENOMEM, "no memory for leases");
	leases->params = *params;
	*created = leases;
	return 0;
}

static void free_group(struct leases_group *group)
{
	LIST_REMOVE(group, list);
	journal_key_hold(group->leases->params.journal, group->fingerprint, false);
	free(group->lease);
	free(group->known);
	free(group);
}

void leases_destroy(struct leases *leases)
{
	if (!leases)
		return;
	while (!LIST_EMPTY(&leases->groups))
		free_group(LIST_FIRST(&leases->groups));
	free(leases);
}

static void tell(struct leases *leases, const struct leases_alarm *alarm)
{
	leases->params.tell(leases->params.told, leases, alarm);
}

static void tell_full(struct leases *leases, struct leases_group *group)
{
	const struct leases_alarm alarm = {.kind = LEASES_JOURNAL_FULL, .sa = group->sa};

	if (!group->full_told)
		tell(leases, &alarm);
	group->full_told = true;
}

// The record of a counter: as it is, or a new one.
static struct journal_record *record_of(struct leases *leases, struct leases_group *group,
	enum journal_kind kind, uint32_t id_word, bool *is_new)
{
	struct journal_name name = {.kind = kind, .id_word = id_word};
	struct journal_record *record;

	memcpy(name.fingerprint, group->fingerprint, sizeof(name.fingerprint));
	record = journal_find(leases->params.journal, &name);
	*is_new = record == NULL;
	return record ? record : leases_room_take(leases, group, &name);
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint32_t leases_id_word(const struct sa *sa, uint16_t worker)
{
	return sa->params.proto->one_encryptor
		? 0
		: (uint32_t)sa->params.sender_id | sa->out->lane[worker].window_id << 16;
}

bool leases_is_window(const struct sa *sa, uint32_t id_word)
{
	return sa->params.proto->one_encryptor ? id_word == 1
					       : (id_word & 0xffff) == sa->params.sender_id;
}

static int add_lane(
	struct leases *leases, struct leases_group *group, uint16_t worker, uint64_t clock)
{
	struct sa *sa = group->sa;
	struct sa_out_lane *lane = &sa->out->lane[worker];
	uint64_t behind = journal_key_highest(leases->params.journal, group->fingerprint);
	bool is_new;
	struct journal_record *record =
		record_of(leases, group, JOURNAL_OUT, leases_id_word(sa, worker), &is_new);

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

static int add_out(struct leases *leases, struct leases_group *group, uint64_t unix_ns)
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

static int add_in(struct leases *leases, struct leases_group *group, unsigned records)
{
	struct window_table *table = group->sa->in->windows;
	uint64_t highest = journal_key_highest(leases->params.journal, group->fingerprint);

	group->lease = calloc(table->mask + 1ul, sizeof(group->lease[0]));
	group->known = calloc(table->mask + 1ul, sizeof(group->known[0]));
	if (!group->lease || !group->known)
		return -ENOMEM;
	// Extended numbers are guessed from the top before there is a window.
	if (highest > 0)
		atomic_store(&table->told_top, highest - 1);
	leases_room_keep(leases, group, records);
	return 0;
}

static int check_key(struct leases *leases, const struct sa *sa,
	const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS], struct error *err)
{
	if (!journal_key_is_registered(leases->params.journal, fingerprint))
		return error_set(err, ENOKEY,
			"SA %s: its key has no record in the journal; if it was never used before, "
			"by anybody, vpectl key-register makes one",
			sa->name);
	if (journal_key_has_ended(leases->params.journal, fingerprint))
		return error_set(err, EKEYEXPIRED,
			"SA %s: the life of its key is over, for good (hard_lifetime); make a new "
			"one",
			sa->name);
	if (journal_key_is_held(leases->params.journal, fingerprint))
		return error_set(err, EEXIST, "SA %s: another SA has its key", sa->name);
	return 0;
}

int leases_may_add(struct leases *leases, const struct sa *sa,
	const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS], unsigned *records, struct error *err)
{
	int rc = check_key(leases, sa, fingerprint, err);

	if (rc != 0)
		return rc;
	*records += leases_room_wanted(leases, sa, fingerprint);
	return leases_room_check(leases, sa, *records, err);
}

static struct leases_group *create_group(
	struct leases *leases, struct sa *sa, const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS])
{
	struct leases_group *group = calloc(1, sizeof(*group));

	if (!group)
		return NULL;
	group->leases = leases;
	group->sa = sa;
	memcpy(group->fingerprint, fingerprint, sizeof(group->fingerprint));
	journal_key_hold(leases->params.journal, fingerprint, true);
	LIST_INSERT_HEAD(&leases->groups, group, list);
	return group;
}

int leases_add(struct leases *leases, struct sa *sa,
	const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS], uint64_t unix_ns,
	struct leases_group **added, struct error *err)
{
	struct leases_group *group;
	unsigned records = 0;
	int rc = leases_may_add(leases, sa, fingerprint, &records, err);

	if (rc != 0)
		return rc;
	group = create_group(leases, sa, fingerprint);
	if (!group)
		return error_set(err, ENOMEM, "SA %s: no memory for its leases", sa->name);
	rc = sa->inbound ? add_in(leases, group, records) : add_out(leases, group, unix_ns);
	if (rc != 0) {
		free_group(group);
		return error_set(err, -rc, "SA %s: its leases: %s", sa->name, strerror(-rc));
	}
	*added = group;
	return 0;
}

static void give_back(struct leases_group *group)
{
	for (unsigned i = 0; i < group->n; i++)
		lease_give_back(&group->lease[i], group->leases->params.journal);
}

void leases_remove(struct leases_group *group)
{
	struct leases *leases = group->leases;

	leases_room_keep(leases, group, 0);
	give_back(group);
	leases->changed = true;
	free_group(group);
}

void leases_end_key(struct leases *leases, const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS])
{
	journal_key_end(leases->params.journal, fingerprint);
	leases->changed = true;
}

static void open_window(struct leases *leases, struct leases_group *group, uint32_t slot)
{
	struct window_slot *from = &group->sa->in->windows->slot[slot];
	struct replay_window *window = atomic_load_explicit(&from->window, memory_order_acquire);
	uint64_t claim = atomic_load_explicit(&from->claim, memory_order_acquire);
	struct journal_record *record;
	bool is_new;

	// Claimed this moment: the worker is about to say which window.
	if (claim == 0 || !window)
		return;
	record = record_of(leases, group, JOURNAL_IN, (uint32_t)(claim >> 32), &is_new);
	if (!record) {
		tell_full(leases, group);
		return;
	}
	group->known[slot] = true;
	lease_open_in(&group->lease[group->n++], window, record);
}

// Those without a record as well, each time: SAs that go make room again.
static void open_windows(struct leases *leases, struct leases_group *group)
{
	struct window_table *table = group->sa->in->windows;

	if (atomic_load_explicit(&table->used, memory_order_acquire) == group->n)
		return;
	for (uint32_t i = 0; i <= table->mask; i++)
		if (!group->known[i])
			open_window(leases, group, i);
}

static void stop(struct leases_group *group)
{
	for (unsigned i = 0; i < group->n; i++)
		lease_stop(&group->lease[i], DROP_key_spent);
}

// A key that has encrypted too much stops at once, whatever it has leased.
static void check_blocks(struct leases *leases, struct leases_group *group)
{
	struct leases_alarm alarm = {
		.sa = group->sa,
		.blocks = group->blocks_elsewhere,
		.most_blocks = leases->params.hard_blocks,
	};

	for (unsigned i = 0; i < group->n; i++)
		alarm.blocks += lease_blocks(&group->lease[i]);
	if (alarm.blocks >= leases->params.hard_blocks && !group->spent) {
		group->spent = true;
		stop(group);
		alarm.kind = LEASES_KEY_SPENT;
		tell(leases, &alarm);
	} else if (alarm.blocks >= leases->params.soft_blocks && !group->soft_told) {
		group->soft_told = true;
		alarm.kind = LEASES_KEY_SOFT;
		tell(leases, &alarm);
	}
}

static bool plan(struct leases *leases, struct leases_group *group, uint64_t now_ns)
{
	bool any = false;

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
	const struct leases_group *group;
	bool raised = false;

	for (group = LIST_FIRST(&leases->groups); group; group = LIST_NEXT(group, list))
		for (unsigned i = 0; i < group->n; i++)
			raised |= lease_apply(&group->lease[i]);
	return raised;
}

// What was leased may be used up, and nothing after it.
static void tell_failure(struct leases *leases)
{
	const struct leases_alarm alarm = {
		.kind = LEASES_JOURNAL_FAILED,
		.error = journal_failed(leases->params.journal),
	};
	const struct leases_group *group;

	if (leases->failure_told)
		return;
	leases->failure_told = true;
	tell(leases, &alarm);
	for (group = LIST_FIRST(&leases->groups); group; group = LIST_NEXT(group, list))
		for (unsigned i = 0; i < group->n && !group->sa->inbound; i++)
			atomic_store_explicit(&group->lease[i].lane->without_lease,
				DROP_journal_failed, memory_order_relaxed);
}

// Once each time that it comes so far: SAs that go make room again. Where each new key is there
// beside the one before for a while, it comes and goes by some records.
static void watch_room(struct leases *leases)
{
	const struct leases_alarm alarm = {.kind = LEASES_JOURNAL_FILLING};

	if (leases->filling_told) {
		leases->filling_told = leases_room_is_taken(leases, FILLING_OVER_PERCENT);
	} else if (leases_room_is_taken(leases, FILLING_PERCENT)) {
		leases->filling_told = true;
		tell(leases, &alarm);
	}
}

bool leases_poll(struct leases *leases, uint64_t now_ns, uint64_t unix_s)
{
	bool any = leases->changed;
	struct leases_group *group;

	leases->pending = false;
	leases->changed = false;
	if (journal_failed(leases->params.journal) != 0) {
		tell_failure(leases);
		return false;
	}
	for (group = LIST_FIRST(&leases->groups); group; group = LIST_NEXT(group, list))
		any |= plan(leases, group, now_ns);
	watch_room(leases);
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
	struct leases_group *group;

	if (journal_failed(leases->params.journal) != 0)
		return;
	for (group = LIST_FIRST(&leases->groups); group; group = LIST_NEXT(group, list))
		give_back(group);
	if (journal_commit(leases->params.journal, unix_s) != 0)
		tell_failure(leases);
}
