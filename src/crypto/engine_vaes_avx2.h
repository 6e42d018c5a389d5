// Vectors of two blocks, and GHASH on them (engine_vaes_block.h). AVX2 has no masks: the last block
// of a packet comes from the 16 octets that end where its data end.
#pragma once

#include "crypto/engine_vaes.h"
#include "crypto/engine_vaes_block.h"

#include <string.h>

// Sums of products before reduction: low + high * 2^64.
struct hash {
	__m256i low, high;
};

static ALWAYS_INLINE __m256i load_vector(const uint8_t *at)
{
	return _mm256_loadu_si256((const __m256i_u *)at);
}

static ALWAYS_INLINE void store_vector(uint8_t *at, __m256i vector)
{
	_mm256_storeu_si256((__m256i_u *)at, vector);
}

static ALWAYS_INLINE __m256i two_blocks(__m128i first, __m128i second)
{
	return _mm256_inserti128_si256(_mm256_castsi128_si256(first), second, 1);
}

static ALWAYS_INLINE __m128i first_block(__m256i blocks)
{
	return _mm256_castsi256_si128(blocks);
}

static ALWAYS_INLINE __m128i second_block(__m256i blocks)
{
	return _mm256_extracti128_si256(blocks, 1);
}

// One block twice.
static ALWAYS_INLINE __m256i spread(const uint8_t *block)
{
	return _mm256_broadcastsi128_si256(load_block(block));
}

static ALWAYS_INLINE __m256i swap_octets(__m256i blocks)
{
	const __m128i order = _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);

	return _mm256_shuffle_epi8(blocks, _mm256_broadcastsi128_si256(order));
}

static ALWAYS_INLINE __m128i swap_block(__m128i block)
{
	return first_block(swap_octets(_mm256_castsi128_si256(block)));
}

// Adds blocks (octets swapped) times their powers: low halves by the low one, high halves by the
// high one.
static ALWAYS_INLINE void hash_add(
	struct hash *hash, __m256i blocks, __m256i low_power, __m256i high_power)
{
	__m256i low = _mm256_clmulepi64_epi128(blocks, low_power, 0x00);
	__m256i high = _mm256_clmulepi64_epi128(blocks, low_power, 0x10);

	low = _mm256_xor_si256(low, _mm256_clmulepi64_epi128(blocks, high_power, 0x01));
	high = _mm256_xor_si256(high, _mm256_clmulepi64_epi128(blocks, high_power, 0x11));
	hash->low = _mm256_xor_si256(hash->low, low);
	hash->high = _mm256_xor_si256(hash->high, high);
}

// The same of blocks whose high halves are zero.
static ALWAYS_INLINE void hash_add_low(struct hash *hash, __m256i blocks, __m256i low_power)
{
	hash->low = _mm256_xor_si256(hash->low, _mm256_clmulepi64_epi128(blocks, low_power, 0x00));
	hash->high =
		_mm256_xor_si256(hash->high, _mm256_clmulepi64_epi128(blocks, low_power, 0x10));
}

static ALWAYS_INLINE void hash_add_block(
	struct hash *hash, __m128i block, __m128i low_power, __m128i high_power)
{
	hash_add(hash, _mm256_zextsi128_si256(block), _mm256_castsi128_si256(low_power),
		_mm256_castsi128_si256(high_power));
}

// Two blocks with the powers of a key.
static ALWAYS_INLINE void hash_unit(struct hash *hash, __m256i blocks, const uint8_t *powers)
{
	hash_add(hash, blocks, load_vector(powers), load_vector(powers + HIGH_POWER));
}

static ALWAYS_INLINE void hash_block(struct hash *hash, __m128i block, const uint8_t *power)
{
	hash_add_block(hash, block, load_block(power), load_block(power + HIGH_POWER));
}

// Before anything else: with the part of the length block that is the associated data's.
static ALWAYS_INLINE struct hash hash_begin(const struct aead_op *op)
{
	__m128i aad_length = load_block(key_of(op)->aad_length[op->aad_octets / 4]);

	return (struct hash){.high = _mm256_zextsi128_si256(aad_length)};
}

// The lowest 64 bits of each block are folded into the others.
static ALWAYS_INLINE __m256i hash_reduce(const struct hash *hash)
{
	const __m256i polynomial = _mm256_set1_epi64x(GHASH_POLYNOMIAL);
	__m256i folded = _mm256_xor_si256(_mm256_shuffle_epi32(hash->low, 0x4e),
		_mm256_clmulepi64_epi128(hash->low, polynomial, 0x00));

	return _mm256_xor_si256(hash->high, folded);
}

// Both blocks added.
static ALWAYS_INLINE __m128i hash_reduce_sum(const struct hash *hash)
{
	__m256i reduced = hash_reduce(hash);

	return _mm_xor_si128(first_block(reduced), second_block(reduced));
}

// Orders of octets: loaded from further on they move a block's octets down, and zeros in.
#define NOTHING_8 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80
static const uint8_t moved[3 * VAES_BLOCK] = {NOTHING_8, NOTHING_8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
	10, 11, 12, 13, 14, 15, NOTHING_8, NOTHING_8};
static const uint8_t swapped[2 * VAES_BLOCK] = {
	NOTHING_8, NOTHING_8, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0};

// The 16 octets that end where the first `octets` (1..16) of the second block do.
static ALWAYS_INLINE __m128i end_of(__m128i first, __m128i second, uint32_t octets)
{
	return _mm_or_si128(_mm_shuffle_epi8(first, load_block(moved + VAES_BLOCK + octets)),
		_mm_shuffle_epi8(second, load_block(moved + octets)));
}

// Of such an end: the block that has these octets and zeros behind, swapped.
static ALWAYS_INLINE __m128i swap_end(__m128i end, uint32_t octets)
{
	return _mm_shuffle_epi8(end, load_block(swapped + octets));
}

// A block with so many octets at its start, zeros behind: there are zeros before them then.
static ALWAYS_INLINE __m128i move_to_end(__m128i block, uint32_t octets)
{
	return _mm_shuffle_epi8(block, load_block(moved + octets));
}

// And back.
static ALWAYS_INLINE __m128i move_to_start(__m128i end, uint32_t octets)
{
	return _mm_shuffle_epi8(end, load_block(moved + 2 * VAES_BLOCK - octets));
}

// Fewer than 16 octets, zeros behind.
static ALWAYS_INLINE __m128i load_few(const uint8_t *at, uint32_t octets)
{
	uint64_t part[2] = {0};
	uint32_t word[2];

	if (octets >= 8) {
		memcpy(&part[0], at, 8);
		memcpy(&part[1], at + octets - 8, 8);
		part[1] = octets == 8 ? 0 : part[1] >> 8 * (16 - octets);
	} else if (octets >= 4) {
		memcpy(&word[0], at, 4);
		memcpy(&word[1], at + octets - 4, 4);
		part[0] = word[0] | (uint64_t)word[1] << 8 * (octets - 4);
	} else if (octets > 0) {
		part[0] = at[0] | (uint64_t)at[octets / 2] << 8 * (octets / 2) |
			(uint64_t)at[octets - 1] << 8 * (octets - 1);
	}
	return _mm_set_epi64x((int64_t)part[1], (int64_t)part[0]);
}

static ALWAYS_INLINE void store_few(uint8_t *at, __m128i block, uint32_t octets)
{
	uint64_t part = (uint64_t)_mm_cvtsi128_si64(block);

	if (octets >= 8) {
		memcpy(at, &part, 8);
		part = (uint64_t)_mm_extract_epi64(block, 1);
		at += 8;
	}
	for (octets %= 8; octets > 0; octets--, part >>= 8)
		*at++ = (uint8_t)part;
}

// No key, keystream or plaintext stays in a register: in a vector, or in what load_few and
// store_few may have used.
static ALWAYS_INLINE void forget_registers(void)
{
	_mm256_zeroall();
	asm("xor %%ecx, %%ecx\n\txor %%edx, %%edx\n\t"
	    "xor %%esi, %%esi\n\txor %%edi, %%edi\n\t"
	    "xor %%r8d, %%r8d\n\txor %%r9d, %%r9d\n\t"
	    "xor %%r10d, %%r10d\n\txor %%r11d, %%r11d"
		:
		:
		: "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "cc");
}
