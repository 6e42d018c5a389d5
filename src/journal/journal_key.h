// A key's own record: without it a static key is refused, since nobody knows what it has used.
#pragma once

#include "journal/journal.h"

struct journal_registration {
	uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS];
	bool known; // it was there already, and is as it was
	bool ended; // and its life is over
};

// All of them, with one write, or none. kept: unused records that are not for them. 0 with each
// one's known and ended set, all of it durable, or -errno with err filled. Where the write failed,
// nobody knows before the journal is opened again whether they have records.
int journal_key_register_all(struct journal *journal, struct journal_registration *keys, unsigned n,
	unsigned kept, uint64_t now_s, struct error *err);
bool journal_key_is_registered(
	struct journal *journal, const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS]);

// The key's life is over, for good: a change like that of an edge, for journal_commit. One that has
// no record has no life.
void journal_key_end(
	struct journal *journal, const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS]);
bool journal_key_has_ended(
	struct journal *journal, const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS]);

// Whoever counts under a key holds it: two that begin behind the same records would meet. Nothing
// of that is on the disk. One that has no record is held by nobody.
bool journal_key_is_held(
	struct journal *journal, const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS]);
void journal_key_hold(
	struct journal *journal, const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS], bool held);

// The highest edge of any counter of this key, and the blocks that all of them have encrypted: what
// a counter that is new begins behind.
uint64_t journal_key_highest(
	struct journal *journal, const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS]);
uint64_t journal_key_blocks(
	struct journal *journal, const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS]);
