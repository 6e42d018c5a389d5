// What every test program here starts with: cmocka, random numbers, and sums computed the slow way.
#pragma once

#include "../random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

// The Internet checksum as RFC 1071 words it: big-endian words, one carry at a time, the word at
// `skip` taken as zero.
static inline uint16_t slow_checksum(const uint8_t *p, size_t octets, size_t skip)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < octets; i += 2) {
		sum += i == skip ? 0u : (uint32_t)(p[i] << 8 | p[i + 1]);
		if (sum > 0xffff)
			sum -= 0xffff;
	}
	return (uint16_t)(0xffff - sum);
}

static inline uint16_t read_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline void write_be(uint8_t *p, uint64_t value, unsigned octets)
{
	while (octets-- > 0) {
		p[octets] = (uint8_t)value;
		value >>= 8;
	}
}

static inline void write_le(uint8_t *p, uint64_t value, unsigned octets)
{
	for (unsigned i = 0; i < octets; i++, value >>= 8)
		p[i] = (uint8_t)value;
}

// VPED_TEST_FULL=1: the long form of the tests that have one.
static inline bool full_run(void)
{
	const char *full = getenv("VPED_TEST_FULL");

	return full != NULL && strcmp(full, "1") == 0;
}
