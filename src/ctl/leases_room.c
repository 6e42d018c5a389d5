// Records of the journal for those SAs that are there, and for their windows to come.
#include "ctl/leases_private.h"

#include "journal/journal_key.h"

#include <errno.h>
#include <string.h>

struct leases_usage leases_usage(const struct leases *leases)
{
	return (struct leases_usage){
		.records = journal_capacity(leases->params.journal),
		.used = journal_used(leases->params.journal),
		.kept = leases->kept,
		.failed = journal_failed(leases->params.journal) != 0,
	};
}

bool leases_room_is_taken(const struct leases *leases, unsigned percent)
{
	struct leases_usage usage = leases_usage(leases);

	return 100 * ((uint64_t)usage.used + usage.kept) >= percent * (uint64_t)usage.records;
}

int leases_register(struct leases *leases, struct journal_registration *keys, unsigned n,
	uint64_t unix_s, struct error *err)
{
	return journal_key_register_all(leases->params.journal, keys, n, leases->kept, unix_s, err);
}

static unsigned left(const struct leases *leases)
{
	return journal_unused(leases->params.journal) - leases->kept;
}

void leases_room_keep(struct leases *leases, struct leases_group *group, unsigned records)
{
	leases->kept += records - group->kept;
	group->kept = records;
}

struct journal_record *leases_room_take(
	struct leases *leases, struct leases_group *group, const struct journal_name *name)
{
	if (group->kept > 0)
		leases_room_keep(leases, group, group->kept - 1);
	else if (left(leases) == 0)
		return NULL;
	return journal_add(leases->params.journal, name);
}

static unsigned wanted_out(const struct leases *leases, const struct sa *sa,
	const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS])
{
	const struct sa_workers *workers = leases->params.workers;
	struct journal_name name = {.kind = JOURNAL_OUT};
	unsigned wanted = 0;

	memcpy(name.fingerprint, fingerprint, sizeof(name.fingerprint));
	for (uint16_t i = 0; i < workers->n; i++) {
		if (!sa_out_has_counter(sa->out, workers, i))
			continue;
		name.id_word = leases_id_word(sa, i);
		wanted += journal_find(leases->params.journal, &name) == NULL;
	}
	return wanted;
}

// Of lives before. Those of another protocol or sender never come back.
static unsigned known_windows(const struct leases *leases, const struct sa *sa,
	const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS])
{
	struct journal *journal = leases->params.journal;
	struct journal_record *record = NULL;
	unsigned n = 0;

	while ((record = journal_next_of_key(journal, fingerprint, record)) != NULL)
		n += record->name.kind == JOURNAL_IN && leases_is_window(sa, record->name.id_word);
	return n;
}

// A key has room for as many windows of its sender, in all of its lives, as its SA may have in one.
// Where peers bring others in each life, those take what nobody has kept.
static unsigned wanted_in(const struct leases *leases, const struct sa *sa,
	const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS])
{
	unsigned known = known_windows(leases, sa, fingerprint);
	unsigned most = sa->in->windows->max;

	return known < most ? most - known : 0;
}

unsigned leases_room_wanted(const struct leases *leases, const struct sa *sa,
	const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS])
{
	return sa->inbound ? wanted_in(leases, sa, fingerprint)
			   : wanted_out(leases, sa, fingerprint);
}

int leases_room_check(
	const struct leases *leases, const struct sa *sa, unsigned records, struct error *err)
{
	const struct journal *journal = leases->params.journal;

	if (records <= left(leases))
		return 0;
	return error_set(err, ENOSPC,
		"SA %s: the journal has no room for its counters: %u records are wanted here, and "
		"of its %u %u are used and %u kept for windows to come of other SAs; give it more "
		"room while vped does not run (vpectl key-register --records), or let inbound SAs "
		"have fewer 'windows'",
		sa->name, records, journal_capacity(journal), journal_used(journal), leases->kept);
}
