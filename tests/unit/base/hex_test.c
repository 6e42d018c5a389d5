// Every character is a digit of either case, or none.
#include "base/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void each_character_has_its_value(void **state)
{
	static const char digits[] = "0123456789abcdef";
	static const char capitals[] = "0123456789ABCDEF";

	(void)state;
	for (int c = 0; c <= UINT8_MAX; c++) {
		const char *at = c == 0 ? NULL : strchr(digits, c);
		const char *capital = c == 0 ? NULL : strchr(capitals, c);
		int value = at ? (int)(at - digits) : capital ? (int)(capital - capitals) : -1;

		assert_int_equal(hex_value((uint8_t)c), value);
	}
}

static void digits_become_octets(void **state)
{
	static const uint8_t expected[] = {0x00, 0x9a, 0xbf, 0xff};
	uint8_t octets[5] = {[4] = 7};

	(void)state;
	assert_true(hex_decode("009aBFfFxx", 4, octets));
	assert_memory_equal(octets, expected, sizeof(expected));
	assert_int_equal(octets[4], 7);
	assert_true(hex_decode("", 0, octets));
}

static void nothing_else_does(void **state)
{
	static const char *const wrong[] = {"0g", "g0", " 0", "0 ", "-1", "0x", "\xc3\xa4", "1"};
	uint8_t octet;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(hex_decode(wrong[i], 1, &octet));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_character_has_its_value),
		cmocka_unit_test(digits_become_octets),
		cmocka_unit_test(nothing_else_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
