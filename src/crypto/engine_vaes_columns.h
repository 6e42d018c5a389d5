// Fours of packets with one key for all, each four of one length, a unit of data at most. While
// the CPU makes keystream for four it hashes the four before: either alone would have it wait for
// results most of the time.
//
// Columns are hashed: the first blocks of four packets, then the second ones and so on, each vector
// with one power, so that their sums need not be added.
#pragma once

#include "crypto/engine_vaes_packet.h"

#define COLUMNS_STATES (VAES_TOGETHER + 1) // the last: the counter blocks of the tags
#define COLUMNS_STEPS 7
// How far behind a power its other form is, both wide.
#define WIDE_HIGH_POWER \
	(offsetof(struct vaes_key, wide_high_power) - offsetof(struct vaes_key, wide_low_power))

// Four packets that are enciphered; their hash lacks the data.
struct columns {
	struct aead_op *ops;
	const uint8_t *powers;	       // of the first column, wide
	__m512i hashed[VAES_TOGETHER]; // a packet each, then a column each
	struct hash lengths;	       // what the length blocks add
	struct hash sums;
	__m512i tags; // as far as they are known
	__m512i received;
	bool forged; // one of all so far
};

// Of four packets with one key.
static ALWAYS_INLINE bool columns_fit(const struct aead_op *ops)
{
	return one_length(ops) && ops->octets - 1 < VAES_UNIT;
}

static ALWAYS_INLINE void columns_hash(struct hash *sums, __m512i column, const uint8_t *power)
{
	hash_add(sums, swap_octets(column), load_vector(power),
		load_vector(power + WIDE_HIGH_POWER));
}

// Of eight octets the second half of a block, its low one once swapped, is zero.
static ALWAYS_INLINE void columns_hash_aads(
	struct hash *sums, struct aead_op *const *op, const uint8_t *power)
{
	const __m512i blocks = load_aads(op);

	if (likely(op[0]->aad_octets == 8))
		hash_add_high(sums, swap_octets(blocks), load_vector(power + WIDE_HIGH_POWER));
	else
		columns_hash(sums, blocks, power);
}

static ALWAYS_INLINE struct hash columns_hash_lengths(const struct aead_op *ops)
{
	const struct vaes_key *key = key_of(ops);

	return hash_four_lengths(
		ops, spread(key->data_length), spread(key->aad_length[ops->aad_octets / 4]));
}

// Of what remains to be done for four packets, a step for each round of the next four.
static ALWAYS_INLINE void columns_step(struct columns *columns, unsigned step, bool seal)
{
	struct aead_op *ops = columns->ops;
	struct aead_op *const op[VAES_TOGETHER] = {&ops[0], &ops[1], &ops[2], &ops[3]};
	const unsigned column = step - 2;

	switch (step) {
	case 1:
		transpose(columns->hashed);
		break;
	case 2:
	case 3:
	case 4:
	case 5:
		if (column < VAES_TOGETHER - 1 || blocks_of(ops) == VAES_TOGETHER)
			columns_hash(&columns->sums, columns->hashed[column],
				columns->powers + (size_t)column * VAES_UNIT);
		break;
	case 6:
		columns->tags = tags_of(&columns->sums, columns->tags);
		break;
	case COLUMNS_STEPS:
		if (seal)
			store_tags(op, columns->tags);
		else
			columns->forged |= tell_forged(op, columns->tags, columns->received);
		break;
	default:
		break;
	}
}

// The states behind the whitening. Loads the packets' nonces.
static ALWAYS_INLINE void columns_start(const struct aead_op *ops, __m512i *state)
{
	const struct vaes_key *key = key_of(ops);
	__m512i nonce[VAES_TOGETHER];

#pragma GCC unroll 4
	for (unsigned i = 0; i < VAES_TOGETHER; i++) {
		nonce[i] = load_nonce(&ops[i]);
		state[i] = _mm512_xor_si512(nonce[i], load_vector(key->first_counters[1]));
	}
	state[VAES_TOGETHER] =
		_mm512_xor_si512(first_blocks(nonce[0], nonce[1], nonce[2], nonce[3]),
			spread(key->first_counters[0]));
}

// Enciphers four packets. before: the four before these are in `columns`, and are done then.
static ALWAYS_INLINE void columns_four(
	struct columns *columns, bool before, struct aead_op *ops, unsigned rounds, bool seal)
{
	const bool alike = before && same_length(columns->ops, ops);
	const __mmask64 mask = _bzhi_u64(~0ULL, ops->octets);
	struct aead_op *const op[VAES_TOGETHER] = {&ops[0], &ops[1], &ops[2], &ops[3]};
	struct columns these = {
		.ops = ops,
		.powers = key_of(ops)->wide_low_power[VAES_WIDE_POWERS - blocks_of(ops) - 1],
	};
	__m512i state[COLUMNS_STATES];

	if (!seal)
		these.received = load_tags(op);
	columns_start(ops, state);
#pragma GCC unroll 16
	for (unsigned round = 1; round <= rounds; round++) {
		const __m512i key = held(load_vector(key_of(ops)->wide_round_key[round]));

#pragma GCC unroll 5
		for (unsigned i = 0; i < COLUMNS_STATES; i++)
			state[i] = encipher_with(state[i], key, round == rounds);
		if (before)
			columns_step(columns, round, seal);
		if (round == COLUMNS_STEPS + 1)
			these.sums = these.lengths =
				alike ? columns->lengths : columns_hash_lengths(ops);
		if (round == COLUMNS_STEPS + 2 && ops->aad_octets > 0)
			columns_hash_aads(&these.sums, op, these.powers - VAES_UNIT);
	}
	these.tags = state[VAES_TOGETHER];
#pragma GCC unroll 4
	for (unsigned i = 0; i < VAES_TOGETHER; i++) {
		__m512i in = _mm512_maskz_loadu_epi8(mask, ops[i].data);
		__m512i out = _mm512_xor_si512(in, state[i]);

		_mm512_mask_storeu_epi8(ops[i].data, mask, out);
		these.hashed[i] = seal ? _mm512_maskz_mov_epi8(mask, out) : in;
	}
	these.forged = before && columns->forged;
	*columns = these;
}

// As many fours as fit, the first of which does. Returns how many packets that were.
static ALWAYS_INLINE unsigned columns_run(
	struct aead_op *ops, unsigned n, unsigned rounds, bool seal, bool *forged)
{
	struct columns columns;
	unsigned done = VAES_TOGETHER;

	columns_four(&columns, false, ops, rounds, seal);
	for (; done + VAES_TOGETHER <= n && ops[done].key == ops->key && one_key(ops + done) &&
		columns_fit(ops + done);
		done += VAES_TOGETHER)
		columns_four(&columns, true, ops + done, rounds, seal);
#pragma GCC unroll 16
	for (unsigned step = 1; step <= COLUMNS_STEPS; step++)
		columns_step(&columns, step, seal);
	// Now that no register is needed any more.
	if (unlikely(columns.forged)) {
		*forged = true;
		for (unsigned i = 0; i < done; i++)
			wipe_forged(&ops[i]);
	}
	return done;
}
