// A burst of messages in memory, laid out as packets are in buffers: associated data, data, tag.
#pragma once

#include "crypto/aead.h"

#define MESSAGES_MAX 64

struct messages {
	size_t stride;
	uint8_t *memory;
	alignas(CACHE_LINE) uint8_t nonce[MESSAGES_MAX][16];
	struct aead_op op[MESSAGES_MAX];
};

// Repeatable octets, not for keys outside measurements.
struct messages_random {
	uint64_t state;
};
void messages_fill(struct messages_random *random, void *memory, size_t octets);
uint32_t messages_below(struct messages_random *random, uint32_t bound);

// 0 or -ENOMEM.
int messages_init(struct messages *messages, uint32_t octets_max);
// From now on for shorter messages, which lie closer together then.
void messages_narrow(struct messages *messages, uint32_t octets_max);
void messages_free(struct messages *messages);
// Points op i to data at this distance (0..63) from the start of a cache line. Memory stays as it
// is.
void messages_lay_out(struct messages *messages, unsigned i, const struct aead_key *key,
	uint32_t octets, uint8_t aad_octets, uint8_t misalignment);
// Fills message i, its nonce and what lies around it.
void messages_randomize(struct messages *messages, unsigned i, struct messages_random *random);
// The same layout with the same octets.
void messages_copy(struct messages *to, const struct messages *from, unsigned n);
// First message of the first n whose memory differs, tag and surroundings included; n if none.
unsigned messages_differ(const struct messages *a, const struct messages *b, unsigned n);
