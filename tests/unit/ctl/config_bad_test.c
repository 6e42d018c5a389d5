// Every file of a directory has one mistake, and says in its first line what must be said of it:
// "// expect: LINE: WORDS", without "LINE: " where the line is another file's.
#include "config_fixture.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *directory;

static bool ends_in_conf(const char *name)
{
	size_t length = strlen(name);

	return length > 5 && strcmp(name + length - 5, ".conf") == 0;
}

// What follows "// expect: " on the first line.
static char *expectation(const char *path)
{
	static const char mark[] = "// expect: ";
	char *text, *expected;
	size_t octets;

	text = fixture_read(path, &octets);
	if (strncmp(text, mark, strlen(mark)) != 0)
		fail_msg("%s: the first line does not begin with \"%s\"", path, mark);
	expected = strndup(text + strlen(mark), strcspn(text + strlen(mark), "\n"));
	free(text);
	assert_non_null(expected);
	return expected;
}

static bool as_expected(const char *name, const char *text, const char *expected)
{
	char prefix[512];
	unsigned line;
	int words = 0;

	if (sscanf(expected, "%u: %n", &line, &words) != 1 || words == 0)
		return strstr(text, expected) != NULL;
	snprintf(prefix, sizeof(prefix), "%s:%u: ", name, line);
	return strncmp(text, prefix, strlen(prefix)) == 0 &&
		strstr(text + strlen(prefix), expected + words) != NULL;
}

static unsigned check(const char *name)
{
	char path[4096];
	struct config *config;
	struct error err;
	unsigned wrong = 0;
	char *expected;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	expected = expectation(path);
	fixture_copy(path, name);
	if (fixture_load(name, &config, &err) == 0) {
		print_error("%s: accepted\n", name);
		config_free(config);
		wrong = 1;
	} else if (!as_expected(name, err.text, expected)) {
		print_error("expected %s: %s\n     got %s\n", name, expected, err.text);
		wrong = 1;
	}
	free(expected);
	return wrong;
}

static void bad_files(void **state)
{
	DIR *files = opendir(directory);
	unsigned n = 0, wrong = 0;
	struct dirent *entry;

	(void)state;
	assert_non_null(files);
	while ((entry = readdir(files))) {
		if (!ends_in_conf(entry->d_name))
			continue;
		wrong += check(entry->d_name);
		n++;
	}
	closedir(files);
	print_message("%u bad files, %u of them not as expected\n", n, wrong);
	assert_true(n >= 60);
	assert_int_equal(wrong, 0);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(bad_files)};

	if (argc != 2)
		return 2;
	directory = argv[1];
	return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
