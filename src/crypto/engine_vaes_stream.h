// One packet of any length, by groups of four units; its tag waits until there are four.
#pragma once

#include "crypto/engine_vaes_packet.h"

#define GROUP 4

struct vaes_scratch {
	// Packets that only lack their tags.
	struct hash hash[VAES_TOGETHER];
	__m512i first_keystream[VAES_TOGETHER];
	__m512i received[VAES_TOGETHER]; // tags
	struct aead_op *op[VAES_TOGETHER];
	unsigned waiting;
	bool used;
};

struct stream {
	const struct aead_op *op;
	uint8_t *data;
	const uint8_t *ahead; // what is wanted after this packet, a line for each unit
	uint32_t octets;      // from data to the end of the packet
	const uint8_t *powers;
	const uint8_t *counters; // of the first chunk
	__m512i first_round;	 // of the first chunk
	__m512i whitened_nonce;	 // of later chunks
	__m512i counter; // of later chunks, little-endian, in the last quarter of each block
	__m512i first_keystream;
	struct hash hash;
	__m512i hashed[GROUP]; // units to be hashed
};

static ALWAYS_INLINE void stream_hash(struct stream *stream, unsigned unit)
{
	hash_unit(&stream->hash, stream->hashed[unit], stream->powers + unit * VAES_UNIT);
}

// A unit behind the first round. Counters of later chunks have more than one octet.
static ALWAYS_INLINE __m512i stream_counters(struct stream *stream, unsigned unit, bool later)
{
	const __m512i big_endian = _mm512_broadcast_i32x4(_mm_set_epi32(0x0c0d0e0f, -1, -1, -1));
	__m512i counter = stream->counter;

	if (!later)
		return _mm512_xor_si512(
			stream->first_round, load_vector(stream->counters + unit * VAES_UNIT));
	stream->counter = _mm512_add_epi32(counter, _mm512_set1_epi32(VAES_UNIT / VAES_BLOCK));
	return _mm512_aesenc_epi128(
		_mm512_xor_si512(stream->whitened_nonce, _mm512_shuffle_epi8(counter, big_endian)),
		spread(key_of(stream->op)->round_key[1]));
}

// Which units a group has; all constant.
struct group {
	unsigned n;
	bool first; // of the packet
	bool last;  // of the packet
	bool later; // not of the first chunk
};

// Sealing hashes the group before
// while it makes keystream, opening the group itself.
static ALWAYS_INLINE void stream_group(
	struct stream *stream, unsigned rounds, bool seal, struct group group)
{
	const unsigned n = group.n;
	const bool first = group.first, last = group.last;
	const struct vaes_key *key = key_of(stream->op);
	const __m512i zero = _mm512_setzero_si512();
	__m512i aad = first ? load_aad(stream->op) : zero;
	__mmask64 head = first ? ~FIRST_BLOCK : ~0ULL, tail = ~0ULL;
	__m512i state[GROUP], data[GROUP];

	if (last)
		tail = _bzhi_u64(~0ULL, stream->octets - (n - 1) * VAES_UNIT);
	if (n == 1)
		head = tail = head & tail;
#pragma GCC unroll 4
	for (unsigned i = 0; i < n; i++) {
		const uint8_t *at = stream->data + i * VAES_UNIT;

		_mm_prefetch(stream->ahead + i * VAES_UNIT, _MM_HINT_T0);
		if (first && i == 0)
			data[i] = _mm512_mask_loadu_epi8(aad, head, at);
		else if (last && i == n - 1)
			data[i] = _mm512_maskz_loadu_epi8(tail, at);
		else
			data[i] = held(load_vector(at));
		if (!seal)
			stream->hashed[i] = data[i];
		state[i] = stream_counters(stream, i, group.later);
	}
#pragma GCC unroll 16
	for (unsigned round = 2; round <= rounds; round++) {
		const __m512i round_key =
			held(first && last ? spread(key->round_key[round])
					   : load_vector(key->wide_round_key[round]));

#pragma GCC unroll 4
		for (unsigned i = 0; i < n; i++)
			state[i] = encipher_with(state[i], round_key, round == rounds);
		if (round % 2 == 0 && round / 2 - 1 < (seal ? GROUP : n) && !(seal && first))
			stream_hash(stream, round / 2 - 1);
	}
	if (!(seal && first))
		stream->powers += (seal ? GROUP : n) * VAES_UNIT;
	if (first)
		stream->first_keystream = state[0];
#pragma GCC unroll 4
	for (unsigned i = 0; i < n; i++) {
		uint8_t *at = stream->data + i * VAES_UNIT;
		__m512i out = _mm512_xor_si512(state[i], data[i]);
		const bool with_head = first && i == 0, with_tail = last && i == n - 1;

		if (with_head || with_tail)
			_mm512_mask_storeu_epi8(at, with_head ? head : tail, out);
		else
			_mm512_storeu_si512(at, out);
		if (seal && with_head)
			out = _mm512_mask_mov_epi8(aad, head, out);
		else if (seal && with_tail)
			out = _mm512_maskz_mov_epi8(tail, out);
		if (seal)
			stream->hashed[i] = out;
		if (seal && last)
			stream_hash(stream, i);
	}
	stream->data += n * VAES_UNIT;
	stream->ahead += n * VAES_UNIT;
	stream->octets -= n * VAES_UNIT;
	stream->counters += n * VAES_UNIT;
}

static ALWAYS_INLINE void stream_last_group(
	struct stream *stream, unsigned rounds, bool seal, uint32_t units, bool first, bool later)
{
	switch (units) {
	case 1:
		stream_group(stream, rounds, seal, (struct group){1, first, true, later});
		break;
	case 2:
		stream_group(stream, rounds, seal, (struct group){2, first, true, later});
		break;
	case 3:
		stream_group(stream, rounds, seal, (struct group){3, first, true, later});
		break;
	default:
		stream_group(stream, rounds, seal, (struct group){GROUP, first, true, later});
		break;
	}
}

// Counters begin with 1 (NIST SP 800-38D section 7.1).
static ALWAYS_INLINE void stream_count_on(struct stream *stream, uint32_t unit)
{
	const __m512i order = _mm512_set_epi32(3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0);

	stream->counter = _mm512_add_epi32(
		order, _mm512_set1_epi32((int)(unit * (VAES_UNIT / VAES_BLOCK) + 1)));
	stream->whitened_nonce =
		_mm512_xor_si512(load_nonce(stream->op), spread(key_of(stream->op)->round_key[0]));
}

// The hash so far moves on as far as the chunk is long, by one more multiplication, which is added
// to the chunk's own. Its four sums need not be added for that.
static ALWAYS_INLINE void stream_next_chunk(struct stream *stream, bool seal, uint32_t left)
{
	const struct vaes_key *key = key_of(stream->op);
	const bool final = left <= VAES_CHUNK_UNITS;
	uint32_t power =
		final ? (stream->octets + VAES_BLOCK - 1) / VAES_BLOCK + 1 : VAES_CHUNK_BLOCKS;
	const size_t index = VAES_POWERS - power;
	__m512i carried;

	if (seal) {
#pragma GCC unroll 4
		for (unsigned i = 0; i < GROUP; i++) {
			stream_hash(stream, i);
			stream->hashed[i] = _mm512_setzero_si512();
		}
	}
	carried = hash_reduce(&stream->hash);
	stream->hash = final ? hash_lengths(stream->op) : (struct hash){0};
	hash_add(&stream->hash, carried, spread(key->low_power[index]),
		spread(key->high_power[index]));
	stream->powers = powers_from(key, power);
	// Sealing is a group behind, and finds zeros to hash there.
	if (seal)
		stream->powers -= GROUP * VAES_UNIT;
}

static ALWAYS_INLINE void stream_later_chunks(
	struct stream *stream, uint32_t left, unsigned rounds, bool seal)
{
	stream_count_on(stream, VAES_CHUNK_UNITS);
	for (uint32_t done = 0;; done += GROUP, left -= GROUP) {
		if (done % VAES_CHUNK_UNITS == 0)
			stream_next_chunk(stream, seal, left);
		if (left <= GROUP)
			break;
		stream_group(stream, rounds, seal, (struct group){GROUP, false, false, true});
	}
	stream_last_group(stream, rounds, seal, left, false, true);
}

static ALWAYS_INLINE void stream_run(
	struct stream *stream, uint32_t units, unsigned rounds, bool seal)
{
	const bool one_chunk = units <= VAES_CHUNK_UNITS;
	uint32_t left = one_chunk ? units : VAES_CHUNK_UNITS;

	if (left <= GROUP) {
		stream_last_group(stream, rounds, seal, left, true, false);
		return;
	}
	stream_group(stream, rounds, seal, (struct group){GROUP, true, false, false});
	for (left -= GROUP; left > GROUP; left -= GROUP)
		stream_group(stream, rounds, seal, (struct group){GROUP, false, false, false});
	if (likely(one_chunk)) {
		stream_last_group(stream, rounds, seal, left, false, false);
		return;
	}
	stream_group(stream, rounds, seal, (struct group){GROUP, false, false, false});
	stream_later_chunks(stream, units - VAES_CHUNK_UNITS, rounds, seal);
}

// next: the packet behind this one, or this one.
static ALWAYS_INLINE void stream_packet(struct aead_op *op, const struct aead_op *next,
	struct vaes_scratch *scratch, unsigned rounds, bool seal)
{
	uint32_t units = units_of(op);
	struct stream stream = {
		.op = op,
		.data = unit_data(op, 0),
		.ahead = next->data,
		.octets = op->octets + VAES_BLOCK,
		.counters = key_of(op)->counters[0],
		.first_round = first_round(op),
	};

	if (!seal)
		scratch->received[scratch->waiting] = load_16_octets(op->tag);
	if (likely(units <= VAES_CHUNK_UNITS)) {
		stream.hash = hash_lengths(op);
		stream.powers = powers_from(key_of(op), first_power(op));
	} else {
		stream.powers = powers_from(key_of(op), VAES_CHUNK_BLOCKS);
	}
	stream_run(&stream, units, rounds, seal);
	scratch->hash[scratch->waiting] = stream.hash;
	scratch->first_keystream[scratch->waiting] = stream.first_keystream;
	scratch->op[scratch->waiting++] = op;
}

// Where packets are missing, the last one stands in for them.
static ALWAYS_INLINE void stream_finish(struct vaes_scratch *scratch, bool seal, bool *forged)
{
	const __m512i *first = scratch->first_keystream, *received = scratch->received;
	struct hash sums;
	__m512i tags;

	for (unsigned i = scratch->waiting; i < VAES_TOGETHER; i++) {
		scratch->hash[i] = scratch->hash[i - 1];
		scratch->first_keystream[i] = first[i - 1];
		scratch->received[i] = received[i - 1];
		scratch->op[i] = scratch->op[i - 1];
	}
	sums = sum_hashes(scratch->hash);
	tags = tags_of(&sums, first_blocks(first[0], first[1], first[2], first[3]));
	if (seal)
		store_tags(scratch->op, tags);
	else
		judge(scratch->op, tags,
			first_blocks(received[0], received[1], received[2], received[3]), forged);
	scratch->waiting = 0;
}
