// The journal by itself: what comes back, every octet damaged, what is refused, what a failure
// does.
#include "model_disk.h"
#include "register_key.h"

#include "journal/journal.h"
#include "journal/journal_key.h"

#include <errno.h>
#include <stdio.h>

#define NOW 1800000000
#define PAGES 2
#define OCTETS (PAGES * 2 * JOURNAL_PAGE_OCTETS)

static const struct journal_params params = {.machine = "this machine..", .now_s = NOW};

static struct model_disk *disk_new(void)
{
	static struct model_disk disk;
	struct journal_io io;

	model_disk_open(&disk, OCTETS, 1);
	io = model_disk_io(&disk);
	assert_int_equal(journal_format(&io, &params), 0);
	model_disk_settle(&disk);
	return &disk;
}

static struct journal *open_at(struct model_disk *disk, uint64_t now_s)
{
	struct journal_params then = params;
	struct journal_io io = model_disk_io(disk);
	struct journal *journal;
	struct error err;

	then.now_s = now_s;
	if (journal_open(&io, &then, &journal, &err) != 0)
		fail_msg("%s", err.text);
	return journal;
}

static int refusal(struct model_disk *disk, size_t octets, const struct journal_params *then,
	const char *words)
{
	struct journal_io io = model_disk_io(disk);
	struct journal *journal;
	struct error err;
	int ret;

	io.octets = octets;
	ret = journal_open(&io, then, &journal, &err);
	if (ret == 0)
		journal_close(journal);
	else if (!strstr(err.text, words))
		fail_msg("\"%s\" says nothing of \"%s\"", err.text, words);
	return ret;
}

static struct journal_name name_of(unsigned key, enum journal_kind kind, uint32_t id_word)
{
	return (struct journal_name){.fingerprint = {(uint8_t)key, (uint8_t)(key >> 8), 1},
		.kind = kind,
		.id_word = id_word};
}

static struct journal_record *put(struct journal *journal, unsigned key, enum journal_kind kind,
	uint32_t id_word, uint64_t edge, uint64_t bound)
{
	struct journal_name name = name_of(key, kind, id_word);
	struct journal_record *record = journal_find(journal, &name);

	if (record == NULL)
		record = journal_add(journal, &name);
	assert_non_null(record);
	journal_put(journal, record, edge, bound);
	return record;
}

static uint64_t edge_of(
	struct journal *journal, unsigned key, enum journal_kind kind, uint32_t id_word)
{
	struct journal_name name = name_of(key, kind, id_word);
	const struct journal_record *record = journal_find(journal, &name);

	assert_non_null(record);
	return record->edge;
}

static void comes_back(void **state)
{
	struct model_disk *disk = disk_new();
	struct journal *journal = open_at(disk, NOW);

	(void)state;
	put(journal, 1, JOURNAL_OUT, 0x10000, 500, 900);
	put(journal, 1, JOURNAL_OUT, 0x20000, UINT64_MAX, 0)->blocks = 77;
	put(journal, 1, JOURNAL_IN, 0x10000, 7, 7)->blocks = 0;
	put(journal, 257, JOURNAL_OUT, 0x10000, 12, 12);
	assert_int_equal(journal_commit(journal, NOW + 10), 0);
	journal_close(journal);
	journal = open_at(disk, NOW + 10);
	assert_int_equal(journal_used(journal), 4);
	assert_int_equal(journal_damaged(journal), 0);
	assert_int_equal(edge_of(journal, 1, JOURNAL_OUT, 0x10000), 500);
	assert_true(edge_of(journal, 1, JOURNAL_OUT, 0x20000) == UINT64_MAX);
	assert_int_equal(edge_of(journal, 1, JOURNAL_IN, 0x10000), 7);
	assert_int_equal(edge_of(journal, 257, JOURNAL_OUT, 0x10000), 12);
	assert_true(journal_key_highest(journal, name_of(1, 0, 0).fingerprint) == UINT64_MAX);
	assert_int_equal(journal_key_blocks(journal, name_of(1, 0, 0).fingerprint), 77);
	assert_int_equal(journal_key_highest(journal, name_of(3, 0, 0).fingerprint), 0);
	journal_close(journal);
	model_disk_close(disk);
}

static void filled(struct model_disk *disk)
{
	struct journal *journal = open_at(disk, NOW);

	for (unsigned key = 0; key < 80; key++)
		put(journal, key, JOURNAL_OUT, 0x10000, 1000 + key, 1500 + key);
	assert_int_equal(journal_commit(journal, NOW), 0);
	// Each page's places differ now: the older promises what the newer has.
	for (unsigned key = 0; key < 80; key++)
		put(journal, key, JOURNAL_OUT, 0x10000, 1400 + key, 2000 + key);
	assert_int_equal(journal_commit(journal, NOW), 0);
	journal_close(journal);
}

// One octet of one place: nothing is lost, its keys skip a lease, and the place is mended.
static void every_octet_damaged(void **state)
{
	struct model_disk *disk = disk_new();
	uint8_t *image = malloc(OCTETS);
	unsigned skipped = 0;

	(void)state;
	filled(disk);
	assert_non_null(image);
	memcpy(image, disk->durable, OCTETS);
	for (size_t i = 0; i < OCTETS; i++) {
		struct journal *journal;

		memcpy(disk->cache, image, OCTETS);
		disk->cache[i] ^= (uint8_t)(1u << (i % 8));
		journal = open_at(disk, NOW);
		assert_int_equal(journal_damaged(journal), 1);
		for (unsigned key = 0; key < 80; key++) {
			uint64_t edge = edge_of(journal, key, JOURNAL_OUT, 0x10000);

			assert_true(edge == 1400 + key || edge == 1500 + key || edge == 2000 + key);
			skipped += edge != 1400 + key;
		}
		journal_close(journal);
		journal = open_at(disk, NOW);
		assert_int_equal(journal_damaged(journal), 0);
		journal_close(journal);
	}
	print_message("%d octets, each damaged once: %u leases skipped\n", OCTETS, skipped);
	assert_int_equal(skipped, OCTETS / PAGES * 80);
	free(image);
	model_disk_close(disk);
}

static void both_places_damaged(void **state)
{
	struct model_disk *disk = disk_new();

	(void)state;
	filled(disk);
	disk->cache[2 * JOURNAL_PAGE_OCTETS + 700] ^= 1;
	disk->cache[3 * JOURNAL_PAGE_OCTETS + 7] ^= 1;
	assert_int_equal(refusal(disk, OCTETS, &params, "both places of page 1"), -EBADMSG);
	model_disk_close(disk);
}

static void shortened(void **state)
{
	struct model_disk *disk = disk_new();

	(void)state;
	filled(disk);
	for (size_t octets = 0; octets < OCTETS; octets += 64)
		assert_int_equal(refusal(disk, octets, &params,
					 octets == OCTETS / 2 ? "1 pages of the 2" : "no journal"),
			-EBADMSG);
	model_disk_close(disk);
}

static void another_machine(void **state)
{
	struct journal_params there = params;
	struct model_disk *disk = disk_new();

	(void)state;
	there.machine[3] ^= 1;
	assert_int_equal(refusal(disk, OCTETS, &there, "another machine"), -EXDEV);
	model_disk_close(disk);
}

static void clock_back(void **state)
{
	struct journal_params then = params;
	struct model_disk *disk = disk_new();

	(void)state;
	filled(disk);
	then.now_s = NOW - 60;
	assert_int_equal(refusal(disk, OCTETS, &then, ""), 0);
	then.now_s = NOW - 61;
	assert_int_equal(refusal(disk, OCTETS, &then, "61 s behind"), -ETIME);
	then.now_s = NOW - 86400;
	assert_int_equal(refusal(disk, OCTETS, &then, "86400 s behind"), -ETIME);
	model_disk_close(disk);
}

static void registered_once(void **state)
{
	struct model_disk *disk = disk_new();
	struct journal *journal = open_at(disk, NOW);
	struct journal_name name = name_of(5, 0, 0);
	struct error err;

	(void)state;
	assert_false(journal_key_is_registered(journal, name.fingerprint));
	assert_int_equal(register_key(journal, name.fingerprint, NOW, &err), 0);
	assert_int_equal(register_key(journal, name.fingerprint, NOW, &err), -EEXIST);
	journal_close(journal);
	journal = open_at(disk, NOW);
	assert_true(journal_key_is_registered(journal, name.fingerprint));
	journal_close(journal);
	model_disk_close(disk);
}

// For good, whichever place of its page is damaged later; who registers it is told.
static void ends(void **state)
{
	struct model_disk *disk = disk_new();
	struct journal *journal = open_at(disk, NOW);
	struct journal_registration keys[] = {{.fingerprint = {1}}, {.fingerprint = {2}}};
	struct error err;

	(void)state;
	assert_int_equal(journal_key_register_all(journal, keys, 2, 0, NOW, &err), 0);
	assert_true(!keys[0].ended && !keys[1].ended);
	journal_key_end(journal, keys[1].fingerprint);
	journal_key_end(journal, (const uint8_t[JOURNAL_FINGERPRINT_OCTETS]){3});
	assert_int_equal(journal_used(journal), 2);
	assert_int_equal(journal_commit(journal, NOW), 0);
	journal_close(journal);
	for (unsigned place = 0; place < 2; place++) {
		disk->cache[place * JOURNAL_PAGE_OCTETS + 100] ^= 1;
		journal = open_at(disk, NOW);
		assert_int_equal(journal_damaged(journal), 1);
		assert_false(journal_key_has_ended(journal, keys[0].fingerprint));
		assert_true(journal_key_has_ended(journal, keys[1].fingerprint));
		journal_close(journal);
	}
	journal = open_at(disk, NOW);
	// A counter that is new finds no number left.
	assert_true(journal_key_highest(journal, keys[1].fingerprint) == UINT64_MAX);
	assert_int_equal(journal_key_highest(journal, keys[0].fingerprint), 0);
	assert_int_equal(journal_key_register_all(journal, keys, 2, 0, NOW, &err), 0);
	assert_true(keys[1].known && keys[1].ended && !keys[0].ended);
	journal_close(journal);
	model_disk_close(disk);
}

// All or none; one that comes twice is registered once.
static void registered_together(void **state)
{
	struct model_disk *disk = disk_new();
	struct journal *journal = open_at(disk, NOW);
	struct journal_registration keys[] = {
		{.fingerprint = {1}}, {.fingerprint = {2}}, {.fingerprint = {2}}};
	unsigned room = PAGES * JOURNAL_PAGE_RECORDS;
	struct error err;

	(void)state;
	assert_int_equal(journal_key_register_all(journal, keys, 3, room - 2, NOW, &err), -ENOSPC);
	assert_int_equal(journal_used(journal), 0);
	disk->calls = 0;
	assert_int_equal(journal_key_register_all(journal, keys, 3, room - 3, NOW, &err), 0);
	assert_int_equal(journal_used(journal), 2);
	assert_true(!keys[0].known && !keys[1].known && keys[2].known);
	// One page, in both places, each synced.
	assert_int_equal(disk->calls, 4);
	disk->fail = -EIO;
	keys[0].fingerprint[0] = 9;
	assert_int_equal(journal_key_register_all(journal, keys, 1, 0, NOW, &err), -EIO);
	keys[0].fingerprint[0] = 10;
	assert_int_equal(journal_key_register_all(journal, keys, 1, 0, NOW, &err), -EIO);
	assert_false(journal_key_is_registered(journal, keys[0].fingerprint));
	journal_close(journal);
	model_disk_close(disk);
}

static void full(void **state)
{
	struct model_disk *disk = disk_new();
	struct journal *journal = open_at(disk, NOW);
	struct journal_name name = name_of(9999, JOURNAL_OUT, 1);
	struct journal_registration key = {.fingerprint = {9}};
	struct error err;

	(void)state;
	for (unsigned i = 0; i < PAGES * JOURNAL_PAGE_RECORDS; i++)
		assert_int_equal(register_key(journal, name_of(i, 0, 0).fingerprint, NOW, &err), 0);
	assert_null(journal_add(journal, &name));
	assert_int_equal(register_key(journal, name.fingerprint, NOW, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "the journal is full: of its 126 records 126 are used"));
	// Were more kept than there are.
	assert_int_equal(journal_key_register_all(journal, &key, 1, 7, NOW, &err), -ENOSPC);
	journal_close(journal);
	journal = open_at(disk, NOW);
	assert_int_equal(journal_used(journal), PAGES * JOURNAL_PAGE_RECORDS);
	journal_close(journal);
	model_disk_close(disk);
}

static void fails_for_ever(void **state)
{
	struct model_disk *disk = disk_new();
	struct journal *journal = open_at(disk, NOW);

	(void)state;
	put(journal, 1, JOURNAL_OUT, 1, 100, 200);
	assert_int_equal(journal_commit(journal, NOW), 0);
	disk->fail = -ENOSPC;
	put(journal, 1, JOURNAL_OUT, 1, 150, 200);
	assert_int_equal(journal_commit(journal, NOW), -ENOSPC);
	disk->fail = 0;
	assert_int_equal(journal_commit(journal, NOW), -ENOSPC);
	assert_int_equal(journal_failed(journal), -ENOSPC);
	journal_close(journal);
	journal = open_at(disk, NOW);
	assert_int_equal(edge_of(journal, 1, JOURNAL_OUT, 1), 100);
	journal_close(journal);
	model_disk_close(disk);
}

// One write for a page and one sync for all, unless a promise is passed.
static void writes_counted(void **state)
{
	struct model_disk *disk = disk_new();
	struct journal *journal;

	(void)state;
	filled(disk);
	journal = open_at(disk, NOW);
	disk->calls = 0;
	assert_int_equal(journal_commit(journal, NOW), 0);
	assert_int_equal(disk->calls, 0);
	put(journal, 3, JOURNAL_OUT, 0x10000, 1500, 2000);
	put(journal, 4, JOURNAL_OUT, 0x10000, 1500, 2000);
	assert_int_equal(journal_commit(journal, NOW), 0);
	assert_int_equal(disk->calls, 2);
	put(journal, 3, JOURNAL_OUT, 0x10000, 1600, 2000);
	put(journal, 70, JOURNAL_OUT, 0x10000, 1600, 2000);
	assert_int_equal(journal_commit(journal, NOW), 0);
	assert_int_equal(disk->calls, 5);
	put(journal, 3, JOURNAL_OUT, 0x10000, 2001, 3000);
	assert_int_equal(journal_commit(journal, NOW), 0);
	assert_int_equal(disk->calls, 9);
	journal_close(journal);
	model_disk_close(disk);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back),
		cmocka_unit_test(every_octet_damaged),
		cmocka_unit_test(both_places_damaged),
		cmocka_unit_test(shortened),
		cmocka_unit_test(another_machine),
		cmocka_unit_test(clock_back),
		cmocka_unit_test(registered_once),
		cmocka_unit_test(registered_together),
		cmocka_unit_test(ends),
		cmocka_unit_test(full),
		cmocka_unit_test(fails_for_ever),
		cmocka_unit_test(writes_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
