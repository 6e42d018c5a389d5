// Numbers of the command line: what is read, what is refused and leaves the result alone.
#include "unit.h"

#include "bench/number.h"

#include <errno.h>

static void numbers(void **state)
{
	static const char *const bad[] = {"", " 5", "5 ", "+5", "-5", "5x", "0x5", "9", "21",
		"99999999999999999999999", "1e1", "5."};
	uint64_t n = 77;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(number_parse(bad[i], 10, 20, &n), -EINVAL);
	assert_int_equal(n, 77);
	assert_int_equal(number_parse("10", 10, 20, &n), 0);
	assert_int_equal(n, 10);
	assert_int_equal(number_parse("18446744073709551615", 0, UINT64_MAX, &n), 0);
	assert_true(n == UINT64_MAX);
}

static void seconds(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {{"0", 0}, {"1", 1000000000}, {"0.5", 500000000}, {"1.000000001", 1000000001},
		{"100", 100000000000}, {"0.25", 250000000}};
	static const char *const bad[] = {
		"", ".5", "1.", "101", "-1", "1s", "1.0000000001", " 1", "1,5", "1e3"};
	uint64_t ns = 77;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(number_parse_seconds(bad[i], 100, &ns), -EINVAL);
	assert_int_equal(ns, 77);
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(number_parse_seconds(good[i].text, 100, &ns), 0);
		assert_true(ns == good[i].ns);
	}
}

static void macs(void **state)
{
	static const char *const bad[] = {"", "02:00:00:00:00", "02:00:00:00:00:00:01",
		"01:00:00:00:00:01", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "2:0:0:0:0:1",
		"02-00-00-00-00-01", "02:00:00:00:00:0g", "02:00:00:00:00:001",
		"02:00:00:00:0:010"};
	uint8_t mac[6] = {9, 9, 9, 9, 9, 9};
	static const uint8_t same[6] = {9, 9, 9, 9, 9, 9};
	static const uint8_t wanted[6] = {2, 0, 0xab, 0xcd, 0, 1};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (number_parse_mac(bad[i], mac) != -EINVAL)
			fail_msg("'%s' is taken", bad[i]);
	}
	assert_memory_equal(mac, same, 6);
	assert_int_equal(number_parse_mac("02:00:aB:cD:00:01", mac), 0);
	assert_memory_equal(mac, wanted, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(seconds),
		cmocka_unit_test(macs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
