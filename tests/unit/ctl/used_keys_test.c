// The set of keys that were in use, against a list.
#include "ctl/used_keys.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define KEYS 5000

// Most begin alike, so that they meet in the table.
static void make(unsigned number, uint8_t fingerprint[FINGERPRINT_OCTETS])
{
	memset(fingerprint, 0, FINGERPRINT_OCTETS);
	fingerprint[0] = (uint8_t)(number % 3);
	fingerprint[3] = (uint8_t)number;
	fingerprint[4] = (uint8_t)(number >> 8);
	fingerprint[5] = (uint8_t)(number >> 16);
}

static void remembers_all_and_no_others(void **state)
{
	struct used_keys *keys = used_keys_create(USED_KEYS_MAX);
	uint8_t fingerprint[FINGERPRINT_OCTETS];

	(void)state;
	assert_non_null(keys);
	for (unsigned i = 0; i < KEYS; i++) {
		make(i, fingerprint);
		assert_false(used_keys_has(keys, fingerprint));
		assert_int_equal(used_keys_add(keys, fingerprint), 0);
		assert_int_equal(used_keys_add(keys, fingerprint), 0);
	}
	for (unsigned i = 0; i < 2 * KEYS; i++) {
		make(i, fingerprint);
		assert_int_equal(used_keys_has(keys, fingerprint), i < KEYS);
	}
	used_keys_destroy(keys);
	used_keys_destroy(NULL);
}

static void room_takes_nothing_away(void **state)
{
	struct used_keys *keys = used_keys_create(USED_KEYS_MAX);
	uint8_t fingerprint[FINGERPRINT_OCTETS];

	(void)state;
	assert_non_null(keys);
	for (unsigned i = 0; i < KEYS; i++) {
		make(i, fingerprint);
		if (i % 1000 == 0)
			assert_int_equal(used_keys_reserve(keys, 3 * i), 0);
		assert_int_equal(used_keys_add(keys, fingerprint), 0);
	}
	for (unsigned i = 0; i < 2 * KEYS; i++) {
		make(i, fingerprint);
		assert_int_equal(used_keys_has(keys, fingerprint), i < KEYS);
	}
	used_keys_destroy(keys);
}

// None is forgotten for another, and nothing that is there needs room.
static void refuses_too_many(void **state)
{
	struct used_keys *keys = used_keys_create(KEYS);
	uint8_t fingerprint[FINGERPRINT_OCTETS];

	(void)state;
	assert_non_null(keys);
	assert_int_equal(used_keys_reserve(keys, KEYS), 0);
	assert_int_equal(used_keys_reserve(keys, KEYS + 1), -ENOSPC);
	for (unsigned i = 0; i < KEYS; i++) {
		make(i, fingerprint);
		assert_int_equal(used_keys_add(keys, fingerprint), 0);
		assert_int_equal(used_keys_count(keys), i + 1);
	}
	make(0, fingerprint);
	assert_int_equal(used_keys_add(keys, fingerprint), 0);
	make(KEYS, fingerprint);
	assert_int_equal(used_keys_reserve(keys, 0), 0);
	assert_int_equal(used_keys_reserve(keys, 1), -ENOSPC);
	assert_int_equal(used_keys_add(keys, fingerprint), -ENOSPC);
	for (unsigned i = 0; i < 2 * KEYS; i++) {
		make(i, fingerprint);
		assert_int_equal(used_keys_has(keys, fingerprint), i < KEYS);
	}
	used_keys_destroy(keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(remembers_all_and_no_others),
		cmocka_unit_test(room_takes_nothing_away),
		cmocka_unit_test(refuses_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
