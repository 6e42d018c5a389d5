// Four packets of as many units each, at most four, of any keys, side by side from nonce to tag in
// registers.
#pragma once

#include "crypto/engine_vaes_packet.h"

#define QUAD_UNITS_MAX 4

struct quad {
	struct aead_op *op[VAES_TOGETHER];
	__m512i first_round[VAES_TOGETHER];
	struct hash hash[VAES_TOGETHER];
	__m512i hashed[VAES_TOGETHER]; // a unit each, to be hashed
	__m512i first_keystream;
};

static ALWAYS_INLINE void quad_hash(struct quad *quad, unsigned packet, unsigned unit)
{
	const struct aead_op *op = quad->op[packet];

	hash_unit(&quad->hash[packet], quad->hashed[packet],
		powers_from(key_of(op), first_power(op)) + unit * VAES_UNIT);
}

// Keystream for a unit of each packet. Meanwhile the units in `hashed` are hashed, which leaves no
// execution port idle.
static ALWAYS_INLINE void quad_encipher(struct quad *quad, __m512i *state, unsigned first,
	unsigned rounds, bool hash, unsigned hashed_unit)
{
#pragma GCC unroll 16
	for (unsigned round = first; round <= rounds; round++) {
#pragma GCC unroll 4
		for (unsigned i = 0; i < VAES_TOGETHER; i++)
			state[i] = encipher_round(state[i], key_of(quad->op[i]), round, rounds);
		if (hash && round % 2 == 0 && round <= 2 * VAES_TOGETHER)
			quad_hash(quad, round / 2 - 1, hashed_unit);
	}
}

static ALWAYS_INLINE void quad_unit(
	struct quad *quad, unsigned unit, unsigned units, unsigned rounds, bool seal)
{
	const bool whole = unit > 0 && unit + 1 < units;
	const bool only = units == 1;
	__m512i state[VAES_TOGETHER], data[VAES_TOGETHER], aad[VAES_TOGETHER];
	__mmask64 mask[VAES_TOGETHER];

#pragma GCC unroll 4
	for (unsigned i = 0; i < VAES_TOGETHER; i++) {
		const struct aead_op *op = quad->op[i];
		const struct vaes_key *key = key_of(op);

		mask[i] = unit + 1 < units ? ~0ULL : data_mask(op, unit);
		if (unit == 0)
			mask[i] &= ~FIRST_BLOCK;
		aad[i] = unit == 0 ? load_aad(op) : _mm512_setzero_si512();
		data[i] = whole ? held(load_vector(unit_data(op, unit)))
				: _mm512_mask_loadu_epi8(aad[i], mask[i], unit_data(op, unit));
		if (!seal)
			quad->hashed[i] = data[i];
		state[i] = _mm512_xor_si512(quad->first_round[i],
			load_vector(only ? key->first_counters[0]
					 : key->counters[unit * VAES_UNIT / VAES_BLOCK]));
	}
	quad_encipher(quad, state, only ? 1 : 2, rounds, !seal || unit > 0, seal ? unit - 1 : unit);
	if (unit == 0)
		quad->first_keystream = first_blocks(state[0], state[1], state[2], state[3]);
#pragma GCC unroll 4
	for (unsigned i = 0; i < VAES_TOGETHER; i++) {
		__m512i out = _mm512_xor_si512(state[i], data[i]);

		if (seal)
			quad->hashed[i] = whole ? out : _mm512_mask_mov_epi8(aad[i], mask[i], out);
		if (whole)
			_mm512_storeu_si512(unit_data(quad->op[i], unit), out);
		else
			_mm512_mask_storeu_epi8(unit_data(quad->op[i], unit), mask[i], out);
	}
}

static ALWAYS_INLINE void quad_run(
	struct aead_op *ops, unsigned units, unsigned rounds, bool seal, bool *forged)
{
	struct quad quad = {.op = {&ops[0], &ops[1], &ops[2], &ops[3]}};
	__m512i received = seal ? _mm512_setzero_si512() : load_tags(quad.op);
	struct hash sums;
	__m512i tags;

#pragma GCC unroll 4
	for (unsigned i = 0; i < VAES_TOGETHER; i++) {
		quad.first_round[i] = units == 1 ? load_nonce(&ops[i]) : first_round(&ops[i]);
		quad.hash[i] = hash_lengths(&ops[i]);
	}
#pragma GCC unroll 4
	for (unsigned unit = 0; unit < units; unit++)
		quad_unit(&quad, unit, units, rounds, seal);
	if (seal) {
#pragma GCC unroll 4
		for (unsigned i = 0; i < VAES_TOGETHER; i++)
			quad_hash(&quad, i, units - 1);
	}
	sums = sum_hashes(quad.hash);
	tags = tags_of(&sums, quad.first_keystream);
	if (seal)
		store_tags(quad.op, tags);
	else
		judge(quad.op, tags, received, forged);
}
