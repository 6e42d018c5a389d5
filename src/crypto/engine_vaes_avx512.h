// Vectors of four blocks, and GHASH on them (engine_vaes_block.h).
#pragma once

#include "crypto/engine_vaes_block.h"

// Sums of products before reduction: low + high * 2^64.
struct hash {
	__m512i low, high;
};

// Keeps the compiler from loading a value a second time where it is used twice.
static ALWAYS_INLINE __m512i held(__m512i vector)
{
	asm("" : "+v"(vector));
	return vector;
}

static ALWAYS_INLINE __m512i load_vector(const uint8_t *at)
{
	return _mm512_loadu_si512(at);
}

static ALWAYS_INLINE __m512i load_blocks(
	const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d)
{
	__m512i blocks = _mm512_castsi128_si512(load_block(a));

	blocks = _mm512_inserti64x2(blocks, load_block(b), 1);
	blocks = _mm512_inserti64x2(blocks, load_block(c), 2);
	return _mm512_inserti64x2(blocks, load_block(d), 3);
}

// One block four times.
static ALWAYS_INLINE __m512i spread(const uint8_t *block)
{
	return _mm512_broadcast_i32x4(load_block(block));
}

// Loads of less than a vector. The CPU zeroes the rest; the intrinsics would do it once more.
static ALWAYS_INLINE __m512i load_4_octets(const void *at)
{
	__m512i vector;

	asm("vmovd %1, %x0" : "=v"(vector) : "m"(*(const uint32_t *)at));
	return vector;
}

static ALWAYS_INLINE __m512i load_8_octets(const void *at)
{
	__m512i vector;

	asm("vmovq %1, %x0" : "=v"(vector) : "m"(*(const __m64_u *)at));
	return vector;
}

static ALWAYS_INLINE __m512i load_12_octets(const void *at)
{
	return _mm512_maskz_loadu_epi32(0x0007, at);
}

static ALWAYS_INLINE __m512i load_16_octets(const void *at)
{
	__m512i vector;

	asm("vmovdqu32 %1, %x0" : "=v"(vector) : "m"(*(const __m128i_u *)at));
	return vector;
}

static ALWAYS_INLINE __m512i xor3(__m512i a, __m512i b, __m512i c)
{
	return _mm512_ternarylogic_epi64(a, b, c, 0x96);
}

static ALWAYS_INLINE __m512i swap_octets(__m512i blocks)
{
	const __m128i order = _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);

	return _mm512_shuffle_epi8(blocks, _mm512_broadcast_i32x4(order));
}

// Adds blocks (octets swapped) times their powers.
static ALWAYS_INLINE void hash_add(
	struct hash *hash, __m512i blocks, __m512i low_power, __m512i high_power)
{
	hash->low = xor3(hash->low, _mm512_clmulepi64_epi128(blocks, low_power, 0x00),
		_mm512_clmulepi64_epi128(blocks, high_power, 0x01));
	hash->high = xor3(hash->high, _mm512_clmulepi64_epi128(blocks, low_power, 0x10),
		_mm512_clmulepi64_epi128(blocks, high_power, 0x11));
}

// The same of blocks whose low halves are zero.
static ALWAYS_INLINE void hash_add_high(struct hash *hash, __m512i blocks, __m512i high_power)
{
	hash->low = _mm512_xor_si512(hash->low, _mm512_clmulepi64_epi128(blocks, high_power, 0x01));
	hash->high =
		_mm512_xor_si512(hash->high, _mm512_clmulepi64_epi128(blocks, high_power, 0x11));
}

// Folds the lowest 64 bits of each block into the others, which divides by x^64.
static ALWAYS_INLINE __m512i fold(__m512i blocks)
{
	const __m512i polynomial = _mm512_set1_epi64(GHASH_POLYNOMIAL);

	return _mm512_xor_si512(_mm512_shuffle_epi32(blocks, _MM_PERM_BADC),
		_mm512_clmulepi64_epi128(blocks, polynomial, 0x00));
}

static ALWAYS_INLINE __m512i hash_reduce(const struct hash *hash)
{
	return _mm512_xor_si512(hash->high, fold(hash->low));
}

// The four blocks of each vector added: a's sum, b's, c's, d's.
static ALWAYS_INLINE __m512i sum_blocks(__m512i a, __m512i b, __m512i c, __m512i d)
{
	__m512i ab = _mm512_xor_si512(
		_mm512_shuffle_i64x2(a, b, 0x44), _mm512_shuffle_i64x2(a, b, 0xee));
	__m512i cd = _mm512_xor_si512(
		_mm512_shuffle_i64x2(c, d, 0x44), _mm512_shuffle_i64x2(c, d, 0xee));

	return _mm512_xor_si512(
		_mm512_shuffle_i64x2(ab, cd, 0x88), _mm512_shuffle_i64x2(ab, cd, 0xdd));
}

// The first blocks of the vectors, the second ones, and so on.
static ALWAYS_INLINE void transpose(__m512i *vector)
{
	__m512i ab_low = _mm512_shuffle_i64x2(vector[0], vector[1], 0x44);
	__m512i ab_high = _mm512_shuffle_i64x2(vector[0], vector[1], 0xee);
	__m512i cd_low = _mm512_shuffle_i64x2(vector[2], vector[3], 0x44);
	__m512i cd_high = _mm512_shuffle_i64x2(vector[2], vector[3], 0xee);

	vector[0] = _mm512_shuffle_i64x2(ab_low, cd_low, 0x88);
	vector[1] = _mm512_shuffle_i64x2(ab_low, cd_low, 0xdd);
	vector[2] = _mm512_shuffle_i64x2(ab_high, cd_high, 0x88);
	vector[3] = _mm512_shuffle_i64x2(ab_high, cd_high, 0xdd);
}

// The first block of each vector.
static ALWAYS_INLINE __m512i first_blocks(__m512i a, __m512i b, __m512i c, __m512i d)
{
	return _mm512_shuffle_i64x2(
		_mm512_shuffle_i64x2(a, b, 0x00), _mm512_shuffle_i64x2(c, d, 0x00), 0x88);
}

// No key, keystream or plaintext stays in a register.
static ALWAYS_INLINE void forget_vectors(void)
{
	asm("vzeroall\n\t"
	    "vpxord %%zmm16, %%zmm16, %%zmm16\n\t"
	    "vpxord %%zmm17, %%zmm17, %%zmm17\n\t"
	    "vpxord %%zmm18, %%zmm18, %%zmm18\n\t"
	    "vpxord %%zmm19, %%zmm19, %%zmm19\n\t"
	    "vpxord %%zmm20, %%zmm20, %%zmm20\n\t"
	    "vpxord %%zmm21, %%zmm21, %%zmm21\n\t"
	    "vpxord %%zmm22, %%zmm22, %%zmm22\n\t"
	    "vpxord %%zmm23, %%zmm23, %%zmm23\n\t"
	    "vpxord %%zmm24, %%zmm24, %%zmm24\n\t"
	    "vpxord %%zmm25, %%zmm25, %%zmm25\n\t"
	    "vpxord %%zmm26, %%zmm26, %%zmm26\n\t"
	    "vpxord %%zmm27, %%zmm27, %%zmm27\n\t"
	    "vpxord %%zmm28, %%zmm28, %%zmm28\n\t"
	    "vpxord %%zmm29, %%zmm29, %%zmm29\n\t"
	    "vpxord %%zmm30, %%zmm30, %%zmm30\n\t"
	    "vpxord %%zmm31, %%zmm31, %%zmm31"
		:
		:
		: "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
		"xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "xmm16", "xmm17", "xmm18",
		"xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27",
		"xmm28", "xmm29", "xmm30", "xmm31");
}
