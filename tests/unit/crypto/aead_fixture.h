// Shared by the tests of engines, which go through engines_all: keys, packets with guards around
// them.
#pragma once

#include "crypto/engines.h"

#define FIXTURE_OCTETS_MAX 9600
#define FIXTURE_BURST 64
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

// This CPU can run the engine, and the engine the algorithm.
bool fixture_can(const struct aead_engine *engine, enum aead_algorithm algorithm);

// Repeatable octets from a seed; not for keys outside tests.
struct fixture_random {
	uint64_t state;
};
void fixture_fill(struct fixture_random *random, void *memory, size_t octets);
uint32_t fixture_below(struct fixture_random *random, uint32_t bound);

// How a packet lies in memory.
struct packet_shape {
	uint32_t octets;
	uint8_t aad_octets;
	uint8_t misalignment; // of the nonce, 0..63
	bool tag_first;	      // VPE's order; otherwise ESP's
};

struct packet {
	struct aead_op op;
	uint8_t plaintext[FIXTURE_OCTETS_MAX];
	uint8_t image[FIXTURE_OCTETS_MAX + 512]; // guard, nonce, AAD, data and tag, guard
	uint8_t before[FIXTURE_OCTETS_MAX + 512];
};

struct aead_key *fixture_key(
	const struct aead_engine *engine, enum aead_algorithm algorithm, const uint8_t *key);
struct aead_ctx *fixture_ctx(void);

// Fills the image with random octets and points op into it. op.key is the caller's.
void packet_lay_out(
	struct packet *packet, const struct packet_shape *shape, struct fixture_random *random);
// Remembers the image as it is now.
void packet_snapshot(struct packet *packet);
// Since the snapshot nothing changed but data and tag; with tag_too not even the tag.
void packet_assert_rest_untouched(const struct packet *packet, bool tag_too);
void packet_assert_wiped(const struct packet *packet);
