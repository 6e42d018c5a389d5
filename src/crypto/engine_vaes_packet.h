// One packet as the VAES engine sees it: where its units, powers, counters and masks are; and what
// is done once a packet: tags.
//
// A load that overlaps a store still in flight waits for it, masked or not, even where the mask
// leaves nothing of the overlap. So whatever is loaded around the data (nonce, associated data, a
// tag to compare) is loaded before the first store of the packet.
#pragma once

#include "base/secret.h"
#include "crypto/engine_vaes.h"
#include "crypto/engine_vaes_avx512.h"

#include <string.h>

// Packets whose tags are computed together: one reduction for all.
#define VAES_TOGETHER 4

#define FIRST_BLOCK ((__mmask64)0xffff)

static ALWAYS_INLINE uint32_t units_of(const struct aead_op *op)
{
	return (op->octets + VAES_BLOCK + VAES_UNIT - 1) / VAES_UNIT;
}

static ALWAYS_INLINE bool same_length(const struct aead_op *a, const struct aead_op *b)
{
	return a->octets == b->octets && a->aad_octets == b->aad_octets;
}

// Of four packets.
static ALWAYS_INLINE bool one_length(const struct aead_op *ops)
{
	return same_length(ops, &ops[1]) && same_length(ops, &ops[2]) && same_length(ops, &ops[3]);
}

static ALWAYS_INLINE bool one_key(const struct aead_op *ops)
{
	return ops->key == ops[1].key && ops->key == ops[2].key && ops->key == ops[3].key;
}

// Those octets of a unit that are data of the packet.
static ALWAYS_INLINE __mmask64 data_mask(const struct aead_op *op, uint32_t unit)
{
	__mmask64 mask = _bzhi_u64(~0ULL, op->octets + VAES_BLOCK - unit * VAES_UNIT);

	return unit == 0 ? mask & ~FIRST_BLOCK : mask;
}

static ALWAYS_INLINE uint8_t *unit_data(const struct aead_op *op, uint32_t unit)
{
	return op->data + (ptrdiff_t)unit * VAES_UNIT - VAES_BLOCK;
}

// In each block, before a counter of zero.
static ALWAYS_INLINE __m512i load_nonce(const struct aead_op *op)
{
	struct nonce {
		uint8_t octets[AEAD_NONCE_OCTETS];
	};
	const __mmask16 mask = 0x7777;
	__m512i nonce;

	// The intrinsic takes a block that was loaded, which would be four octets too many.
	asm("vbroadcasti32x4 %1, %0%{%2%}%{z%}"
		: "=v"(nonce)
		: "m"(*(const struct nonce *)op->nonce), "Yk"(mask));
	return nonce;
}

// In the first block, zeros behind.
static ALWAYS_INLINE __m512i load_aad(const struct aead_op *op)
{
	if (likely(op->aad_octets == 8))
		return load_8_octets(op->aad);
	if (op->aad_octets == 0)
		return _mm512_setzero_si512();
	return load_12_octets(op->aad);
}

// Those of four packets, which have as much, and some.
static ALWAYS_INLINE __m512i load_aads(struct aead_op *const *op)
{
	if (likely(op[0]->aad_octets == 8))
		return first_blocks(load_8_octets(op[0]->aad), load_8_octets(op[1]->aad),
			load_8_octets(op[2]->aad), load_8_octets(op[3]->aad));
	return first_blocks(load_12_octets(op[0]->aad), load_12_octets(op[1]->aad),
		load_12_octets(op[2]->aad), load_12_octets(op[3]->aad));
}

static ALWAYS_INLINE void hash_unit(struct hash *hash, __m512i blocks, const uint8_t *powers)
{
	hash_add(hash, swap_octets(blocks), held(load_vector(powers)),
		held(load_vector(powers + HIGH_POWER)));
}

// What length blocks add. octets: of data; the rest is from the keys.
static ALWAYS_INLINE struct hash hash_octets(__m512i octets, __m512i weight, __m512i aad_length)
{
	return (struct hash){
		.low = _mm512_clmulepi64_epi128(octets, weight, 0x00),
		.high = _mm512_xor_si512(
			aad_length, _mm512_clmulepi64_epi128(octets, weight, 0x10)),
	};
}

static ALWAYS_INLINE struct hash hash_lengths(const struct aead_op *op)
{
	const struct vaes_key *key = key_of(op);

	return hash_octets(load_4_octets(&op->octets), held(spread(key->data_length)),
		load_16_octets(key->aad_length[op->aad_octets / 4]));
}

// Of four packets of one length, a block for each.
static ALWAYS_INLINE struct hash hash_four_lengths(
	const struct aead_op *op, __m512i weight, __m512i aad_length)
{
	return hash_octets(_mm512_maskz_set1_epi32(0x1111, (int)op->octets), weight, aad_length);
}

// The state behind the first round, but for what the counter adds.
static ALWAYS_INLINE __m512i first_round(const struct aead_op *op)
{
	const struct vaes_key *key = key_of(op);
	__m512i whitened = _mm512_xor_si512(load_nonce(op), spread(key->round_key[0]));

	return _mm512_aesenc_epi128(whitened, spread(key->round_key[1]));
}

static ALWAYS_INLINE __m512i encipher_with(__m512i state, __m512i round_key, bool last)
{
	return last ? _mm512_aesenclast_epi128(state, round_key)
		    : _mm512_aesenc_epi128(state, round_key);
}

static ALWAYS_INLINE __m512i encipher_round(
	__m512i state, const struct vaes_key *key, unsigned round, unsigned rounds)
{
	return encipher_with(state, spread(key->round_key[round]), round == rounds);
}

// A block for each of four packets.
static ALWAYS_INLINE struct hash sum_hashes(const struct hash *hash)
{
	return (struct hash){
		.low = sum_blocks(hash[0].low, hash[1].low, hash[2].low, hash[3].low),
		.high = sum_blocks(hash[0].high, hash[1].high, hash[2].high, hash[3].high),
	};
}

// Tags of up to four packets. The first blocks of keystream are E(K, J0).
static ALWAYS_INLINE __m512i tags_of(const struct hash *sums, __m512i first_keystream)
{
	return _mm512_xor_si512(swap_octets(hash_reduce(sums)), first_keystream);
}

static ALWAYS_INLINE void store_tags(struct aead_op *const *op, __m512i tags)
{
	store_block(op[0]->tag, _mm512_castsi512_si128(tags));
	store_block(op[1]->tag, _mm512_extracti64x2_epi64(tags, 1));
	store_block(op[2]->tag, _mm512_extracti64x2_epi64(tags, 2));
	store_block(op[3]->tag, _mm512_extracti64x2_epi64(tags, 3));
}

static ALWAYS_INLINE __m512i load_tags(struct aead_op *const *op)
{
	return load_blocks(op[0]->tag, op[1]->tag, op[2]->tag, op[3]->tag);
}

// All octets are compared, in one instruction for the packets together. True if one is wrong.
static ALWAYS_INLINE bool tell_forged(struct aead_op *const *op, __m512i computed, __m512i received)
{
	// Compared as the octet that it is: gcc 12 may put it by as one, and read it as an int.
	__mmask8 wrong = _mm512_cmpneq_epi64_mask(computed, received);

	if (likely(wrong == 0))
		return false;
	for (unsigned i = 0; i < VAES_TOGETHER; i++)
		op[i]->forged = (wrong >> 2 * i & 3) != 0;
	return true;
}

static ALWAYS_INLINE void wipe_forged(struct aead_op *op)
{
	if (op->forged)
		secret_wipe(op->data, op->octets);
}

// What depends on the outcome is only that a packet that failed is wiped, and *forged set.
static ALWAYS_INLINE void judge(
	struct aead_op *const *op, __m512i computed, __m512i received, bool *forged)
{
	if (likely(!tell_forged(op, computed, received)))
		return;
	*forged = true;
	for (unsigned i = 0; i < VAES_TOGETHER; i++)
		wipe_forged(op[i]);
}
