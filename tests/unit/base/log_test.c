// Log lines as another process would read them from stderr.
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

// stderr is one end of a datagram socket: each write(2) arrives by itself.
struct capture {
	int saved_stderr;
	int reader;
};

static int capture_start(void **state)
{
	static struct capture capture;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends) < 0)
		return -1;
	capture.saved_stderr = dup(STDERR_FILENO);
	capture.reader = ends[0];
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	unsetenv("JOURNAL_STREAM");
	*state = &capture;
	return 0;
}

static int capture_stop(void **state)
{
	struct capture *capture = *state;

	dup2(capture->saved_stderr, STDERR_FILENO);
	close(capture->saved_stderr);
	close(capture->reader);
	return 0;
}

// The next write, or "" if there was none.
static const char *next_write(struct capture *capture)
{
	static char text[8192];
	ssize_t octets = read(capture->reader, text, sizeof(text) - 1);

	text[octets > 0 ? octets : 0] = '\0';
	return text;
}

static void name_stderr_as_journal(void)
{
	char stream[64];
	struct stat st;

	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%" PRIuMAX ":%" PRIuMAX, (uintmax_t)st.st_dev,
		(uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
}

static void plain_lines(void **state)
{
	log_init(LOG_LEVEL_DEBUG);
	log_error("port %d", 1);
	assert_string_equal(next_write(*state), "log_test: error: port 1\n");
	log_warning("w");
	assert_string_equal(next_write(*state), "log_test: warning: w\n");
	log_notice("n");
	assert_string_equal(next_write(*state), "log_test: notice: n\n");
	log_debug("d");
	assert_string_equal(next_write(*state), "log_test: debug: d\n");
}

static void journal_prefixes(void **state)
{
	name_stderr_as_journal();
	log_init(LOG_LEVEL_DEBUG);
	log_error("e");
	assert_string_equal(next_write(*state), "<3>e\n");
	log_warning("w");
	assert_string_equal(next_write(*state), "<4>w\n");
	log_notice("n");
	assert_string_equal(next_write(*state), "<5>n\n");
	log_debug("d");
	assert_string_equal(next_write(*state), "<7>d\n");
}

static void journal_of_a_parent(void **state)
{
	setenv("JOURNAL_STREAM", "1:1", 1);
	log_init(LOG_LEVEL_NOTICE);
	log_error("e");
	assert_string_equal(next_write(*state), "log_test: error: e\n");
}

static void levels_above_are_dropped(void **state)
{
	log_init(LOG_LEVEL_WARNING);
	log_notice("n");
	log_debug("d");
	assert_string_equal(next_write(*state), "");
	log_warning("w");
	assert_string_equal(next_write(*state), "log_test: warning: w\n");
}

static void no_line_inside_a_line(void **state)
{
	log_init(LOG_LEVEL_NOTICE);
	log_notice("name \"%s\"", "a\n<0>b\r\x1b[2J\x7f");
	assert_string_equal(next_write(*state), "log_test: notice: name \"a <0>b  [2J \"\n");
}

static void long_line_is_one_write(void **state)
{
	static char words[6000];
	const char *line;

	memset(words, 'w', sizeof(words) - 1);
	log_init(LOG_LEVEL_NOTICE);
	log_notice("%s", words);
	line = next_write(*state);
	assert_in_range(strlen(line), 1000, 4096);
	assert_int_equal(line[strlen(line) - 1], '\n');
	assert_string_equal(next_write(*state), "");
}

static void errno_is_kept(void **state)
{
	log_init(LOG_LEVEL_NOTICE);
	errno = ENOENT;
	log_notice("n");
	assert_int_equal(errno, ENOENT);
	assert_string_equal(next_write(*state), "log_test: notice: n\n");
}

int main(void)
{
#define CAPTURED(test) cmocka_unit_test_setup_teardown(test, capture_start, capture_stop)
	const struct CMUnitTest tests[] = {
		CAPTURED(plain_lines),
		CAPTURED(journal_prefixes),
		CAPTURED(journal_of_a_parent),
		CAPTURED(levels_above_are_dropped),
		CAPTURED(no_line_inside_a_line),
		CAPTURED(long_line_is_one_write),
		CAPTURED(errno_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
