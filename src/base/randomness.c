// Ones, patterns of four bits, runs of equal bits.
#include "base/randomness.h"

#include "base/secret.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define BITS (RANDOMNESS_BLOCK_OCTETS * 8)
#define TRIES 3

#define ONES_MIN 9726
#define ONES_MAX 10274
#define POKER_BLOCKS (BITS / 4)
// 2.16 < 16 / 5000 * sum of squares - 5000 < 46.17, in whole numbers.
#define SQUARES_MIN 1563176
#define SQUARES_MAX 1576928
#define RUN_LENGTHS 6
#define RUN_TOO_LONG 26

static const struct {
	unsigned min;
	unsigned max;
} runs_allowed[RUN_LENGTHS] = {
	{2315, 2685}, {1114, 1386}, {527, 723}, {240, 384}, {103, 209}, {103, 209}, // six and more
};

static bool bit(const uint8_t *block, unsigned i)
{
	return (block[i / 8] >> (7 - i % 8)) & 1;
}

static const char *judge_ones(const uint8_t *block)
{
	unsigned ones = 0;

	for (unsigned i = 0; i < RANDOMNESS_BLOCK_OCTETS; i++)
		ones += (unsigned)__builtin_popcount(block[i]);
	if (ones < ONES_MIN || ones > ONES_MAX)
		return "the number of ones (monobit test)";
	return NULL;
}

static const char *judge_patterns(const uint8_t *block)
{
	unsigned count[16] = {0};
	uint64_t squares = 0;

	for (unsigned i = 0; i < RANDOMNESS_BLOCK_OCTETS; i++) {
		count[block[i] >> 4]++;
		count[block[i] & 15]++;
	}
	for (unsigned i = 0; i < 16; i++)
		squares += (uint64_t)count[i] * count[i];
	if (squares < SQUARES_MIN || squares > SQUARES_MAX)
		return "how often patterns of four bits occur (poker test)";
	return NULL;
}

static const char *judge_runs(const uint8_t *block)
{
	unsigned count[2][RUN_LENGTHS] = {0};
	unsigned length = 0;

	for (unsigned i = 0; i < BITS; i++) {
		length++;
		if (length >= RUN_TOO_LONG)
			return "a run of 26 equal bits (long runs test)";
		if (i + 1 < BITS && bit(block, i + 1) == bit(block, i))
			continue;
		count[bit(block, i)][(length < RUN_LENGTHS ? length : RUN_LENGTHS) - 1]++;
		length = 0;
	}
	for (unsigned i = 0; i < RUN_LENGTHS; i++)
		for (unsigned value = 0; value < 2; value++)
			if (count[value][i] < runs_allowed[i].min ||
				count[value][i] > runs_allowed[i].max)
				return "the number of runs of a length (runs test)";
	return NULL;
}

const char *randomness_judge(const uint8_t block[RANDOMNESS_BLOCK_OCTETS])
{
	const char *wrong = judge_ones(block);

	if (!wrong)
		wrong = judge_patterns(block);
	return wrong ? wrong : judge_runs(block);
}

int randomness_test(int (*fill)(void *memory, size_t octets), struct error *err)
{
	uint8_t block[RANDOMNESS_BLOCK_OCTETS];
	const char *wrong = NULL;
	int ret = 0;

	for (unsigned i = 0; i < TRIES; i++) {
		ret = fill(block, sizeof(block));
		wrong = ret == 0 ? randomness_judge(block) : NULL;
		if (ret != 0 || !wrong)
			break;
	}
	secret_wipe(block, sizeof(block));
	if (ret != 0)
		return error_set(
			err, -ret, "no random numbers from the kernel: %s", strerror(-ret));
	if (wrong)
		return error_set(err, EIO,
			"the kernel's random numbers (getrandom) fail a statistical test %d times "
			"in a row, the last time %s: no key from here can be trusted",
			TRIES, wrong);
	return 0;
}
