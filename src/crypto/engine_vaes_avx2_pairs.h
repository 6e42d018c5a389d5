// Small packets with one key and as many blocks, two by two: each vector has a block of the one and
// the same block of the other, so that their tags and last blocks are computed together.
#pragma once

#include "crypto/engine_vaes_avx2_packet.h"

// Fewer may be less than a block of data.
#define PAIR_BLOCKS_MIN 2
#define PAIR_BLOCKS_MAX 7

struct pair {
	struct aead_op *op; // two
	__m256i ends;
	__m256i column[PAIR_BLOCKS_MAX]; // data as they are hashed, octets swapped
	__m256i keystream;		 // E(K, J0)
};

static ALWAYS_INLINE __m256i load_two(const uint8_t *a, const uint8_t *b)
{
	return two_blocks(load_block(a), load_block(b));
}

static ALWAYS_INLINE void store_two(uint8_t *a, uint8_t *b, __m256i blocks)
{
	store_block(a, first_block(blocks));
	store_block(b, second_block(blocks));
}

static ALWAYS_INLINE __m256i pair_load(const struct pair *pair, unsigned column)
{
	const size_t at = (size_t)column * VAES_BLOCK;

	return load_two(pair->op[0].data + at, pair->op[1].data + at);
}

static ALWAYS_INLINE __m256i pair_swap_end(const struct pair *pair, __m256i end)
{
	return _mm256_shuffle_epi8(end,
		load_two(swapped + last_octets(&pair->op[0]), swapped + last_octets(&pair->op[1])));
}

// For the last 16 octets, from the last two columns.
static ALWAYS_INLINE __m256i pair_end_keystream(const struct pair *pair, const __m256i *last_two)
{
	const uint8_t *a = moved + last_octets(&pair->op[0]);
	const uint8_t *b = moved + last_octets(&pair->op[1]);

	return _mm256_or_si256(
		_mm256_shuffle_epi8(last_two[0], load_two(a + VAES_BLOCK, b + VAES_BLOCK)),
		_mm256_shuffle_epi8(last_two[1], load_two(a, b)));
}

// The first step is what is hashed apart from data, then there is one for each column.
static ALWAYS_INLINE void pair_hash_step(
	const struct pair *pair, unsigned blocks, unsigned step, struct hash *hash)
{
	const struct aead_op *op = pair->op;
	const struct vaes_key *key = key_of(op);
	const uint8_t *power = powers_from(key, blocks + 2) + (size_t)step * VAES_BLOCK;

	if (step > 0) {
		hash_add(hash, pair->column[step - 1], spread(power), spread(power + HIGH_POWER));
		return;
	}
	hash->low = _mm256_setzero_si256();
	hash->high = spread(key->aad_length[op->aad_octets / 4]);
	hash_add(hash, pair->ends, spread(key->data_length), spread(power + HIGH_POWER));
	if (has_late_aad(op))
		hash_add_low(hash, two_blocks(load_late_aad(&op[0]), load_late_aad(&op[1])),
			spread(power));
}

static ALWAYS_INLINE __m256i pair_tags(const struct pair *pair, const struct hash *hash)
{
	return _mm256_xor_si256(swap_octets(hash_reduce(hash)), pair->keystream);
}

static ALWAYS_INLINE void pair_seal(const struct pair *pair, const struct hash *hash)
{
	store_two(pair->op[0].tag, pair->op[1].tag, pair_tags(pair, hash));
}

static ALWAYS_INLINE void pair_open(
	const struct pair *pair, const struct hash *hash, __m256i received, bool *forged)
{
	__m256i differing = _mm256_xor_si256(pair_tags(pair, hash), received);

	if (likely(_mm256_testz_si256(differing, differing)))
		return;
	judge(&pair->op[0], first_block(differing), forged);
	judge(&pair->op[1], second_block(differing), forged);
}

static ALWAYS_INLINE void pair_receive(struct pair *pair, unsigned blocks, __m256i end)
{
#pragma GCC unroll 8
	for (unsigned i = 0; i < blocks - 1; i++)
		pair->column[i] = swap_octets(pair_load(pair, i));
	pair->column[blocks - 1] = pair_swap_end(pair, end);
}

static ALWAYS_INLINE void pair_put(
	struct pair *pair, unsigned blocks, const __m256i *keystream, __m256i end, bool seal)
{
	struct aead_op *op = pair->op;

#pragma GCC unroll 8
	for (unsigned i = 0; i < blocks - 1; i++) {
		const size_t at = (size_t)i * VAES_BLOCK;
		__m256i out = _mm256_xor_si256(keystream[i], pair_load(pair, i));

		store_two(op[0].data + at, op[1].data + at, out);
		if (seal)
			pair->column[i] = swap_octets(out);
	}
	end = _mm256_xor_si256(end, pair_end_keystream(pair, &keystream[blocks - 2]));
	store_two(end_at(&op[0]), end_at(&op[1]), end);
	if (seal)
		pair->column[blocks - 1] = pair_swap_end(pair, end);
}

// Enciphers two packets. Opening hashes them meanwhile; sealing the two before, if there are any,
// which are in `pair` and get their tags then.
static ALWAYS_INLINE void pair_run(struct pair *pair, struct aead_op *op, unsigned blocks,
	bool before, unsigned rounds, bool seal, bool *forged)
{
	const struct vaes_key *key = key_of(op);
	const __m256i end = load_two(end_at(&op[0]), end_at(&op[1]));
	const __m256i ends = order_ends(two_blocks(load_ends(&op[0]), load_ends(&op[1])));
	const __m256i first = first_round(key, two_blocks(load_nonce(&op[0]), load_nonce(&op[1])));
	__m256i state[PAIR_BLOCKS_MAX + 1], received = end;
	struct hash hash;

	if (!seal) {
		received = load_two(op[0].tag, op[1].tag);
		pair->op = op;
		pair->ends = ends;
		pair_receive(pair, blocks, end);
	}
#pragma GCC unroll 8
	for (unsigned i = 0; i <= blocks; i++)
		state[i] = _mm256_xor_si256(first, spread(key->counters[i]));
#pragma GCC unroll 16
	for (unsigned round = 2; round <= rounds; round++) {
		const __m256i with = round_key(key, round);

#pragma GCC unroll 8
		for (unsigned i = 0; i <= blocks; i++)
			state[i] = encipher_with(state[i], with, round == rounds);
		if ((!seal || before) && round - 2 <= blocks)
			pair_hash_step(pair, blocks, round - 2, &hash);
	}
	if (before)
		pair_seal(pair, &hash);
	pair->op = op;
	pair->ends = ends;
	pair->keystream = state[0];
	pair_put(pair, blocks, &state[1], end, seal);
	if (!seal)
		pair_open(pair, &hash, received, forged);
}

// Beside a first one.
static ALWAYS_INLINE bool pair_fits_one(
	const struct aead_op *op, const struct aead_op *first, uint32_t blocks)
{
	return op->key == first->key && blocks_of(op) == blocks &&
		op->aad_octets == first->aad_octets;
}

static ALWAYS_INLINE bool pair_fits(
	const struct aead_op *op, const struct aead_op *first, uint32_t blocks)
{
	return pair_fits_one(&op[0], first, blocks) && pair_fits_one(&op[1], first, blocks);
}

// As many pairs as fit, the first of which does. Returns how many packets that were.
static ALWAYS_INLINE unsigned pairs_run(
	struct aead_op *ops, unsigned n, unsigned blocks, unsigned rounds, bool seal, bool *forged)
{
	struct pair pair;
	struct hash hash;
	unsigned done = 2;

	pair_run(&pair, ops, blocks, false, rounds, seal, forged);
	for (; done + 2 <= n && pair_fits(&ops[done], ops, blocks); done += 2)
		pair_run(&pair, &ops[done], blocks, seal, rounds, seal, forged);
	if (!seal)
		return done;
#pragma GCC unroll 8
	for (unsigned step = 0; step <= blocks; step++)
		pair_hash_step(&pair, blocks, step, &hash);
	pair_seal(&pair, &hash);
	return done;
}
