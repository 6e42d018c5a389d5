// A disk with a volatile cache: what was written and not synced may be there after a loss of power,
// or not, or in part, each sector by itself.
#pragma once

#include "unit.h"

#include "journal/journal_io.h"

#define SECTOR 512

// Tests that a missing sync is found leave one out.
enum missing_sync {
	SYNC_NONE_MISSING,
	SYNC_FIRST_MISSING,  // of each commit
	SYNC_SECOND_MISSING, // of a commit that has two
	SYNC_SOME_MISSING,   // any, one of three
};

struct model_disk {
	size_t octets;
	uint8_t *cache;	  // what reading finds
	uint8_t *durable; // what power loss leaves
	bool *changed;	  // by sector: cache and durable may differ
	struct random random;
	enum missing_sync missing;
	unsigned syncs; // in this commit: the test sets it to 0 when one begins
	uint64_t calls; // writes and syncs
	int fail;	// -errno of the next writes; 0: none
	// Called before each write and sync has its effect, and after. NULL: not.
	void (*moment)(void *handle);
	void *handle;
};

void model_disk_open(struct model_disk *disk, size_t octets, uint64_t seed);
void model_disk_close(struct model_disk *disk);
struct journal_io model_disk_io(struct model_disk *disk);
// What somebody may find after a loss of power at this moment, another each time: `found`, opened
// with as many octets. The disk itself stays as it is.
void model_disk_lose_power(struct model_disk *disk, struct model_disk *found);
// All of it is durable.
void model_disk_settle(struct model_disk *disk);
