// Inside of the leases, for their own files.
#pragma once

#include "ctl/leases.h"

#include <sys/queue.h>

// An SA and its counters; of an inbound one they come one by one.
struct leases_group {
	LIST_ENTRY(leases_group) list;
	struct leases *leases;
	struct sa *sa;
	uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS];
	unsigned n;
	struct lease *lease;
	// Inbound.
	bool *known;   // slots of the window table whose windows have leases
	unsigned kept; // records for windows to come
	bool full_told;
	// Outbound.
	uint64_t blocks_elsewhere; // of the key, by counters that are not in use now
	bool soft_told;
	bool spent;
};

struct leases {
	struct leases_params params;
	LIST_HEAD(, leases_group) groups;
	unsigned kept; // records, by all groups; never more than are free
	bool failure_told;
	bool filling_told;
	bool changed; // by SAs that were removed and keys that have ended, not durable yet
	bool pending;
};

// The journal's name of the counter that a worker has under the SA's key.
uint32_t leases_id_word(const struct sa *sa, uint16_t worker);
// Whether this may be the journal's name of a window under the inbound SA's key.
bool leases_is_window(const struct sa *sa, uint32_t id_word);

// Of the journal's records some are kept for windows to come: SAs that could not have all of theirs
// are refused when they are added, and whoever was accepted lacks none later.

// So much of it is used or kept, or more.
bool leases_room_is_taken(const struct leases *leases, unsigned percent);
// What the SA would take, or keep, as it is added.
unsigned leases_room_wanted(const struct leases *leases, const struct sa *sa,
	const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS]);
// Whether so many are left. 0, or -ENOSPC with err filled.
int leases_room_check(
	const struct leases *leases, const struct sa *sa, unsigned records, struct error *err);
// So many are kept for the group from now on.
void leases_room_keep(struct leases *leases, struct leases_group *group, unsigned records);
// A new record: one that was kept for the group, or one that is left. NULL: there is none.
struct journal_record *leases_room_take(
	struct leases *leases, struct leases_group *group, const struct journal_name *name);
