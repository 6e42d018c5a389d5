// What the files of the VAES engines share: the expanded key, and what is compiled for AVX512 and
// for AVX2.
//
// With AVX512 a unit is 64 octets, one vector of four blocks. The first block of a packet's first
// unit is the counter block of its tag (J0 in NIST SP 800-38D) where keystream is made, and its
// associated data where the packet is hashed; its data begin with the second block. (Where four
// packets of one length go side by side these blocks have vectors of their own, and units are of
// data alone.)
#pragma once

#include "crypto/aead.h"

#define VAES_UNIT 64
#define VAES_BLOCK 16
// Packets of more units are hashed in chunks of so many.
#define VAES_CHUNK_UNITS 24
#define VAES_CHUNK_BLOCKS (VAES_CHUNK_UNITS * VAES_UNIT / VAES_BLOCK)
#define VAES_POWERS (VAES_CHUNK_BLOCKS + 1)
// As many as a unit of data, its associated data and its lengths take.
#define VAES_WIDE_POWERS (VAES_UNIT / VAES_BLOCK + 2)

// The multiplier H^i of GHASH is kept twice: as it is, for the high half of a block, and divided by
// x^64, for the low half. That way both halves' products have the same weight.
struct vaes_key {
	alignas(CACHE_LINE) uint8_t round_key[15][VAES_BLOCK];
	// What the length block adds to the hash: the first for each octet of data, the second for
	// 0, 4, 8 and 12 octets of associated data.
	uint8_t data_length[VAES_BLOCK];
	uint8_t aad_length[4][VAES_BLOCK];
	// The first counters, whitened with the first round key.
	alignas(CACHE_LINE) uint8_t first_counters[VAES_UNIT / VAES_BLOCK + 1][VAES_BLOCK];
	// What a chunk's counters add to the state behind the first round: they differ in one
	// octet, so that round is done once a packet.
	alignas(CACHE_LINE) uint8_t counters[VAES_CHUNK_BLOCKS + 1][VAES_BLOCK];
	// From the highest to H. Units that end early meet the zeros behind. So many that both
	// forms of a power begin in a line of the cache alike.
	alignas(CACHE_LINE) uint8_t low_power[VAES_POWERS + 3][VAES_BLOCK];
	uint8_t high_power[VAES_POWERS + 3][VAES_BLOCK];
	// The round keys, each four times: to load one so takes a load, to spread it while it is
	// loaded takes one of the units that AES and products need. For packets of one key, and for
	// long ones: short ones of many keys do not find so many lines in the cache.
	alignas(CACHE_LINE) uint8_t wide_round_key[15][VAES_UNIT];
	// The same of the lowest powers, and zeros behind.
	uint8_t wide_low_power[VAES_WIDE_POWERS + 1][VAES_UNIT];
	uint8_t wide_high_power[VAES_WIDE_POWERS + 1][VAES_UNIT];
};

static_assert(sizeof(struct vaes_key) + CACHE_LINE <= 8192,
	"with what is in front of it a key shares memory with others (base/secret.c)");

// How far behind a power its other form is.
#define HIGH_POWER (offsetof(struct vaes_key, high_power) - offsetof(struct vaes_key, low_power))

static ALWAYS_INLINE const struct vaes_key *key_of(const struct aead_op *op)
{
	return (const struct vaes_key *)(const void *)op->key->expanded;
}

static ALWAYS_INLINE uint32_t blocks_of(const struct aead_op *op)
{
	return (op->octets + VAES_BLOCK - 1) / VAES_BLOCK;
}

// In a key: the powers for the blocks of a chunk whose first has this power.
static ALWAYS_INLINE size_t powers_at(uint32_t power)
{
	return offsetof(struct vaes_key, low_power) + (VAES_POWERS - power) * (size_t)VAES_BLOCK;
}

static ALWAYS_INLINE const uint8_t *powers_from(const struct vaes_key *key, uint32_t power)
{
	return (const uint8_t *)key + powers_at(power);
}

// The power of the associated data: behind them come the data and the length block.
static ALWAYS_INLINE uint32_t first_power(const struct aead_op *op)
{
	return blocks_of(op) + 2;
}

// A worker's own memory, for what does not fit into registers. Zero between bursts.
struct vaes_scratch;

size_t vaes_scratch_octets(void);
// cipher_key_octets is 16, 24 or 32.
void vaes_expand(const uint8_t *cipher_key, size_t cipher_key_octets, struct vaes_key *key);
void vaes_seal_burst(struct vaes_scratch *scratch, enum aead_algorithm algorithm,
	struct aead_op *ops, unsigned n);
bool vaes_open_burst(struct vaes_scratch *scratch, enum aead_algorithm algorithm,
	struct aead_op *ops, unsigned n);
// The same without AVX512.
void vaes_avx2_seal_burst(enum aead_algorithm algorithm, struct aead_op *ops, unsigned n);
bool vaes_avx2_open_burst(enum aead_algorithm algorithm, struct aead_op *ops, unsigned n);
