// Leases and edges of all SAs whose keys are in the journal. Belongs to the control thread; each
// poll looks at every counter and makes what must change durable with one commit.
#pragma once

#include "ctl/lease.h"
#include "dataplane/sadb.h"
#include "journal/journal_key.h"

// Blocks of 16 octets under one key, for as long as it lives (docs/vpe-protocol.md section 13.4).
#define LEASES_SOFT_BLOCKS (UINT64_C(1) << 48)
#define LEASES_HARD_BLOCKS (UINT64_C(1) << 52)

struct leases;
struct leases_group; // those of an SA

// What an operator should hear of.
enum leases_alarm_kind {
	LEASES_JOURNAL_FAILED,
	LEASES_JOURNAL_FULL,
	LEASES_JOURNAL_FILLING,
	LEASES_KEY_SOFT,
	LEASES_KEY_SPENT,
};

struct leases_alarm {
	enum leases_alarm_kind kind;
	int error;	     // LEASES_JOURNAL_FAILED: -errno
	const struct sa *sa; // LEASES_JOURNAL_FULL, LEASES_KEY_...: as it was added
	uint64_t blocks;     // LEASES_KEY_...: that the key has encrypted, of so many
	uint64_t most_blocks;
};

// Of the journal's records.
struct leases_usage {
	unsigned records;
	unsigned used;
	unsigned kept; // for windows to come of SAs that are there
	bool failed;   // nothing is written any more
};

struct leases_params {
	struct journal *journal;
	const struct sa_workers *workers;
	struct lease_grace grace;
	uint64_t soft_blocks;
	uint64_t hard_blocks;
	void (*tell)(void *told, const struct leases *leases, const struct leases_alarm *alarm);
	void *told;
};

int leases_create(const struct leases_params *params, struct leases **created, struct error *err);
// Writes nothing. NULL is fine.
void leases_destroy(struct leases *leases);

struct leases_usage leases_usage(const struct leases *leases);

// Makes records for keys; see journal_key_register_all. What is kept for windows stays kept.
int leases_register(struct leases *leases, struct journal_registration *keys, unsigned n,
	uint64_t unix_s, struct error *err);

// The key's life is over: no SA gets it any more, in this life of the daemon or another. On the
// disk with the next poll.
void leases_end_key(struct leases *leases, const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS]);

// Whether leases_add would find the key's record and room for its counters'. *records: new ones
// that SAs before need, which its own are added to. 0, -ENOKEY, -EKEYEXPIRED, -EEXIST or -ENOSPC;
// nothing changes.
int leases_may_add(struct leases *leases, const struct sa *sa,
	const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS], unsigned *records,
	struct error *err);
// Before workers see the SA. Its counters go on behind what the journal knows of the key, and get
// their first lease or edge with the next poll. Records for as many windows as an inbound one may
// have are kept for them. A key without a record is refused (-ENOKEY), one whose life
// is over (-EKEYEXPIRED), one that another SA has (-EEXIST), and an SA whose counters have no room
// (-ENOSPC). unix_ns is the time. *added: for leases_remove.
int leases_add(struct leases *leases, struct sa *sa,
	const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS], uint64_t unix_ns,
	struct leases_group **added, struct error *err);
// No worker sees the SA any more; its windows are still there. What was leased goes back, and is on
// the disk with the next poll.
void leases_remove(struct leases_group *group);

// now_ns counts up; unix_s is the time. True if edges were raised, so that packets that wait should
// be looked at.
bool leases_poll(struct leases *leases, uint64_t now_ns, uint64_t unix_s);
// A worker was told a lower edge: poll again soon.
bool leases_are_pending(const struct leases *leases);
// The workers have ended: the rest of each lease is given back.
void leases_give_back(struct leases *leases, uint64_t unix_s);
