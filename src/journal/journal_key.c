// Keys in the journal.
#include "journal/journal_key.h"

#include <errno.h>
#include <string.h>

static struct journal_name name_of(const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS])
{
	struct journal_name name = {.kind = JOURNAL_KEY};

	memcpy(name.fingerprint, fingerprint, sizeof(name.fingerprint));
	return name;
}

bool journal_key_is_registered(
	struct journal *journal, const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS])
{
	struct journal_name name = name_of(fingerprint);

	return journal_find(journal, &name) != NULL;
}

int journal_key_register(struct journal *journal,
	const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS], uint64_t now_s, struct error *err)
{
	struct journal_name name = name_of(fingerprint);
	int ret;

	if (journal_find(journal, &name))
		return -EEXIST;
	if (!journal_add(journal, &name))
		return error_set(err, ENOSPC,
			"the journal is full: %u records, and none is ever removed; give it more "
			"room (vpectl key-register --records)",
			journal_capacity(journal));
	ret = journal_commit(journal, now_s);
	return ret == 0 ? 0
			: error_set(err, -ret, "the journal cannot be written: %s", strerror(-ret));
}

unsigned journal_key_windows(
	struct journal *journal, const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS])
{
	struct journal_record *record = NULL;
	unsigned n = 0;

	while ((record = journal_next_of_key(journal, fingerprint, record)) != NULL)
		n += record->name.kind == JOURNAL_IN;
	return n;
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
