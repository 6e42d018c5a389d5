// A block, and what GHASH (NIST SP 800-38D) is on vectors of any width.
//
// Blocks are hashed with their octets swapped, so that their first bit, the coefficient of x^0, is
// the highest of an integer. The carry-less product of two such integers comes out one bit too low,
// which the powers of the key make up for; and each folding of 64 bits divides by x^64 in the
// integer's sense.
#pragma once

#include "base/compiler.h"

#include <immintrin.h>
#include <stdint.h>

// x^128 = x^7 + x^2 + x + 1, as it is needed to fold 64 bits.
#define GHASH_POLYNOMIAL ((long long)0xc200000000000000)

static ALWAYS_INLINE __m128i load_block(const uint8_t *at)
{
	return _mm_loadu_si128((const __m128i_u *)at);
}

static ALWAYS_INLINE void store_block(uint8_t *at, __m128i block)
{
	_mm_storeu_si128((__m128i_u *)at, block);
}
