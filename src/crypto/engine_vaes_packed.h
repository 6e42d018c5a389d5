// Four packets of one length, side by side from nonce to tag in registers. The counter blocks of
// their tags share a vector, and so do their associated data, so units begin where the data do
// here. Best with one key; with keys of their own it pays where data fill the last unit, so that
// the counter block would take another.
#pragma once

#include "crypto/engine_vaes_packet.h"

#define PACKED_STATES (VAES_TOGETHER + 1)
// With one key and with several.
#define PACKED_OCTETS_MAX ((VAES_CHUNK_BLOCKS - 1) * VAES_BLOCK)
#define PACKED_KEYS_OCTETS_MAX (4 * VAES_UNIT)

struct packed {
	struct aead_op *op[VAES_TOGETHER];
	const struct aead_op *ahead; // what is wanted after these, a line for each unit
	const uint8_t *key[VAES_TOGETHER];
	bool one_key;
	uint32_t octets; // of data
	uint32_t offset; // of the unit in them
	size_t powers;	 // in the key: of the unit to be hashed
	size_t counters; // in the key: of the unit
	__m512i start[VAES_TOGETHER];
	__m512i hashed[VAES_TOGETHER];	 // a unit of each packet, to be hashed
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

static ALWAYS_INLINE bool packed_fits(const struct aead_op *ops, bool same_key)
{
	const uint32_t most = same_key ? PACKED_OCTETS_MAX : PACKED_KEYS_OCTETS_MAX;
	const uint32_t blocks = blocks_of(ops);

	return blocks > 0 && ops->octets <= most &&
		(same_key || blocks % (VAES_UNIT / VAES_BLOCK) == 0) && one_length(ops);
}

// A block of each packet's key.
static ALWAYS_INLINE __m512i packed_key_blocks(const struct packed *packed, size_t at)
{
	const uint8_t *const *key = packed->key;

	return packed->one_key ? spread(key[0] + at)
			       : load_blocks(key[0] + at, key[1] + at, key[2] + at, key[3] + at);
}

static ALWAYS_INLINE size_t round_key_at(unsigned round)
{
	return offsetof(struct vaes_key, round_key) + round * (size_t)VAES_BLOCK;
}

static ALWAYS_INLINE __m512i packed_round_key(
	const struct packed *packed, unsigned i, unsigned round)
{
	return spread(packed->key[i] + round_key_at(round));
}

// The round key of all packets, if they have one.
static ALWAYS_INLINE __m512i packed_shared_key(const struct packed *packed, unsigned round)
{
	const size_t at = offsetof(struct vaes_key, wide_round_key) + round * (size_t)VAES_UNIT;

	return packed->one_key ? held(load_vector(packed->key[0] + at)) : _mm512_setzero_si512();
}

static ALWAYS_INLINE void packed_hash_blocks(struct packed *packed, __m512i blocks, size_t power)
{
	hash_add(&packed->sums, swap_octets(blocks), packed_key_blocks(packed, power),
		packed_key_blocks(packed, power + HIGH_POWER));
}

static ALWAYS_INLINE void packed_hash(struct packed *packed, unsigned i)
{
	hash_unit(&packed->hash[i], packed->hashed[i], packed->key[i] + packed->powers);
}

// What the associated data and the lengths add.
static ALWAYS_INLINE void packed_hash_ends(struct packed *packed)
{
	const struct aead_op *op = packed->op[0];
	const size_t aad_length =
		offsetof(struct vaes_key, aad_length) + op->aad_octets / 4 * VAES_BLOCK;

	packed->sums = hash_four_lengths(op,
		packed_key_blocks(packed, offsetof(struct vaes_key, data_length)),
		packed_key_blocks(packed, aad_length));
	if (op->aad_octets > 0)
		packed_hash_blocks(packed, load_aads(packed->op), packed->powers - VAES_BLOCK);
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
	const bool hash = !seal || !place.first;

#pragma GCC unroll 16
	for (unsigned round = is_only(place) ? 1 : 2; round <= rounds; round++) {
		const __m512i shared = packed_shared_key(packed, round);

#pragma GCC unroll 4
		for (unsigned i = 0; i < VAES_TOGETHER; i++)
			state[i] = encipher_with(state[i],
				packed->one_key ? shared : packed_round_key(packed, i, round),
				round == rounds);
		if (place.first)
			state[VAES_TOGETHER] = encipher_with(state[VAES_TOGETHER],
				packed->one_key ? shared
						: packed_key_blocks(packed, round_key_at(round)),
				round == rounds);
		if (hash && round % 2 == 0 && round <= 2 * VAES_TOGETHER)
			packed_hash(packed, round / 2 - 1);
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
	const size_t data_counters = packed->counters + VAES_BLOCK;

#pragma GCC unroll 4
	for (unsigned i = 0; i < VAES_TOGETHER; i++)
		state[i] = _mm512_xor_si512(start[i], load_vector(packed->key[i] + data_counters));
	if (place.first)
		state[VAES_TOGETHER] =
			_mm512_xor_si512(first_blocks(start[0], start[1], start[2], start[3]),
				packed_key_blocks(packed, packed->counters));
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
static ALWAYS_INLINE void packed_hash_rest(struct packed *packed, bool seal)
{
	struct hash sums;

#pragma GCC unroll 4
	for (unsigned i = 0; i < VAES_TOGETHER && seal; i++)
		packed_hash(packed, i);
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

// Constants: whether they have one key, and one unit only.
struct four {
	bool one_key;
	bool only;
};

// next: the packets behind these, or these.
static ALWAYS_INLINE void packed_run(struct aead_op *ops, const struct aead_op *next,
	struct four four, unsigned rounds, bool seal, bool *forged)
{
	const bool only = four.only;
	struct packed packed = {
		.op = {&ops[0], &ops[1], &ops[2], &ops[3]},
		.ahead = next,
		.one_key = four.one_key,
		.octets = ops->octets,
		.powers = powers_at(blocks_of(ops) + 1),
		.counters = only ? offsetof(struct vaes_key, first_counters)
				 : offsetof(struct vaes_key, counters),
	};
	__m512i received = seal ? _mm512_setzero_si512() : load_tags(packed.op);
	__m512i tags;

#pragma GCC unroll 4
	for (unsigned i = 0; i < VAES_TOGETHER; i++)
		packed.key[i] = ops[four.one_key ? 0 : i].key->expanded;
	if (!seal)
		packed_hash_ends(&packed);
#pragma GCC unroll 4
	for (unsigned i = 0; i < VAES_TOGETHER; i++)
		packed.start[i] = only ? load_nonce(&ops[i]) : first_round(&ops[i]);
	packed_units(&packed, only, rounds, seal);
	packed_hash_rest(&packed, seal);
	tags = tags_of(&packed.sums, packed.tags);
	if (seal)
		store_tags(packed.op, tags);
	else
		judge(packed.op, tags, received, forged);
}
