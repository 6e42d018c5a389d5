// A page of the journal as it lies on the disk: records, who wrote them and when, and a checksum.
// Each page has two places, written in turn, so that a write that was cut short, or damage to one
// of them, leaves the other.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_PAGE_OCTETS 4096
#define JOURNAL_PAGE_RECORDS 63
#define JOURNAL_MACHINE_OCTETS 16
#define JOURNAL_FINGERPRINT_OCTETS 16

enum journal_kind {
	JOURNAL_FREE,
	JOURNAL_KEY, // of the key itself: without it nobody uses the key here
	JOURNAL_OUT, // numbers that were sent under it
	JOURNAL_IN,  // numbers that were delivered under it
};

// Whose a record is: of the key, not of an SA.
struct journal_name {
	uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS];
	enum journal_kind kind;
	uint32_t id_word; // the protocol's name of the counter under the key
};

struct journal_record {
	struct journal_name name;
	// Numbers from here on were never used: the end of what is leased, or delivered.
	// JOURNAL_KEY: 0, or all ones when the life of the key is over.
	uint64_t edge;
	// The next generation's edge is not beyond: where to go on if that one is lost.
	uint64_t bound;
	uint64_t blocks; // JOURNAL_OUT: of 16 octets that were encrypted, or may have been
};

struct journal_page_header {
	uint32_t pages; // of the journal
	uint32_t page;	// this one
	uint64_t generation;
	uint64_t written_s; // since 1970
	uint8_t machine[JOURNAL_MACHINE_OCTETS];
};

void journal_page_write(uint8_t octets[JOURNAL_PAGE_OCTETS],
	const struct journal_page_header *header,
	const struct journal_record record[JOURNAL_PAGE_RECORDS]);
// False: not such a page, or damaged.
bool journal_page_read(const uint8_t octets[JOURNAL_PAGE_OCTETS],
	struct journal_page_header *header, struct journal_record record[JOURNAL_PAGE_RECORDS]);
