// Addresses that somebody chose share places no more often than any others.
#include "base/addr_hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define ADDRS 256
#define PLACES 512
#define KEYS 200

// Pairs of addresses that share a place, of the ADDRS that differ in one octet.
static unsigned shared(const struct addr_hash *hash, size_t octets, unsigned varied)
{
	unsigned taken[PLACES] = {0};
	unsigned pairs = 0;

	for (unsigned i = 0; i < ADDRS; i++) {
		uint8_t addr[16] = {0x20, 1, 0x0d, 0xb8};

		addr[varied] = (uint8_t)i;
		pairs += taken[addr_hash_of(hash, addr, octets, 3) % PLACES]++;
	}
	return pairs;
}

// No key is a bad one.
static void assert_spread(size_t octets, unsigned varied)
{
	const unsigned expected = ADDRS * (ADDRS - 1) / 2 / PLACES;
	struct addr_hash hash;

	for (unsigned i = 0; i < KEYS; i++) {
		assert_int_equal(addr_hash_seed(&hash), 0);
		assert_in_range(shared(&hash, octets, varied), expected / 4, expected * 2);
	}
}

static void every_octet_spreads(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++)
		assert_spread(4, i);
	for (unsigned i = 0; i < 16; i++)
		assert_spread(16, i);
}

static void keys_and_neighbourhood_count(void **state)
{
	const uint8_t addr[16] = {192, 0, 2, 1};
	struct addr_hash hash[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(addr_hash_seed(&hash[i]), 0);
	assert_int_equal(addr_hash_of(&hash[0], addr, 4, 1), addr_hash_of(&hash[0], addr, 4, 1));
	// By chance once in 2^32.
	assert_int_not_equal(
		addr_hash_of(&hash[0], addr, 4, 1), addr_hash_of(&hash[1], addr, 4, 1));
	assert_int_not_equal(
		addr_hash_of(&hash[0], addr, 4, 1), addr_hash_of(&hash[0], addr, 4, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_octet_spreads),
		cmocka_unit_test(keys_and_neighbourhood_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
