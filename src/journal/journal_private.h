// Inside of the journal, for its own files.
#pragma once

#include "journal/journal.h"

#define JOURNAL_NO_RECORD UINT32_MAX

struct journal_page_state {
	uint64_t generation; // of the newest
	uint8_t newest;	     // place
	bool changed;
	bool both; // places are to be written
};

struct journal {
	struct journal_io io;
	uint8_t machine[JOURNAL_MACHINE_OCTETS];
	int failed;
	uint32_t pages;
	uint32_t used; // records; all of them lie at the beginning
	unsigned damaged;
	struct journal_page_state *page;
	struct journal_record *record; // [pages * JOURNAL_PAGE_RECORDS]
	bool *held;		       // of each of a key: somebody counts under it
	uint64_t *promised;	       // of each: bound in the newest durable generation
	// By fingerprint: the first record of a chain; by record: the next.
	uint32_t mask;
	uint32_t *first;
	uint32_t *next;
};

static inline uint64_t journal_place(uint32_t page, unsigned place)
{
	return ((uint64_t)page * 2 + place) * JOURNAL_PAGE_OCTETS;
}

int journal_allocate(struct journal *journal, uint32_t pages);
void journal_index(struct journal *journal, uint32_t record);
