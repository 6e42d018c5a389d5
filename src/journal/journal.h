// The journal: what must be remembered of keys across restarts and crashes, so that no number is
// used twice under one. A record is changed in memory (journal_put), then all changes are written
// and synced together (journal_commit), and only then may they be relied on. Records belong to keys
// and are never removed: a key that comes back goes on behind its own.
#pragma once

#include "base/error.h"
#include "journal/journal_io.h"
#include "journal/page.h"

#include <stdbool.h>

struct journal;

struct journal_params {
	uint8_t machine[JOURNAL_MACHINE_OCTETS]; // of this machine
	uint64_t now_s;				 // since 1970
};

// Writes an empty journal that fills io, whose octets are a multiple of two pages. Not synced.
int journal_format(const struct journal_io *io, const struct journal_params *params);

// The same, with the records of a smaller one, whose changes are all durable.
int journal_copy(const struct journal *from, const struct journal_io *io,
	const struct journal_params *params);

// Reads it all. Refuses what is damaged beyond the one place of two that may be, what belongs to
// another machine, and a clock behind the last write. 0 or -errno with err filled.
int journal_open(const struct journal_io *io, const struct journal_params *params,
	struct journal **opened, struct error *err);
// Writes nothing. NULL is fine.
void journal_close(struct journal *journal);

// NULL: there is none.
struct journal_record *journal_find(struct journal *journal, const struct journal_name *name);
// A record that is not there yet, its edge zero. NULL: the journal is full.
struct journal_record *journal_add(struct journal *journal, const struct journal_name *name);
// Records of one key, in no order. NULL begins; NULL is the end.
struct journal_record *journal_next_of_key(struct journal *journal,
	const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS], struct journal_record *before);

// Changes a record that is the journal's: edge, and what its next edge will not pass.
void journal_put(
	struct journal *journal, struct journal_record *record, uint64_t edge, uint64_t bound);

// Makes all changes durable. 0, or -errno: of the first write or sync that failed, from then on for
// ever. Where a change went beyond what the older place of its page promised, the page is written
// to both places, one after the other.
int journal_commit(struct journal *journal, uint64_t now_s);
// 0, or -errno of the failure that ended it.
int journal_failed(const struct journal *journal);

// Records, and those that there is room for.
unsigned journal_used(const struct journal *journal);
unsigned journal_unused(const struct journal *journal);
// One of them, by its place.
const struct journal_record *journal_at(const struct journal *journal, unsigned place);
unsigned journal_capacity(const struct journal *journal);
// Places that were damaged when it was opened: numbers were skipped then.
unsigned journal_damaged(const struct journal *journal);
