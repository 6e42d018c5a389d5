// A journal's file that gets more room: all of it is there afterwards, or it is as it was.
#include "journal/journal_file.h"
#include "journal/journal_key.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW 1	 // behind every clock
#define KEYS 100 // more than one page has

static char directory[] = "/tmp/vped-journal-XXXXXX";
static char path[64];
static char fresh[80];

// What is done to new files, in its order.
static char steps[16];
static bool rename_fails;

static void note(char step)
{
	size_t used = strlen(steps);

	if (used < sizeof(steps) - 1)
		steps[used] = step;
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	note(S_ISDIR(st.st_mode) ? 'd' : 'f');
	return __real_fsync(fd);
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
	note('r');
	if (!rename_fails)
		return __real_rename(from, to);
	errno = EIO;
	return -1;
}

static int open_file(unsigned records, bool enlarge, struct journal_file **file, struct error *err)
{
	const struct journal_file_options options = {
		.unsafe = true, .records = records, .enlarge = enlarge};

	memset(steps, 0, sizeof(steps));
	return journal_file_open(path, &options, file, NULL, err);
}

static struct journal_file *opened(unsigned records, bool enlarge)
{
	struct journal_file *file;
	struct error err;

	if (open_file(records, enlarge, &file, &err) != 0)
		fail_msg("%s", err.text);
	return file;
}

static struct journal_name name_of(unsigned key)
{
	return (struct journal_name){.fingerprint = {(uint8_t)key, 7}, .kind = JOURNAL_OUT};
}

static void fill(struct journal *journal)
{
	for (unsigned key = 0; key < KEYS; key++) {
		struct journal_name name = name_of(key);
		struct journal_record *record = journal_add(journal, &name);

		assert_non_null(record);
		record->blocks = key * 3;
		journal_put(journal, record, 1000 + key, 2000 + key);
	}
	assert_int_equal(journal_commit(journal, NOW), 0);
}

static void check(struct journal *journal)
{
	assert_int_equal(journal_used(journal), KEYS);
	assert_int_equal(journal_damaged(journal), 0);
	for (unsigned key = 0; key < KEYS; key++) {
		struct journal_name name = name_of(key);
		const struct journal_record *record = journal_find(journal, &name);

		assert_non_null(record);
		assert_int_equal(record->edge, 1000 + key);
		assert_int_equal(record->bound, 2000 + key);
		assert_int_equal(record->blocks, key * 3);
	}
}

static int start(void **state)
{
	struct journal_file *file = opened(KEYS, false);

	(void)state;
	rename_fails = false;
	assert_string_equal(steps, "frd");
	assert_int_equal(journal_capacity(journal_file_journal(file)), 2 * JOURNAL_PAGE_RECORDS);
	fill(journal_file_journal(file));
	journal_file_close(file);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	assert_int_equal(access(fresh, F_OK), -1);
	assert_int_equal(unlink(path), 0);
	return 0;
}

static void grows(void **state)
{
	struct journal_file *file, *second;
	struct journal *journal;
	struct error err;

	(void)state;
	file = opened(5 * JOURNAL_PAGE_RECORDS, true);
	assert_string_equal(steps, "frd");
	journal = journal_file_journal(file);
	assert_int_equal(journal_capacity(journal), 5 * JOURNAL_PAGE_RECORDS);
	check(journal);
	// What was its lock before is its lock now.
	assert_int_equal(open_file(0, false, &second, &err), -EBUSY);
	// It is the new file that is written to.
	journal_put(journal, journal_next_of_key(journal, name_of(0).fingerprint, NULL), 5000, 0);
	assert_int_equal(journal_commit(journal, NOW), 0);
	journal_put(
		journal, journal_next_of_key(journal, name_of(0).fingerprint, NULL), 1000, 2000);
	assert_int_equal(journal_commit(journal, NOW), 0);
	journal_file_close(file);
	file = opened(0, false);
	assert_int_equal(journal_capacity(journal_file_journal(file)), 5 * JOURNAL_PAGE_RECORDS);
	check(journal_file_journal(file));
	journal_file_close(file);
}

static void never_shrinks(void **state)
{
	struct journal_file *file = opened(1, true);

	(void)state;
	assert_string_equal(steps, "");
	assert_int_equal(journal_capacity(journal_file_journal(file)), 2 * JOURNAL_PAGE_RECORDS);
	journal_file_close(file);
	file = opened(1000, false);
	assert_int_equal(journal_capacity(journal_file_journal(file)), 2 * JOURNAL_PAGE_RECORDS);
	journal_file_close(file);
}

// They go on at what the place that was left had promised.
static void check_skipped(struct journal *journal)
{
	assert_int_equal(journal_used(journal), KEYS);
	for (unsigned key = 0; key < KEYS; key++) {
		struct journal_name name = name_of(key);
		const struct journal_record *record = journal_find(journal, &name);

		assert_non_null(record);
		assert_int_equal(record->edge, 2000 + key);
	}
}

// Of each page one place alone is enough.
static void both_places_are_whole(void **state)
{
	struct journal_file *file = opened(3 * JOURNAL_PAGE_RECORDS, true);
	static const uint8_t none[JOURNAL_PAGE_OCTETS];

	(void)state;
	journal_file_close(file);
	for (unsigned place = 0; place < 2; place++) {
		int fd = open(path, O_RDWR | O_CLOEXEC);
		unsigned damaged = 0;

		for (unsigned page = 0; page < 3; page++)
			damaged += pwrite(fd, none, sizeof(none),
					   (off_t)(2 * page + place) * JOURNAL_PAGE_OCTETS) ==
				sizeof(none);
		close(fd);
		file = opened(0, false);
		assert_int_equal(journal_damaged(journal_file_journal(file)), damaged);
		check_skipped(journal_file_journal(file));
		journal_file_close(file);
	}
}

static void is_as_it_was(void **state)
{
	struct journal_file *file;
	struct error err;
	int fd;

	(void)state;
	rename_fails = true;
	assert_int_equal(open_file(1000, true, &file, &err), -EIO);
	assert_non_null(strstr(err.text, "a larger one: it cannot be made"));
	assert_int_equal(access(fresh, F_OK), -1);
	// Somebody was stopped in the middle.
	rename_fails = false;
	fd = open(fresh, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "half", 4), 4);
	close(fd);
	file = opened(0, false);
	check(journal_file_journal(file));
	journal_file_close(file);
	file = opened(1000, true);
	check(journal_file_journal(file));
	journal_file_close(file);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(grows, start, stop),
		cmocka_unit_test_setup_teardown(never_shrinks, start, stop),
		cmocka_unit_test_setup_teardown(both_places_are_whole, start, stop),
		cmocka_unit_test_setup_teardown(is_as_it_was, start, stop),
	};
	char lock[80];
	int failed;

	if (!mkdtemp(directory))
		return 1;
	snprintf(path, sizeof(path), "%s/journal", directory);
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	snprintf(lock, sizeof(lock), "%s.lock", path);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(lock);
	rmdir(directory);
	return failed;
}
