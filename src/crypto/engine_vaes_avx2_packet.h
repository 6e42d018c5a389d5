// One packet as the AVX2 variant of the VAES engine sees it: what is loaded around its data, and
// how its last block is reached.
//
// A load that overlaps a store still in flight waits for it. So whatever is loaded around the data
// (nonce, associated data, a tag to compare, the packet's last octets) is loaded before the first
// store of the packet; only the last four octets of long associated data, which few have, come
// late.
#pragma once

#include "base/secret.h"
#include "crypto/engine_vaes_avx2.h"

// The second half from other octets. What comes from memory like this does not go through a general
// register, which costs several times as much.
static ALWAYS_INLINE __m128i load_second_half(__m128i block, const uint8_t *at)
{
	return _mm_castps_si128(_mm_loadh_pi(_mm_castsi128_ps(block), (const __m64 *)at));
}

// Its twelve octets in sixteen, for order_nonces.
static ALWAYS_INLINE __m128i load_nonce(const struct aead_op *op)
{
	return load_second_half(_mm_loadl_epi64((const __m128i_u *)op->nonce), op->nonce + 4);
}

// Before a counter of zero.
static ALWAYS_INLINE __m256i order_nonces(__m256i loaded)
{
	const __m128i order = _mm_set_epi32(-1, 0x0f0e0d0c, 0x07060504, 0x03020100);

	return _mm256_shuffle_epi8(loaded, _mm256_broadcastsi128_si256(order));
}

// What is hashed of a packet apart from its data, for order_ends.
static ALWAYS_INLINE __m128i load_ends(const struct aead_op *op)
{
	__m128i octets;

	asm("vmovd %1, %0" : "=x"(octets) : "m"(op->octets));
	return op->aad_octets == 0 ? octets : load_second_half(octets, op->aad);
}

// In each block: the high half is the first eight octets of associated data, the low one says how
// many octets of data there are. Each is multiplied by a power of its own (hash_add).
static ALWAYS_INLINE __m256i order_ends(__m256i loaded)
{
	const __m128i order = _mm_set_epi64x(0x08090a0b0c0d0e0f, 0x0706050403020100);

	return _mm256_shuffle_epi8(loaded, _mm256_broadcastsi128_si256(order));
}

// The last four octets of twelve.
static ALWAYS_INLINE __m128i load_late_aad(const struct aead_op *op)
{
	uint32_t aad;

	memcpy(&aad, op->aad + 8, sizeof(aad));
	return _mm_set_epi64x(0, (int64_t)((uint64_t)__builtin_bswap32(aad) << 32));
}

static ALWAYS_INLINE bool has_late_aad(const struct aead_op *op)
{
	return unlikely(op->aad_octets > 8);
}

// Of the last block, 1 to 16, where there is one.
static ALWAYS_INLINE uint32_t last_octets(const struct aead_op *op)
{
	return (op->octets - 1) % VAES_BLOCK + 1;
}

// Where the last 16 octets of data are, if there are so many.
static ALWAYS_INLINE uint8_t *end_at(const struct aead_op *op)
{
	return op->data + op->octets - VAES_BLOCK;
}

// In each block.
static ALWAYS_INLINE __m256i round_key(const struct vaes_key *key, unsigned round)
{
	return spread(key->round_key[round]);
}

static ALWAYS_INLINE __m256i encipher_with(__m256i state, __m256i key, bool last)
{
	return last ? _mm256_aesenclast_epi128(state, key) : _mm256_aesenc_epi128(state, key);
}

// The state behind the first round, but for what the counter adds. nonces: as they were loaded.
static ALWAYS_INLINE __m256i first_round(const struct vaes_key *key, __m256i nonces)
{
	__m256i whitened = _mm256_xor_si256(order_nonces(nonces), round_key(key, 0));

	return _mm256_aesenc_epi128(whitened, round_key(key, 1));
}

// differing: the octets of the tags computed and received, all compared in one instruction.
static ALWAYS_INLINE void judge(struct aead_op *op, __m128i differing, bool *forged)
{
	if (likely(_mm_testz_si128(differing, differing)))
		return;
	op->forged = *forged = true;
	secret_wipe(op->data, op->octets);
}
