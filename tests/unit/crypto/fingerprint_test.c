// Fingerprints of keys against values computed by others.
#include "crypto/fingerprint.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const uint8_t counting[32] = {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09,
	0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18,
	0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f};

// Made with Python: hmac.new(key, b"vped key fingerprint v1", hashlib.sha256).digest()[:16], and
// with openssl dgst -sha256 -mac HMAC -macopt hexkey:KEY, the label on its standard input.
static const struct {
	size_t octets;
	uint8_t fingerprint[FINGERPRINT_OCTETS];
} expected[] = {
	{16,
		{0xa5, 0x22, 0x1f, 0x76, 0xb0, 0x98, 0xeb, 0xdc, 0x94, 0x41, 0x6f, 0xff, 0xb2, 0xdb,
			0x03, 0xd7}},
	{24,
		{0x54, 0xc6, 0x22, 0x79, 0xe1, 0x40, 0x65, 0xa2, 0xfb, 0x99, 0xf9, 0xc3, 0xfa, 0x2d,
			0xfb, 0xf5}},
	{32,
		{0x95, 0x05, 0x48, 0x9d, 0xb8, 0xf0, 0xbf, 0xcc, 0x41, 0xac, 0xbf, 0x80, 0xe8, 0xc5,
			0x4e, 0x5d}},
};

static void known_values(void **state)
{
	uint8_t fingerprint[FINGERPRINT_OCTETS];

	(void)state;
	for (size_t i = 0; i < COUNT(expected); i++) {
		assert_int_equal(fingerprint_make(counting, expected[i].octets, fingerprint), 0);
		assert_memory_equal(fingerprint, expected[i].fingerprint, sizeof(fingerprint));
	}
}

static void every_bit_counts(void **state)
{
	uint8_t key[32], first[FINGERPRINT_OCTETS], second[FINGERPRINT_OCTETS];

	(void)state;
	memcpy(key, counting, sizeof(key));
	assert_int_equal(fingerprint_make(key, sizeof(key), first), 0);
	for (size_t bit = 0; bit < sizeof(key) * 8; bit++) {
		key[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(fingerprint_make(key, sizeof(key), second), 0);
		assert_memory_not_equal(first, second, sizeof(first));
		key[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void no_key(void **state)
{
	uint8_t fingerprint[FINGERPRINT_OCTETS];

	(void)state;
	assert_int_equal(fingerprint_make(counting, 0, fingerprint), -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_values),
		cmocka_unit_test(every_bit_counts),
		cmocka_unit_test(no_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
