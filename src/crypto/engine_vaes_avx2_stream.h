// One packet of any length: groups of units, then its end. A unit is 32 octets of data, one vector
// of two blocks.
#pragma once

#include "crypto/engine_vaes_avx2_packet.h"

#define UNIT 32
#define UNIT_BLOCKS (UNIT / VAES_BLOCK)
// Units: enough to keep the CPU busy while each waits for its round.
#define GROUP 8
#define HALF_GROUP (GROUP / 2)
#define GROUP_BLOCKS (GROUP * UNIT_BLOCKS)
#define HALF_GROUP_BLOCKS (HALF_GROUP * UNIT_BLOCKS)
// Of an end, its last one included.
#define END_UNITS HALF_GROUP

struct stream {
	struct aead_op *op;
	const struct vaes_key *key;
	uint8_t *data;		 // to be enciphered
	const uint8_t *unhashed; // data, enciphered when sealing
	const uint8_t *powers;	 // of what is to be hashed
	const uint8_t *counters; // of the first chunk
	__m256i first_round;	 // of the first chunk
	__m256i whitened_nonce;	 // of later chunks
	__m256i counter;   // of later chunks, little-endian, in the last quarter of each block
	__m128i received;  // tag
	__m128i end;	   // the last 16 octets before they are enciphered, or zeros and all data
	uint32_t last;	   // so many of them are the last block
	__m128i ends;	   // order_ends
	__m256i keystream; // of the unit before
	struct hash hash;
};

// How a packet ends; all constant.
struct end {
	unsigned units; // with two blocks, before the last one
	bool half;	// the last one has one block
	bool later;	// not of the first chunk
};

static ALWAYS_INLINE void stream_hash(struct stream *stream, unsigned units)
{
#pragma GCC unroll 8
	for (unsigned i = 0; i < units; i++) {
		hash_unit(
			&stream->hash, swap_octets(load_vector(stream->unhashed)), stream->powers);
		stream->unhashed += UNIT;
		stream->powers += UNIT;
	}
}

// A unit behind the first round. Counters of later chunks have more than one octet.
static ALWAYS_INLINE __m256i stream_counters(struct stream *stream, unsigned unit, bool later)
{
	const __m256i big_endian = _mm256_set_epi32(0x0c0d0e0f, -1, -1, -1, 0x0c0d0e0f, -1, -1, -1);
	__m256i counter = stream->counter;

	if (!later)
		return _mm256_xor_si256(
			stream->first_round, load_vector(stream->counters + (size_t)unit * UNIT));
	stream->counter = _mm256_add_epi32(counter, _mm256_set1_epi32(UNIT_BLOCKS));
	return _mm256_aesenc_epi128(
		_mm256_xor_si256(stream->whitened_nonce, _mm256_shuffle_epi8(counter, big_endian)),
		round_key(stream->key, 1));
}

// n units. Meanwhile so many are hashed: those before when sealing, the same when opening.
static ALWAYS_INLINE void stream_group(
	struct stream *stream, unsigned n, unsigned hashed, bool later, unsigned rounds)
{
	__m256i state[GROUP];

#pragma GCC unroll 8
	for (unsigned i = 0; i < n; i++)
		state[i] = stream_counters(stream, i, later);
#pragma GCC unroll 16
	for (unsigned round = 2; round <= rounds; round++) {
		const __m256i with = round_key(stream->key, round);

#pragma GCC unroll 8
		for (unsigned i = 0; i < n; i++)
			state[i] = encipher_with(state[i], with, round == rounds);
		if (round - 2 < hashed)
			stream_hash(stream, 1);
	}
#pragma GCC unroll 8
	for (unsigned i = 0; i < n; i++, stream->data += UNIT)
		store_vector(stream->data, _mm256_xor_si256(state[i], load_vector(stream->data)));
	stream->keystream = state[n - 1];
	if (!later)
		stream->counters += (size_t)n * UNIT;
}

// Groups for all blocks but `rest`, or more than that as there are fewer than a group has. Returns
// how many are left.
static ALWAYS_INLINE uint32_t stream_groups(struct stream *stream, uint32_t blocks, uint32_t rest,
	bool later, unsigned rounds, bool seal)
{
	if (blocks < GROUP_BLOCKS + rest)
		return blocks;
	stream_group(stream, GROUP, seal ? 0 : GROUP, later, rounds);
	for (blocks -= GROUP_BLOCKS; blocks >= GROUP_BLOCKS + rest; blocks -= GROUP_BLOCKS)
		stream_group(stream, GROUP, GROUP, later, rounds);
	if (seal)
		stream_hash(stream, GROUP);
	return blocks;
}

// Behind the first round. The last one is, or has in its second block, J0's.
static ALWAYS_INLINE void end_start(struct stream *stream, struct end end, __m256i *state)
{
	__m256i first = _mm256_xor_si256(stream->first_round, spread(stream->key->counters[0]));

#pragma GCC unroll 4
	for (unsigned i = 0; i <= end.units; i++)
		state[i] = stream_counters(stream, i, end.later);
	if (end.half)
		state[end.units] = _mm256_blend_epi32(state[end.units], first, 0xf0);
	else
		state[end.units + 1] = first;
}

// The last unit as it is hashed: `ends` are where there is no second block of data.
static ALWAYS_INLINE __m256i end_unit(
	const struct stream *stream, struct end end, __m128i before, __m128i last)
{
	__m128i swapped_last = swap_end(last, stream->last);

	return end.half ? two_blocks(swapped_last, stream->ends)
			: two_blocks(swap_block(before), swapped_last);
}

static ALWAYS_INLINE void end_receive(const struct stream *stream, struct end end, __m256i *unit)
{
	const uint8_t *at = stream->data;

#pragma GCC unroll 4
	for (unsigned i = 0; i < end.units; i++, at += UNIT)
		unit[i] = swap_octets(load_vector(at));
	unit[end.units] =
		end_unit(stream, end, end.half ? stream->end : load_block(at), stream->end);
}

// Enciphers the last 16 octets with the end of the keystream, whose last block is `last`.
static ALWAYS_INLINE __m128i end_put_last(
	const struct stream *stream, struct end end, __m128i before, __m128i last)
{
	const struct aead_op *op = stream->op;
	const uint32_t octets = stream->last;
	__m128i out = _mm_xor_si128(stream->end, end_of(before, last, octets));

	if (end.units == 0 && unlikely(op->octets < VAES_BLOCK))
		store_few(op->data, move_to_start(out, octets), octets);
	else
		store_block(end_at(op), out);
	return out;
}

static ALWAYS_INLINE void end_put(
	struct stream *stream, struct end end, const __m256i *state, __m256i *unit)
{
	const __m256i last = state[end.units];
	const __m256i before = end.units > 0 ? state[end.units - 1] : stream->keystream;
	__m128i first = _mm_setzero_si128();

#pragma GCC unroll 4
	for (unsigned i = 0; i < end.units; i++, stream->data += UNIT) {
		unit[i] = _mm256_xor_si256(state[i], load_vector(stream->data));
		store_vector(stream->data, unit[i]);
		unit[i] = swap_octets(unit[i]);
	}
	if (!end.half) {
		first = _mm_xor_si128(load_block(stream->data), first_block(last));
		store_block(stream->data, first);
	}
	unit[end.units] = end_unit(stream, end, first,
		end.half ? end_put_last(stream, end, second_block(before), first_block(last))
			 : end_put_last(stream, end, first_block(last), second_block(last)));
}

// Associated data were hashed before if there are later chunks.
static ALWAYS_INLINE void end_hash(struct stream *stream, struct end end, const __m256i *unit)
{
	const struct aead_op *op = stream->op;
	const uint8_t *aad_power = powers_from(stream->key, end.later ? 1 : first_power(op));
	const uint8_t *power = stream->powers + (size_t)end.units * UNIT;
	const __m128i low = load_block(stream->key->data_length);
	const __m128i high = load_block(aad_power + HIGH_POWER);

#pragma GCC unroll 4
	for (unsigned i = 0; i < end.units; i++)
		hash_unit(&stream->hash, unit[i], stream->powers + (size_t)i * UNIT);
	if (end.half) {
		hash_add(&stream->hash, unit[end.units], two_blocks(load_block(power), low),
			two_blocks(load_block(power + HIGH_POWER), high));
	} else {
		hash_unit(&stream->hash, unit[end.units], power);
		hash_add_block(&stream->hash, stream->ends, low, high);
	}
	if (!end.later && has_late_aad(op))
		hash_block(&stream->hash, load_late_aad(op), aad_power);
}

static ALWAYS_INLINE void stream_end(
	struct stream *stream, struct end end, unsigned rounds, bool seal, bool *forged)
{
	const unsigned states = end.units + (end.half ? 1 : 2);
	__m256i state[END_UNITS + 1], unit[END_UNITS];
	__m128i tag;

	end_start(stream, end, state);
	if (!seal) {
		end_receive(stream, end, unit);
		end_hash(stream, end, unit);
	}
#pragma GCC unroll 16
	for (unsigned round = 2; round <= rounds; round++) {
		const __m256i with = round_key(stream->key, round);

#pragma GCC unroll 5
		for (unsigned i = 0; i < states; i++)
			state[i] = encipher_with(state[i], with, round == rounds);
	}
	end_put(stream, end, state, unit);
	if (seal)
		end_hash(stream, end, unit);
	tag = _mm_xor_si128(swap_block(hash_reduce_sum(&stream->hash)),
		end.half ? second_block(state[end.units]) : first_block(state[end.units + 1]));
	if (seal)
		store_block(stream->op->tag, tag);
	else
		judge(stream->op, _mm_xor_si128(tag, stream->received), forged);
}

// left: blocks, as an end has at most. None is as one that is empty.
static ALWAYS_INLINE void stream_choose_end(struct stream *stream, uint32_t left, const bool later,
	unsigned rounds, bool seal, bool *forged)
{
	switch (left) {
	case 0:
	case 1:
		stream_end(stream, (struct end){0, true, later}, rounds, seal, forged);
		break;
	case 2:
		stream_end(stream, (struct end){0, false, later}, rounds, seal, forged);
		break;
	case 3:
		stream_end(stream, (struct end){1, true, later}, rounds, seal, forged);
		break;
	case 4:
		stream_end(stream, (struct end){1, false, later}, rounds, seal, forged);
		break;
	case 5:
		stream_end(stream, (struct end){2, true, later}, rounds, seal, forged);
		break;
	case 6:
		stream_end(stream, (struct end){2, false, later}, rounds, seal, forged);
		break;
	case 7:
		stream_end(stream, (struct end){3, true, later}, rounds, seal, forged);
		break;
	default:
		stream_end(stream, (struct end){3, false, later}, rounds, seal, forged);
		break;
	}
}

static ALWAYS_INLINE void stream_last_chunk(struct stream *stream, uint32_t blocks, bool later,
	unsigned rounds, bool seal, bool *forged)
{
	uint32_t left = stream_groups(stream, blocks, 1, later, rounds, seal);

	if (left > HALF_GROUP_BLOCKS) {
		stream_group(stream, HALF_GROUP, seal ? 0 : HALF_GROUP, later, rounds);
		if (seal)
			stream_hash(stream, HALF_GROUP);
		left -= HALF_GROUP_BLOCKS;
	}
	stream_choose_end(stream, left, later, rounds, seal, forged);
}

// The hash so far moves on as far as the chunk is long, by one more multiplication, which is added
// to the chunk's own.
static ALWAYS_INLINE void stream_next_chunk(struct stream *stream, uint32_t left)
{
	const bool final = left <= VAES_CHUNK_BLOCKS;
	const __m128i carried = hash_reduce_sum(&stream->hash);

	stream->powers = powers_from(stream->key, final ? left + 1 : VAES_CHUNK_BLOCKS);
	stream->hash = final ? hash_begin(stream->op) : (struct hash){0};
	hash_block(&stream->hash, carried, stream->powers);
}

// What the first chunk is given as the hash so far, and the counters, which begin with 2 for data
// (NIST SP 800-38D section 7.1).
static ALWAYS_INLINE void stream_begin_chunks(struct stream *stream)
{
	const struct aead_op *op = stream->op;
	const uint8_t *power = powers_from(stream->key, 1);
	const __m128i zero = _mm_setzero_si128();

	stream->hash = (struct hash){0};
	hash_block(&stream->hash, _mm_unpackhi_epi64(zero, stream->ends), power);
	if (has_late_aad(op))
		hash_block(&stream->hash, load_late_aad(op), power);
	stream->ends = _mm_unpacklo_epi64(stream->ends, zero);
	stream->counter = _mm256_set_epi32(3, 0, 0, 0, 2, 0, 0, 0);
	stream->whitened_nonce =
		_mm256_xor_si256(order_nonces(_mm256_broadcastsi128_si256(load_nonce(op))),
			round_key(stream->key, 0));
}

static ALWAYS_INLINE void stream_chunks(
	struct stream *stream, uint32_t blocks, unsigned rounds, bool seal, bool *forged)
{
	stream_begin_chunks(stream);
	stream_next_chunk(stream, blocks);
	while (blocks > VAES_CHUNK_BLOCKS) {
		stream_groups(stream, VAES_CHUNK_BLOCKS, 0, true, rounds, seal);
		blocks -= VAES_CHUNK_BLOCKS;
		stream_next_chunk(stream, blocks);
	}
	stream_last_chunk(stream, blocks, true, rounds, seal, forged);
}

static ALWAYS_INLINE void stream_load_end(struct stream *stream)
{
	const struct aead_op *op = stream->op;

	if (likely(op->octets >= VAES_BLOCK)) {
		stream->end = load_block(end_at(op));
		stream->last = last_octets(op);
	} else {
		stream->end = move_to_end(load_few(op->data, op->octets), op->octets);
		stream->last = op->octets;
	}
}

// Field by field: a structure that is copied goes through memory.
static ALWAYS_INLINE void stream_begin(struct stream *stream, struct aead_op *op, bool seal)
{
	const struct vaes_key *key = key_of(op);

	stream->op = op;
	stream->key = key;
	stream->data = op->data;
	stream->unhashed = op->data;
	stream->counters = key->counters[1];
	stream->first_round = first_round(key, _mm256_broadcastsi128_si256(load_nonce(op)));
	stream->ends = first_block(order_ends(_mm256_castsi128_si256(load_ends(op))));
	stream->keystream = _mm256_setzero_si256();
	stream->hash = hash_begin(op);
	if (!seal)
		stream->received = load_block(op->tag);
	stream_load_end(stream);
}

static ALWAYS_INLINE void stream_packet(
	struct aead_op *op, unsigned rounds, bool seal, bool *forged)
{
	const uint32_t blocks = blocks_of(op);
	struct stream stream;

	stream_begin(&stream, op, seal);
	if (unlikely(blocks + 2 > VAES_POWERS)) {
		stream_chunks(&stream, blocks, rounds, seal, forged);
		return;
	}
	stream.powers = powers_from(stream.key, blocks + 1);
	stream_last_chunk(&stream, blocks, false, rounds, seal, forged);
}
