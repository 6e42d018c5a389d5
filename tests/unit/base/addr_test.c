// Addresses and prefixes: what is read, what is refused, what contains what.
#include "base/addr.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct ip_addr addr_of(const char *text)
{
	struct ip_addr addr;

	assert_int_equal(ip_addr_parse(text, &addr), 0);
	return addr;
}

static struct ip_prefix prefix_of(const char *text)
{
	struct ip_prefix prefix;

	assert_int_equal(ip_prefix_parse(text, &prefix), 0);
	return prefix;
}

static void addr_round_trip(void **state)
{
	static const char *const texts[] = {"0.0.0.0", "10.1.2.3", "255.255.255.255", "::", "::1",
		"2001:db8::1", "fe80::1:2:3:4", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"::ffff:192.0.2.1"};
	char buf[IP_ADDR_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct ip_addr addr = addr_of(texts[i]);

		assert_string_equal(ip_addr_format(&addr, buf), texts[i]);
		assert_int_equal(addr.family, strchr(texts[i], ':') ? IP_V6 : IP_V4);
	}
}

static void addr_octets(void **state)
{
	static const uint8_t expected[16] = {192, 0, 2, 1};
	struct ip_addr addr = addr_of("192.0.2.1");
	struct ip_addr nothing = {.family = IP_NONE};
	char buf[IP_ADDR_TEXT];

	(void)state;
	assert_memory_equal(addr.octets, expected, sizeof(expected));
	assert_int_equal(ip_addr_octets(IP_V4), 4);
	assert_int_equal(ip_addr_octets(IP_V6), 16);
	assert_int_equal(ip_addr_octets(IP_NONE), 0);
	assert_int_equal(ip_addr_octets(5), 0);
	assert_string_equal(ip_addr_format(&nothing, buf), "none");
}

static void addr_refused(void **state)
{
	static const char *const texts[] = {"", " ", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256",
		"01.2.3.4", "1.2.3.04", " 1.2.3.4", "1.2.3.4 ", "1.2.3.4\n", "+1.2.3.4", "-1.2.3.4",
		"0x1.2.3.4", "1..2.3", ".1.2.3", "1.2.3.", "1.2.3.4/24", ":", ":::", "1::2::3",
		"12345::", "g::", "fe80::1%eth0", "[::1]", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
		"::1.2.3.256", "host", "1.2.3.4x", "\xff\xfe",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};
	struct ip_addr addr = {.family = 77};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_int_equal(ip_addr_parse(texts[i], &addr), -EINVAL);
	assert_int_equal(ip_addr_parse(NULL, &addr), -EINVAL);
	assert_int_equal(addr.family, 77);
}

static void prefix_round_trip(void **state)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {{"0.0.0.0/0", "0.0.0.0/0"}, {"10.0.0.0/8", "10.0.0.0/8"},
		{"10.128.0.0/9", "10.128.0.0/9"}, {"192.0.2.1", "192.0.2.1/32"},
		{"192.0.2.1/32", "192.0.2.1/32"}, {"192.0.2.254/31", "192.0.2.254/31"},
		{"::/0", "::/0"}, {"2001:db8::/32", "2001:db8::/32"},
		{"2001:db8::1", "2001:db8::1/128"}, {"2001:DB8:0::8000/113", "2001:db8::8000/113"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
			"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"}};
	char buf[IP_PREFIX_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ip_prefix prefix = prefix_of(cases[i].text);

		assert_string_equal(ip_prefix_format(&prefix, buf), cases[i].shown);
	}
}

static void prefix_refused(void **state)
{
	static const struct {
		const char *text;
		int error;
	} cases[] = {{"", -EINVAL}, {"/", -EINVAL}, {"/8", -EINVAL}, {"10.0.0.0/", -EINVAL},
		{"10.0.0.0/33", -EINVAL}, {"10.0.0.0/-1", -EINVAL}, {"10.0.0.0/+8", -EINVAL},
		{"10.0.0.0/ 8", -EINVAL}, {"10.0.0.0/8 ", -EINVAL}, {"10.0.0.0 /8", -EINVAL},
		{"10.0.0.0/08", -EINVAL}, {"10.0.0.0/00", -EINVAL}, {"10.0.0.0/8/8", -EINVAL},
		{"10.0.0.0/0x8", -EINVAL}, {"10.0.0.0/8x", -EINVAL}, {"10.0.0.0/256", -EINVAL},
		{"10.0.0.0/4294967304", -EINVAL}, {"10.0.0.0/18446744073709551624", -EINVAL},
		{"10/8", -EINVAL}, {"::/129", -EINVAL}, {"::/0128", -EINVAL}, {"::/", -EINVAL},
		{"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/", -EINVAL},
		{"0000000000000000000000000000000000000000000000000000/1", -EINVAL},
		{"10.0.0.1/8", -ERANGE}, {"10.0.0.1/0", -ERANGE}, {"10.0.0.1/31", -ERANGE},
		{"2001:db8::1/64", -ERANGE}, {"2001:db8::1/127", -ERANGE}, {"8000::/0", -ERANGE}};
	struct ip_prefix prefix = {.length = 77};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(ip_prefix_parse(cases[i].text, &prefix), cases[i].error);
	assert_int_equal(ip_prefix_parse(NULL, &prefix), -EINVAL);
	assert_int_equal(prefix.length, 77);
}

static void contains(void **state)
{
	static const struct {
		const char *prefix, *addr;
		bool inside;
	} cases[] = {{"0.0.0.0/0", "255.1.2.3", true}, {"0.0.0.0/0", "::", false},
		{"::/0", "0.0.0.0", false}, {"10.0.0.0/8", "10.255.255.255", true},
		{"10.0.0.0/8", "11.0.0.0", false}, {"10.0.0.0/9", "10.127.255.255", true},
		{"10.0.0.0/9", "10.128.0.0", false}, {"192.0.2.4/30", "192.0.2.7", true},
		{"192.0.2.4/30", "192.0.2.8", false}, {"192.0.2.4", "192.0.2.4", true},
		{"192.0.2.4", "192.0.2.5", false}, {"2001:db8::/32", "2001:db8:ffff::", true},
		{"2001:db8::/32", "2001:db9::", false},
		{"2001:db8::8000/113", "2001:db8::8001", true},
		{"2001:db8::8000/113", "2001:db8::7fff", false}, {"::1", "::1", true},
		{"::1", "::", false}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ip_prefix prefix = prefix_of(cases[i].prefix);
		struct ip_addr addr = addr_of(cases[i].addr);

		assert_int_equal(ip_prefix_contains(&prefix, &addr), cases[i].inside);
	}
}

static void covers(void **state)
{
	static const struct {
		const char *outer, *inner;
		bool covered;
	} cases[] = {{"10.0.0.0/8", "10.0.0.0/8", true}, {"10.0.0.0/8", "10.1.0.0/16", true},
		{"10.1.0.0/16", "10.0.0.0/8", false}, {"10.0.0.0/8", "11.0.0.0/16", false},
		{"0.0.0.0/0", "10.0.0.0/8", true}, {"0.0.0.0/0", "::/0", false},
		{"::/0", "::1", true}, {"10.0.0.0/9", "10.128.0.0/9", false}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ip_prefix outer = prefix_of(cases[i].outer);
		struct ip_prefix inner = prefix_of(cases[i].inner);

		assert_int_equal(ip_prefix_covers(&outer, &inner), cases[i].covered);
	}
}

static void no_family(void **state)
{
	struct ip_prefix nothing = {.addr.family = IP_NONE};
	struct ip_addr addr = addr_of("10.0.0.1");
	struct ip_prefix overlong = {.addr = addr, .length = 33};

	(void)state;
	assert_false(ip_prefix_contains(&nothing, &nothing.addr));
	assert_false(ip_prefix_covers(&nothing, &nothing));
	assert_false(ip_prefix_contains(&nothing, &addr));
	assert_false(ip_prefix_contains(&overlong, &addr));
}

static void equal_and_multicast(void **state)
{
	struct ip_addr a = addr_of("10.0.0.1"), b = addr_of("10.0.0.1"), c = addr_of("10.0.0.2");
	struct ip_addr v6 = addr_of("::");
	struct ip_addr v4 = addr_of("0.0.0.0");
	static const struct {
		const char *addr;
		bool multicast;
	} cases[] = {{"223.255.255.255", false}, {"224.0.0.0", true}, {"239.255.255.255", true},
		{"240.0.0.0", false}, {"ff02::1", true}, {"fe80::1", false}, {"::", false}};

	(void)state;
	assert_true(ip_addr_equal(&a, &b));
	assert_false(ip_addr_equal(&a, &c));
	assert_false(ip_addr_equal(&v6, &v4));
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ip_addr addr = addr_of(cases[i].addr);

		assert_int_equal(ip_addr_is_multicast(&addr), cases[i].multicast);
	}
}

// Every length of both families against a bit-by-bit mask.
static void mask(void **state)
{
	(void)state;
	for (unsigned family = IP_V4; family <= IP_V6; family += 2) {
		for (unsigned length = 0; length <= ip_addr_octets((uint8_t)family) * 8; length++) {
			struct ip_prefix prefix = {
				.addr.family = (uint8_t)family, .length = (uint8_t)length};
			size_t bits = ip_addr_octets((uint8_t)family) * 8;

			memset(prefix.addr.octets, 0xff, bits / 8);
			ip_prefix_mask(&prefix);
			for (unsigned bit = 0; bit < 128; bit++)
				assert_int_equal(prefix.addr.octets[bit / 8] >> (7 - bit % 8) & 1,
					bit < length);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addr_round_trip),
		cmocka_unit_test(addr_octets),
		cmocka_unit_test(addr_refused),
		cmocka_unit_test(prefix_round_trip),
		cmocka_unit_test(prefix_refused),
		cmocka_unit_test(contains),
		cmocka_unit_test(covers),
		cmocka_unit_test(no_family),
		cmocka_unit_test(equal_and_multicast),
		cmocka_unit_test(mask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
