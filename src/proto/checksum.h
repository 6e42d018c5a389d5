// The Internet checksum (RFC 1071), and its update in place (RFC 1624). Sums are of
// 16-bit words as they lie in memory, so no byte order is converted.
#pragma once

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static ALWAYS_INLINE uint16_t checksum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

// octets: even, at most 64 KiB.
static ALWAYS_INLINE uint32_t checksum_sum(const void *memory, uint32_t octets)
{
	const uint8_t *p = memory;
	uint32_t sum = 0;

	for (uint32_t i = 0; i < octets; i += 2) {
		uint16_t word;

		memcpy(&word, p + i, sizeof(word));
		sum += word;
	}
	return sum;
}

// octets: any, at most 64 KiB; an odd one is padded with zero.
static ALWAYS_INLINE uint32_t checksum_sum_any(const uint8_t *octet, uint32_t octets)
{
	uint32_t sum = checksum_sum(octet, octets & ~1u);
	uint8_t last[2] = {0, 0};

	if (octets % 2 == 0)
		return sum;
	last[0] = octet[octets - 1];
	return sum + checksum_sum(last, sizeof(last));
}

// The 20 octets that nearly every IPv4 header has, its checksum among them. In words of 64 bits,
// carries added at the lower end, whose sums are the same (RFC 1071 section 2, "parallel
// summation"). All ones, however wide, are zero modulo 0xffff, which takes a multiplication.
static ALWAYS_INLINE bool checksum_right20(const uint8_t *header)
{
	uint64_t word[2];
	uint32_t last;
	uint64_t sum;

	memcpy(word, header, sizeof(word));
	memcpy(&last, header + 16, sizeof(last));
	sum = word[0] + word[1];
	sum += sum < word[1];
	sum += last;
	sum += sum < last;
	return sum % 0xffff == 0;
}

// A header that includes its checksum sums to all ones.
static ALWAYS_INLINE bool checksum_ipv4_right(const uint8_t *header, uint32_t octets)
{
	if (likely(octets == 20))
		return checksum_right20(header);
	return checksum_fold(checksum_sum(header, octets)) == 0xffff;
}

// Changes the 16-bit word at `word` and the checksum at `checksum` with it.
static ALWAYS_INLINE void checksum_replace(uint8_t *checksum, uint8_t *word, uint16_t value)
{
	uint16_t sum;
	uint16_t before;

	memcpy(&sum, checksum, sizeof(sum));
	memcpy(&before, word, sizeof(before));
	sum = (uint16_t)~checksum_fold(
		(uint32_t)(uint16_t)~sum + (uint32_t)(uint16_t)~before + value);
	memcpy(checksum, &sum, sizeof(sum));
	memcpy(word, &value, sizeof(value));
}
