// Error sentences: return value, cutting, arguments that are the old sentence.
#include "base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void set_returns_and_formats(void **state)
{
	struct error err;

	(void)state;
	assert_int_equal(error_set(&err, EINVAL, "port %d: not \"%s\"", 7, "x"), -EINVAL);
	assert_string_equal(err.text, "port 7: not \"x\"");
	assert_int_equal(error_set(NULL, ENOENT, "nobody reads %d", 1), -ENOENT);
}

static void prefix_goes_before(void **state)
{
	struct error err;

	(void)state;
	error_set(&err, EINVAL, "no such port");
	error_prefix(&err, "tunnel \"%s\": ", "b");
	error_prefix(&err, "%s:%d: ", "vped.conf", 12);
	assert_string_equal(err.text, "vped.conf:12: tunnel \"b\": no such port");
	error_prefix(NULL, "nothing");
}

static void own_text_as_argument(void **state)
{
	struct error err;

	(void)state;
	error_set(&err, EINVAL, "inner");
	error_set(&err, EINVAL, "outer: %s", err.text);
	assert_string_equal(err.text, "outer: inner");
	error_prefix(&err, "[%s] ", err.text);
	assert_string_equal(err.text, "[outer: inner] outer: inner");
}

static void assert_cut(const struct error *err)
{
	assert_int_equal(strlen(err->text), ERROR_TEXT - 1);
	assert_string_equal(err->text + ERROR_TEXT - 4, "...");
}

static void long_text_is_cut(void **state)
{
	char words[2 * ERROR_TEXT];
	struct error err;

	(void)state;
	memset(words, 'w', sizeof(words) - 1);
	words[sizeof(words) - 1] = '\0';
	error_set(&err, EINVAL, "%s", words);
	assert_cut(&err);
	error_prefix(&err, "%s", words);
	assert_cut(&err);

	error_set(&err, EINVAL, "%.*s", ERROR_TEXT - 1, words);
	assert_int_equal(strlen(err.text), ERROR_TEXT - 1);
	assert_int_equal(err.text[ERROR_TEXT - 2], 'w');
	error_prefix(&err, "p");
	assert_cut(&err);
	assert_int_equal(err.text[0], 'p');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_returns_and_formats),
		cmocka_unit_test(prefix_goes_before),
		cmocka_unit_test(own_text_as_argument),
		cmocka_unit_test(long_text_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
