// Four packets of one key and of as many blocks each, side by side from nonce to tag in registers.
// The counter blocks of their tags share a vector, and so do their associated data and their
// lengths, so units begin where the data do here.
#pragma once

#include "crypto/engine_vaes_packet.h"

#define PACKED_STATES (VAES_TOGETHER + 1)

struct packed {
	struct aead_op *op[VAES_TOGETHER];
	const struct aead_op *ahead; // what is wanted after these, a line for each unit
	const struct vaes_key *key;
	uint32_t offset;	 // of the unit in the data
	const uint8_t *powers;	 // of the unit to be hashed
	const uint8_t *counters; // of the unit
	__m512i start[VAES_TOGETHER];
	struct hash hash[VAES_TOGETHER];
	__m512i hashed[VAES_TOGETHER]; // a unit each, to be hashed
	__m512i tag_keystream;
};

// Which unit; all constant.
struct place {
	bool first;
	bool last;
};

static ALWAYS_INLINE bool packed_alike(const struct aead_op *a, const struct aead_op *b)
{
	return a->key == b->key && a->aad_octets == b->aad_octets && blocks_of(a) == blocks_of(b);
}

// Four packets, of one chunk each.
static ALWAYS_INLINE bool packed_fits(const struct aead_op *ops)
{
	return packed_alike(ops, &ops[1]) && packed_alike(ops, &ops[2]) &&
		packed_alike(ops, &ops[3]) && blocks_of(ops) > 0 &&
		blocks_of(ops) < VAES_CHUNK_BLOCKS;
}

static ALWAYS_INLINE void packed_hash(struct packed *packed, unsigned packet)
{
	hash_unit(&packed->hash[packet], packed->hashed[packet], packed->powers);
}

// Meanwhile the units in `hashed` are hashed.
static ALWAYS_INLINE void packed_encipher(struct packed *packed, __m512i *state, unsigned states,
	unsigned first, unsigned rounds, bool hash)
{
#pragma GCC unroll 16
	for (unsigned round = first; round <= rounds; round++) {
#pragma GCC unroll 5
		for (unsigned i = 0; i < states; i++)
			state[i] = encipher_round(state[i], packed->key, round, rounds);
		if (hash && round % 2 == 0 && round <= 2 * VAES_TOGETHER)
			packed_hash(packed, round / 2 - 1);
	}
	if (hash)
		packed->powers += VAES_UNIT;
}

static ALWAYS_INLINE void packed_unit(
	struct packed *packed, struct place place, unsigned rounds, bool seal)
{
	const bool only = place.first && place.last;
	const __m512i *start = packed->start;
	__m512i counters = held(load_vector(packed->counters + VAES_BLOCK));
	__m512i state[PACKED_STATES], data[VAES_TOGETHER];
	__mmask64 mask[VAES_TOGETHER];

#pragma GCC unroll 4
	for (unsigned i = 0; i < VAES_TOGETHER; i++) {
		const struct aead_op *op = packed->op[i];
		const uint8_t *at = op->data + packed->offset;

		if (!only)
			_mm_prefetch(packed->ahead[i].data + packed->offset, _MM_HINT_T0);
		mask[i] = place.last ? _bzhi_u64(~0ULL, op->octets - packed->offset) : ~0ULL;
		data[i] = place.last ? _mm512_maskz_loadu_epi8(mask[i], at) : held(load_vector(at));
		if (!seal)
			packed->hashed[i] = data[i];
		state[i] = _mm512_xor_si512(start[i], counters);
	}
	if (place.first)
		state[VAES_TOGETHER] =
			_mm512_xor_si512(first_blocks(start[0], start[1], start[2], start[3]),
				spread(packed->counters));
	packed_encipher(packed, state, place.first ? PACKED_STATES : VAES_TOGETHER, only ? 1 : 2,
		rounds, !seal || !place.first);
	if (place.first)
		packed->tag_keystream = state[VAES_TOGETHER];
#pragma GCC unroll 4
	for (unsigned i = 0; i < VAES_TOGETHER; i++) {
		uint8_t *at = packed->op[i]->data + packed->offset;
		__m512i out = _mm512_xor_si512(state[i], data[i]);

		if (place.last)
			_mm512_mask_storeu_epi8(at, mask[i], out);
		else
			_mm512_storeu_si512(at, out);
		if (seal)
			packed->hashed[i] = place.last ? _mm512_maskz_mov_epi8(mask[i], out) : out;
	}
	packed->offset += VAES_UNIT;
	packed->counters += VAES_UNIT;
}

// What the associated data and the lengths add, a block for each packet.
static ALWAYS_INLINE struct hash packed_ends(const struct packed *packed)
{
	const struct vaes_key *key = packed->key;
	struct aead_op *const *op = packed->op;
	const uint8_t *low_power = packed->powers - VAES_BLOCK;
	__m512i octets = first_blocks(load_4_octets(&op[0]->octets), load_4_octets(&op[1]->octets),
		load_4_octets(&op[2]->octets), load_4_octets(&op[3]->octets));
	__m512i aad =
		first_blocks(load_aad(op[0]), load_aad(op[1]), load_aad(op[2]), load_aad(op[3]));
	__m512i weight = spread(key->data_length);
	struct hash hash = {
		.low = _mm512_clmulepi64_epi128(octets, weight, 0x00),
		.high = _mm512_xor_si512(spread(key->aad_length[op[0]->aad_octets / 4]),
			_mm512_clmulepi64_epi128(octets, weight, 0x10)),
	};

	hash_add(&hash, swap_octets(aad), spread(low_power), spread(high_power(low_power)));
	return hash;
}

static ALWAYS_INLINE void packed_units(struct packed *packed, bool only, unsigned rounds, bool seal)
{
	if (only) {
		packed_unit(packed, (struct place){true, true}, rounds, seal);
		return;
	}
	packed_unit(packed, (struct place){true, false}, rounds, seal);
	while (packed->offset + VAES_UNIT < packed->op[0]->octets)
		packed_unit(packed, (struct place){false, false}, rounds, seal);
	packed_unit(packed, (struct place){false, true}, rounds, seal);
}

// next: the packets behind these, or these.
static ALWAYS_INLINE void packed_run(
	struct aead_op *ops, const struct aead_op *next, bool only, unsigned rounds, bool seal)
{
	const struct vaes_key *key = key_of(ops);
	struct packed packed = {
		.op = {&ops[0], &ops[1], &ops[2], &ops[3]},
		.ahead = next,
		.key = key,
		.powers = powers_from(key, blocks_of(ops) + 1),
		.counters = only ? key->first_counters[0] : key->counters[0],
	};
	__m512i received = seal ? _mm512_setzero_si512() : load_tags(packed.op);
	struct hash ends = packed_ends(&packed), sums;
	__m512i tags;

#pragma GCC unroll 4
	for (unsigned i = 0; i < VAES_TOGETHER; i++)
		packed.start[i] = only ? load_nonce(&ops[i]) : first_round(&ops[i]);
	packed_units(&packed, only, rounds, seal);
	if (seal) {
#pragma GCC unroll 4
		for (unsigned i = 0; i < VAES_TOGETHER; i++)
			packed_hash(&packed, i);
	}
	sums = sum_hashes(packed.hash);
	sums.low = _mm512_xor_si512(sums.low, ends.low);
	sums.high = _mm512_xor_si512(sums.high, ends.high);
	tags = tags_of(&sums, packed.tag_keystream);
	if (seal)
		store_tags(packed.op, tags);
	else
		judge(packed.op, tags, received);
}
