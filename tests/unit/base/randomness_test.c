// The statistical tests: good blocks pass, each kind of bad one is named, and a bad block is
// repeated twice.
#include "base/randomness.h"
#include "base/secret.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static uint8_t block[RANDOMNESS_BLOCK_OCTETS];

static void good_block(void)
{
	do
		assert_int_equal(secret_random(block, sizeof(block)), 0);
	while (randomness_judge(block) != NULL);
}

static void judged(const char *test)
{
	const char *wrong = randomness_judge(block);

	assert_non_null(wrong);
	if (strstr(wrong, test) == NULL)
		fail_msg("%s, but %s was expected", wrong, test);
}

static void good_ones_pass(void **state)
{
	unsigned failed = 0;

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		assert_int_equal(secret_random(block, sizeof(block)), 0);
		failed += randomness_judge(block) != NULL;
	}
	print_message("2000 blocks, %u refused\n", failed);
	assert_true(failed < 20);
}

static void bad_ones_named(void **state)
{
	(void)state;
	memset(block, 0, sizeof(block));
	judged("monobit");
	memset(block, 0xff, sizeof(block));
	judged("monobit");
	// As many ones as zeros, and few patterns.
	memset(block, 0x5a, sizeof(block));
	judged("poker");
	// Every pattern as often as every other: too even.
	for (unsigned i = 0; i < sizeof(block); i++)
		block[i] = (uint8_t)(i % 16 * 17);
	judged("poker");
	good_block();
	memset(block + 1000, 0x00, 2);
	memset(block + 1002, 0x00, 2);
	judged("long runs");
}

// Patterns of four bits as often as they should be, and ones too, but in an order with few long
// runs: a nibble's end is followed by the other value.
static void runs_counted(void **state)
{
	uint8_t nibble, last = 0;

	(void)state;
	good_block();
	for (unsigned i = 0; i < 2 * sizeof(block); i++) {
		uint8_t shift = i % 2 ? 0 : 4;

		nibble = (block[i / 2] >> shift) & 15;
		if ((nibble >> 3) == (last & 1))
			nibble ^= 15;
		block[i / 2] = (uint8_t)((block[i / 2] & ~(15 << shift)) | nibble << shift);
		last = nibble;
	}
	judged("runs test");
}

static unsigned calls;
static unsigned bad_blocks;

static int source(void *memory, size_t octets)
{
	assert_int_equal(octets, sizeof(block));
	if (calls++ < bad_blocks)
		memset(memory, 0, octets);
	else
		memcpy(memory, block, octets);
	return 0;
}

static int no_source(void *memory, size_t octets)
{
	(void)memory;
	(void)octets;
	return -ENOSYS;
}

static void repeated_twice(void **state)
{
	struct error err;

	(void)state;
	good_block();
	for (bad_blocks = 0; bad_blocks <= 2; bad_blocks++) {
		calls = 0;
		assert_int_equal(randomness_test(source, &err), 0);
		assert_int_equal(calls, bad_blocks + 1);
	}
	calls = 0;
	assert_int_equal(randomness_test(source, &err), -EIO);
	assert_int_equal(calls, 3);
	assert_non_null(strstr(err.text, "3 times in a row"));
	assert_non_null(strstr(err.text, "monobit"));
	assert_int_equal(randomness_test(no_source, &err), -ENOSYS);
	assert_int_equal(randomness_test(secret_random, &err), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_ones_pass),
		cmocka_unit_test(bad_ones_named),
		cmocka_unit_test(runs_counted),
		cmocka_unit_test(repeated_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
