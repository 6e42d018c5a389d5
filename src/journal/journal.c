// Records in memory, and how they come to the disk.
#include "journal/journal.h"

#include "base/bytes.h"
#include "journal/journal_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int journal_allocate(struct journal *journal, uint32_t pages)
{
	size_t records = (size_t)pages * JOURNAL_PAGE_RECORDS;

	journal->pages = pages;
	journal->mask = 1;
	while (journal->mask + 1 < 2 * records)
		journal->mask = journal->mask * 2 + 1;
	journal->page = calloc(pages, sizeof(journal->page[0]));
	journal->record = calloc(records, sizeof(journal->record[0]));
	journal->promised = calloc(records, sizeof(journal->promised[0]));
	journal->held = calloc(records, sizeof(journal->held[0]));
	journal->first = malloc((journal->mask + 1ul) * sizeof(journal->first[0]));
	journal->next = malloc(records * sizeof(journal->next[0]));
	if (!journal->page || !journal->record || !journal->promised || !journal->held ||
		!journal->first || !journal->next)
		return -ENOMEM;
	memset(journal->first, 0xff, (journal->mask + 1ul) * sizeof(journal->first[0]));
	return 0;
}

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	free(journal->page);
	free(journal->record);
	free(journal->promised);
	free(journal->held);
	free(journal->first);
	free(journal->next);
	free(journal);
}

static uint32_t chain_of(const struct journal *journal, const uint8_t *fingerprint)
{
	return load_le32(fingerprint) & journal->mask;
}

void journal_index(struct journal *journal, uint32_t record)
{
	uint32_t chain = chain_of(journal, journal->record[record].name.fingerprint);

	journal->next[record] = journal->first[chain];
	journal->first[chain] = record;
}

struct journal_record *journal_next_of_key(struct journal *journal,
	const uint8_t fingerprint[JOURNAL_FINGERPRINT_OCTETS], struct journal_record *before)
{
	uint32_t at = before ? journal->next[before - journal->record]
			     : journal->first[chain_of(journal, fingerprint)];

	while (at != JOURNAL_NO_RECORD &&
		memcmp(journal->record[at].name.fingerprint, fingerprint,
			JOURNAL_FINGERPRINT_OCTETS) != 0)
		at = journal->next[at];
	return at == JOURNAL_NO_RECORD ? NULL : &journal->record[at];
}

struct journal_record *journal_find(struct journal *journal, const struct journal_name *name)
{
	struct journal_record *record = NULL;

	while ((record = journal_next_of_key(journal, name->fingerprint, record)) != NULL) {
		if (record->name.kind == name->kind && record->name.id_word == name->id_word)
			return record;
	}
	return NULL;
}

// What is not in the older place yet must come to both.
static void change(struct journal *journal, const struct journal_record *record, bool both)
{
	size_t index = (size_t)(record - journal->record);
	struct journal_page_state *page = &journal->page[index / JOURNAL_PAGE_RECORDS];

	page->changed = true;
	page->both |= both;
}

struct journal_record *journal_add(struct journal *journal, const struct journal_name *name)
{
	struct journal_record *record = &journal->record[journal->used];

	if (journal->used == journal_capacity(journal))
		return NULL;
	*record = (struct journal_record){.name = *name};
	journal_index(journal, journal->used++);
	change(journal, record, true);
	return record;
}

void journal_put(
	struct journal *journal, struct journal_record *record, uint64_t edge, uint64_t bound)
{
	record->edge = edge;
	record->bound = bound > edge ? bound : edge;
	change(journal, record, edge > journal->promised[record - journal->record]);
}

static int write_page(struct journal *journal, uint32_t index, uint64_t now_s)
{
	struct journal_page_state *page = &journal->page[index];
	struct journal_page_header header = {
		.pages = journal->pages,
		.page = index,
		.generation = page->generation + 1,
		.written_s = now_s,
	};
	uint8_t octets[JOURNAL_PAGE_OCTETS];
	int ret;

	memcpy(header.machine, journal->machine, sizeof(header.machine));
	journal_page_write(octets, &header, &journal->record[index * JOURNAL_PAGE_RECORDS]);
	ret = journal->io.write(
		journal->io.handle, journal_place(index, !page->newest), octets, sizeof(octets));
	if (ret == 0) {
		page->generation++;
		page->newest = !page->newest;
	}
	return ret;
}

// One write for each page that has changed, then one sync for all of them.
static int write_changed(struct journal *journal, uint64_t now_s, bool second)
{
	bool any = false;
	int ret = 0;

	for (uint32_t i = 0; i < journal->pages && ret == 0; i++) {
		if (second ? !journal->page[i].both : !journal->page[i].changed)
			continue;
		any = true;
		ret = write_page(journal, i, now_s);
	}
	return ret == 0 && any ? journal->io.sync(journal->io.handle) : ret;
}

static void settle(struct journal *journal)
{
	for (uint32_t i = 0; i < journal->pages; i++) {
		uint32_t first = i * JOURNAL_PAGE_RECORDS;

		if (!journal->page[i].changed)
			continue;
		journal->page[i].changed = false;
		journal->page[i].both = false;
		for (uint32_t k = first; k < first + JOURNAL_PAGE_RECORDS; k++)
			journal->promised[k] = journal->record[k].bound;
	}
}

int journal_commit(struct journal *journal, uint64_t now_s)
{
	int ret = journal->failed;

	if (ret == 0)
		ret = write_changed(journal, now_s, false);
	// Not before the first is safe: one of the two is whole at any moment.
	if (ret == 0)
		ret = write_changed(journal, now_s, true);
	if (ret == 0)
		settle(journal);
	journal->failed = ret;
	return ret;
}

int journal_failed(const struct journal *journal)
{
	return journal->failed;
}

unsigned journal_used(const struct journal *journal)
{
	return journal->used;
}

unsigned journal_unused(const struct journal *journal)
{
	return journal_capacity(journal) - journal->used;
}

const struct journal_record *journal_at(const struct journal *journal, unsigned place)
{
	return &journal->record[place];
}

unsigned journal_capacity(const struct journal *journal)
{
	return journal->pages * JOURNAL_PAGE_RECORDS;
}

unsigned journal_damaged(const struct journal *journal)
{
	return journal->damaged;
}
