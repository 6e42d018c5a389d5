// Keys in the journal.
#include "journal/journal_key.h"

#include "journal/journal_private.h"

#include <errno.h>
#include <string.h>

static struct journal_name name_of(const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS])
{
	struct journal_name name = {.kind = JOURNAL_KEY};

	memcpy(name.fingerprint, fingerprint, sizeof(name.fingerprint));
	return name;
}

static struct journal_record *record_of(
	struct journal *journal, const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS])
{
	struct journal_name name = name_of(fingerprint);

	return journal_find(journal, &name);
}

bool journal_key_is_registered(
	struct journal *journal, const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS])
{
	return record_of(journal, fingerprint) != NULL;
}

// All of its numbers count as used, so that a counter that is new to the key finds none left.
void journal_key_end(struct journal *journal, const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS])
{
	struct journal_record *record = record_of(journal, fingerprint);

	if (record && record->edge == 0)
		journal_put(journal, record, UINT64_MAX, UINT64_MAX);
}

bool journal_key_has_ended(
	struct journal *journal, const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS])
{
	const struct journal_record *record = record_of(journal, fingerprint);

	return record && record->edge != 0;
}

// A key that comes twice counts twice: for that, too, there is room then.
static unsigned count_new(
	struct journal *journal, const struct journal_registration *keys, unsigned n)
{
	unsigned wanted = 0;

	for (unsigned i = 0; i < n; i++)
		wanted += !journal_key_is_registered(journal, keys[i].fingerprint);
	return wanted;
}

static void add_new(struct journal *journal, struct journal_registration *keys, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct journal_name name = name_of(keys[i].fingerprint);
		const struct journal_record *record = journal_find(journal, &name);

		keys[i].known = record != NULL;
		keys[i].ended = record && record->edge != 0;
		if (!record)
			journal_add(journal, &name);
	}
}

int journal_key_register_all(struct journal *journal, struct journal_registration *keys, unsigned n,
	unsigned kept, uint64_t now_s, struct error *err)
{
	unsigned wanted = count_new(journal, keys, n);
	int ret = journal_failed(journal);

	if (ret != 0)
		return error_set(err, -ret, "the journal cannot be written: %s", strerror(-ret));
	if ((uint64_t)wanted + kept > journal_unused(journal))
		return error_set(err, ENOSPC,
			"the journal is full: of its %u records %u are used and %u kept for "
			"windows to come, and none is ever removed; give it more room while vped "
			"does not run (vpectl key-register --records)",
			journal_capacity(journal), journal_used(journal), kept);
	add_new(journal, keys, n);
	ret = journal_commit(journal, now_s);
	return ret == 0 ? 0
			: error_set(err, -ret, "the journal cannot be written: %s", strerror(-ret));
}

bool journal_key_is_held(
	struct journal *journal, const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS])
{
	const struct journal_record *record = record_of(journal, fingerprint);

	return record && journal->held[record - journal->record];
}

void journal_key_hold(
	struct journal *journal, const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS], bool held)
{
	const struct journal_record *record = record_of(journal, fingerprint);

	if (record)
		journal->held[record - journal->record] = held;
}

uint64_t journal_key_highest(
	struct journal *journal, const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS])
{
	struct journal_record *record = NULL;
	uint64_t highest = 0;

	while ((record = journal_next_of_key(journal, fingerprint, record)) != NULL) {
		if (record->edge > highest)
			highest = record->edge;
	}
	return highest;
}

uint64_t journal_key_blocks(
	struct journal *journal, const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS])
{
	struct journal_record *record = NULL;
	uint64_t blocks = 0;

	while ((record = journal_next_of_key(journal, fingerprint, record)) != NULL)
		blocks += record->blocks;
	return blocks;
}
