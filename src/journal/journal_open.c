// Reading a journal: which of the two places of each page counts, and what is refused.
#include "journal/journal_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

// A clock that is set back by this little is one that is kept right.
#define CLOCK_SLACK_S 60

struct place {
	bool whole;
	struct journal_page_header header;
	struct journal_record record[JOURNAL_PAGE_RECORDS];
};

// Both places of a page say the same, so that either may be lost.
static int write_twice(const struct journal_io *io, struct journal_page_header *header,
	const struct journal_record *record)
{
	uint8_t octets[JOURNAL_PAGE_OCTETS];
	int ret = 0;

	for (unsigned place = 0; place < 2 && ret == 0; place++) {
		header->generation = place + 1;
		journal_page_write(octets, header, record);
		ret = io->write(
			io->handle, journal_place(header->page, place), octets, sizeof(octets));
	}
	return ret;
}

static int write_all(const struct journal_io *io, const struct journal_params *params,
	const struct journal_record *record, uint32_t filled)
{
	static const struct journal_record none[JOURNAL_PAGE_RECORDS];
	uint32_t pages = (uint32_t)(io->octets / (2 * JOURNAL_PAGE_OCTETS));
	struct journal_page_header header = {.pages = pages, .written_s = params->now_s};
	int ret = 0;

	memcpy(header.machine, params->machine, sizeof(header.machine));
	for (; header.page < pages && ret == 0; header.page++)
		ret = write_twice(io, &header,
			header.page < filled ? &record[header.page * JOURNAL_PAGE_RECORDS] : none);
	return ret;
}

int journal_format(const struct journal_io *io, const struct journal_params *params)
{
	return write_all(io, params, NULL, 0);
}

int journal_copy(const struct journal *from, const struct journal_io *io,
	const struct journal_params *params)
{
	return write_all(io, params, from->record, from->pages);
}

static int read_place(const struct journal_io *io, uint32_t page, unsigned which,
	struct place *place, struct error *err)
{
	uint8_t octets[JOURNAL_PAGE_OCTETS];
	int ret = io->read(io->handle, journal_place(page, which), octets, sizeof(octets));

	if (ret != 0)
		return error_set(err, -ret, "it cannot be read: %s", strerror(-ret));
	place->whole = journal_page_read(octets, &place->header, place->record) &&
		place->header.page == page;
	return 0;
}

static int check_place(const struct journal *journal, const struct journal_params *params,
	const struct place *place, struct error *err)
{
	const struct journal_page_header *header = &place->header;

	if (!place->whole)
		return 0;
	if (header->pages != journal->pages)
		return error_set(err, EBADMSG,
			"it has %u pages of the %u that it was made with: somebody has cut or "
			"copied it; make new keys and a new journal",
			journal->pages, header->pages);
	if (memcmp(header->machine, params->machine, sizeof(header->machine)) != 0)
		return error_set(err, EXDEV,
			"it was written on another machine (/etc/machine-id), which may have used "
			"numbers since; make new keys and a new journal");
	if (header->written_s > params->now_s + CLOCK_SLACK_S)
		return error_set(err, ETIME,
			"the clock is %" PRIu64 " s behind its last write; set the clock, and "
			"start again",
			header->written_s - params->now_s);
	return 0;
}

static void copy_records(struct journal *journal, uint32_t page, const struct place *place)
{
	uint32_t first = page * JOURNAL_PAGE_RECORDS;

	for (uint32_t i = 0; i < JOURNAL_PAGE_RECORDS; i++) {
		journal->record[first + i] = place->record[i];
		journal->promised[first + i] = place->record[i].bound;
	}
}

// The other place may have been newer: what it may have promised was used.
static void skip_lease(struct journal *journal, uint32_t page)
{
	uint32_t first = page * JOURNAL_PAGE_RECORDS;

	for (uint32_t i = 0; i < JOURNAL_PAGE_RECORDS; i++)
		journal->record[first + i].edge = journal->record[first + i].bound;
	journal->page[page].changed = true;
	journal->page[page].both = true;
	journal->damaged++;
}

static int take_page(struct journal *journal, const struct journal_params *params, uint32_t page,
	struct error *err)
{
	struct place place[2];
	unsigned newest;
	int ret = 0;

	for (unsigned i = 0; i < 2 && ret == 0; i++) {
		ret = read_place(&journal->io, page, i, &place[i], err);
		if (ret == 0)
			ret = check_place(journal, params, &place[i], err);
	}
	if (ret != 0)
		return ret;
	if (!place[0].whole && !place[1].whole)
		return error_set(err, EBADMSG,
			"both places of page %u are damaged: what its keys have used is unknown; "
			"make new keys and a new journal",
			page);
	if (place[0].whole && place[1].whole)
		newest = place[1].header.generation > place[0].header.generation;
	else
		newest = place[1].whole;
	journal->page[page].generation = place[newest].header.generation;
	journal->page[page].newest = (uint8_t)newest;
	copy_records(journal, page, &place[newest]);
	if (!place[!newest].whole)
		skip_lease(journal, page);
	return 0;
}

static void index_all(struct journal *journal)
{
	while (journal->used < journal_capacity(journal) &&
		journal->record[journal->used].name.kind != JOURNAL_FREE)
		journal_index(journal, journal->used++);
}

static int read_all(struct journal *journal, const struct journal_params *params, struct error *err)
{
	int ret = 0;

	for (uint32_t i = 0; i < journal->pages && ret == 0; i++)
		ret = take_page(journal, params, i, err);
	if (ret != 0)
		return ret;
	index_all(journal);
	ret = journal_commit(journal, params->now_s);
	return ret == 0 ? 0 : error_set(err, -ret, "it cannot be written: %s", strerror(-ret));
}

int journal_open(const struct journal_io *io, const struct journal_params *params,
	struct journal **opened, struct error *err)
{
	uint64_t pages = io->octets / (2 * JOURNAL_PAGE_OCTETS);
	struct journal *journal;
	int ret;

	if (pages == 0 || pages > UINT32_MAX / JOURNAL_PAGE_RECORDS ||
		io->octets % (2 * JOURNAL_PAGE_OCTETS) != 0)
		return error_set(err, EBADMSG,
			"%" PRIu64 " octets are no journal: somebody has cut or overwritten it; "
			"make new keys and a new journal",
			io->octets);
	journal = calloc(1, sizeof(*journal));
	if (!journal || journal_allocate(journal, (uint32_t)pages) != 0) {
		journal_close(journal);
		return error_set(err, ENOMEM, "no memory for %" PRIu64 " pages", pages);
	}
	journal->io = *io;
	memcpy(journal->machine, params->machine, sizeof(journal->machine));
	ret = read_all(journal, params, err);
	if (ret != 0) {
		journal_close(journal);
		return ret;
	}
	*opened = journal;
	return 0;
}
