// Four packets of one key and one length, side by side from nonce to tag in registers. The counter
// blocks of their tags share a vector, and so do their associated data, so units begin where the
// data do here.
#pragma once

#include "crypto/engine_vaes_packet.h"

#define PACKED_STATES (VAES_TOGETHER + 1)
#define PACKED_OCTETS_MAX ((VAES_CHUNK_BLOCKS - 1) * VAES_BLOCK)

struct packed {
	struct aead_op *op[VAES_TOGETHER];
	const struct aead_op *ahead; // what is wanted after these, a line for each unit
	const struct vaes_key *key;
	uint32_t octets;	 // of data
	uint32_t offset;	 // of the unit in them
	const uint8_t *powers;	 // of the unit to be hashed
	const uint8_t *counters; // of the unit
	__m512i start[VAES_TOGETHER];
	// To be hashed: a unit of each packet; if it is the only one, its first block of each
	// packet, its second ones and so on, whose sums need not be added.
	__m512i hashed[VAES_TOGETHER];
	struct hash hash[VAES_TOGETHER]; // of units
	struct hash sums;		 // a block for each packet
	__m512i tags;			 // as far as they are known
};

// Which unit; all constant.
struct place {
	bool first;
	bool last;
};

static ALWAYS_INLINE bool is_only(struct place place)
{
	return place.first && place.last;
}

static ALWAYS_INLINE bool packed_alike(const struct aead_op *a, const struct aead_op *b)
{
	return a->key == b->key && a->octets == b->octets && a->aad_octets == b->aad_octets;
}

// Four packets, of one chunk each.
static ALWAYS_INLINE bool packed_fits(const struct aead_op *ops)
{
	return packed_alike(ops, &ops[1]) && packed_alike(ops, &ops[2]) &&
		packed_alike(ops, &ops[3]) && ops->octets > 0 && ops->octets <= PACKED_OCTETS_MAX;
}

static ALWAYS_INLINE void packed_hash(struct packed *packed, unsigned i, bool only)
{
	const uint8_t *power = packed->powers + (size_t)i * VAES_BLOCK;

	if (only)
		hash_add(&packed->sums, swap_octets(packed->hashed[i]), spread(power),
			spread(high_power(power)));
	else
		hash_unit(&packed->hash[i], packed->hashed[i], packed->powers);
}

static ALWAYS_INLINE __m512i packed_aad(const struct packed *packed)
{
	struct aead_op *const *op = packed->op;

	if (likely(op[0]->aad_octets == 8))
		return first_blocks(load_8_octets(op[0]->aad), load_8_octets(op[1]->aad),
			load_8_octets(op[2]->aad), load_8_octets(op[3]->aad));
	return first_blocks(load_12_octets(op[0]->aad), load_12_octets(op[1]->aad),
		load_12_octets(op[2]->aad), load_12_octets(op[3]->aad));
}

// What the associated data and the lengths add.
static ALWAYS_INLINE void packed_hash_ends(struct packed *packed)
{
	const struct vaes_key *key = packed->key;
	struct aead_op *const *op = packed->op;
	const uint8_t *power = packed->powers - VAES_BLOCK;
	__m512i octets = _mm512_maskz_set1_epi32(0x1111, (int)packed->octets);
	__m512i weight = spread(key->data_length);

	packed->sums.low = _mm512_clmulepi64_epi128(octets, weight, 0x00);
	packed->sums.high = _mm512_xor_si512(spread(key->aad_length[op[0]->aad_octets / 4]),
		_mm512_clmulepi64_epi128(octets, weight, 0x10));
	if (op[0]->aad_octets > 0)
		hash_add(&packed->sums, swap_octets(packed_aad(packed)), spread(power),
			spread(high_power(power)));
}

// Sealing begins with keystream, and so does the CPU: what needs none is hashed behind that. All
// this waits as one vector then, where registers are scarce.
static ALWAYS_INLINE void packed_begin_tags(
	struct packed *packed, __m512i keystream, bool only, bool seal)
{
	packed->tags = keystream;
	if (!seal)
		return;
	packed_hash_ends(packed);
	if (only)
		return;
	packed->tags = tags_of(&packed->sums, keystream);
	packed->sums = (struct hash){0};
}

// Meanwhile `hashed` is hashed: when opening that is the unit itself, when sealing the one before.
static ALWAYS_INLINE void packed_encipher(
	struct packed *packed, struct place place, __m512i *state, unsigned rounds, bool seal)
{
	const unsigned states = place.first ? PACKED_STATES : VAES_TOGETHER;
	const bool hash = !seal || !place.first;

#pragma GCC unroll 16
	for (unsigned round = is_only(place) ? 1 : 2; round <= rounds; round++) {
#pragma GCC unroll 5
		for (unsigned i = 0; i < states; i++)
			state[i] = encipher_round(state[i], packed->key, round, rounds);
		if (hash && round % 2 == 0 && round <= 2 * VAES_TOGETHER)
			packed_hash(packed, round / 2 - 1, is_only(place));
	}
	if (hash)
		packed->powers += VAES_UNIT;
}

static ALWAYS_INLINE __m512i packed_load(
	const struct packed *packed, unsigned i, struct place place, __mmask64 mask)
{
	const uint8_t *at = packed->op[i]->data + packed->offset;

	return place.last ? _mm512_maskz_loadu_epi8(mask, at) : load_vector(at);
}

static ALWAYS_INLINE void packed_store(
	const struct packed *packed, unsigned i, struct place place, __mmask64 mask, __m512i data)
{
	uint8_t *at = packed->op[i]->data + packed->offset;

	if (place.last)
		_mm512_mask_storeu_epi8(at, mask, data);
	else
		_mm512_storeu_si512(at, data);
}

static ALWAYS_INLINE void packed_start(struct packed *packed, struct place place, __m512i *state)
{
	const __m512i *start = packed->start;
	__m512i counters = held(load_vector(packed->counters + VAES_BLOCK));

#pragma GCC unroll 4
	for (unsigned i = 0; i < VAES_TOGETHER; i++)
		state[i] = _mm512_xor_si512(start[i], counters);
	if (place.first)
		state[VAES_TOGETHER] =
			_mm512_xor_si512(first_blocks(start[0], start[1], start[2], start[3]),
				spread(packed->counters));
}

static ALWAYS_INLINE void packed_unit(
	struct packed *packed, struct place place, unsigned rounds, bool seal)
{
	__m512i state[PACKED_STATES], data[VAES_TOGETHER];
	__mmask64 mask = _bzhi_u64(~0ULL, packed->octets - packed->offset);

#pragma GCC unroll 4
	for (unsigned i = 0; i < VAES_TOGETHER; i++) {
		if (!is_only(place))
			_mm_prefetch(packed->ahead[i].data + packed->offset, _MM_HINT_T0);
		if (!seal)
			packed->hashed[i] = data[i] = held(packed_load(packed, i, place, mask));
	}
	if (!seal && is_only(place))
		transpose(packed->hashed);
	packed_start(packed, place, state);
	packed_encipher(packed, place, state, rounds, seal);
	if (place.first)
		packed_begin_tags(packed, state[VAES_TOGETHER], is_only(place), seal);
#pragma GCC unroll 4
	for (unsigned i = 0; i < VAES_TOGETHER; i++) {
		if (seal)
			data[i] = packed_load(packed, i, place, mask);
		data[i] = _mm512_xor_si512(data[i], state[i]);
		packed_store(packed, i, place, mask, data[i]);
		if (seal)
			packed->hashed[i] =
				place.last ? _mm512_maskz_mov_epi8(mask, data[i]) : data[i];
	}
	packed->offset += VAES_UNIT;
	packed->counters += VAES_UNIT;
}

// What sealing has not hashed yet, then all sums of units are added.
static ALWAYS_INLINE void packed_hash_rest(struct packed *packed, bool only, bool seal)
{
	struct hash sums;

	if (seal && only)
		transpose(packed->hashed);
#pragma GCC unroll 4
	for (unsigned i = 0; i < VAES_TOGETHER && seal; i++)
		packed_hash(packed, i, only);
	if (only)
		return;
	sums = sum_hashes(packed->hash);
	packed->sums.low = _mm512_xor_si512(packed->sums.low, sums.low);
	packed->sums.high = _mm512_xor_si512(packed->sums.high, sums.high);
}

static ALWAYS_INLINE void packed_units(struct packed *packed, bool only, unsigned rounds, bool seal)
{
	if (only) {
		packed_unit(packed, (struct place){true, true}, rounds, seal);
		return;
	}
	packed_unit(packed, (struct place){true, false}, rounds, seal);
	while (packed->offset + VAES_UNIT < packed->octets)
		packed_unit(packed, (struct place){false, false}, rounds, seal);
	packed_unit(packed, (struct place){false, true}, rounds, seal);
}

// next: the packets behind these, or these. only: they have one unit.
static ALWAYS_INLINE void packed_run(
	struct aead_op *ops, const struct aead_op *next, bool only, unsigned rounds, bool seal)
{
	const struct vaes_key *key = key_of(ops);
	struct packed packed = {
		.op = {&ops[0], &ops[1], &ops[2], &ops[3]},
		.ahead = next,
		.key = key,
		.octets = ops->octets,
		.powers = powers_from(key, blocks_of(ops) + 1),
		.counters = only ? key->first_counters[0] : key->counters[0],
	};
	__m512i received = seal ? _mm512_setzero_si512() : load_tags(packed.op);
	__m512i tags;

	if (!seal)
		packed_hash_ends(&packed);
#pragma GCC unroll 4
	for (unsigned i = 0; i < VAES_TOGETHER; i++)
		packed.start[i] = only ? load_nonce(&ops[i]) : first_round(&ops[i]);
	packed_units(&packed, only, rounds, seal);
	packed_hash_rest(&packed, only, seal);
	tags = tags_of(&packed.sums, packed.tags);
	if (seal)
		store_tags(packed.op, tags);
	else
		judge(packed.op, tags, received);
}
