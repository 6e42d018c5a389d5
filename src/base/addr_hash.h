// A hash of addresses for tables whose contents others choose: whoever does not know the key cannot
// choose addresses that share a place. Sums of products with secret factors, of which the upper
// half counts, are universal: two addresses share one of n places with a chance of one in n
// (Dietzfelbinger 1996, "Universal hashing and k-wise independent random variables via integer
// arithmetic without primes"). Such sums keep neighbours at equal distances, which for some keys
// heaps a whole subnet on few places; mixing the bits afterwards, the same for all keys, ends that
// and leaves the chances as they are.
#pragma once

#include "base/secret.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct addr_hash {
	uint64_t factor[5]; // of the address's words, and of what stands beside it
	uint64_t first;
};

// 0 or -errno.
static inline int addr_hash_seed(struct addr_hash *hash)
{
	return secret_random(hash, sizeof(*hash));
}

// A permutation.
static inline uint32_t addr_hash_mix(uint32_t hash)
{
	hash = (hash ^ hash >> 16) * UINT32_C(0x9e3779b1);
	hash = (hash ^ hash >> 15) * UINT32_C(0x85ebca77);
	return hash ^ hash >> 16;
}

// octets: 4 or 16. beside: of the key too, such as a port.
static inline uint32_t addr_hash_of(
	const struct addr_hash *hash, const uint8_t *addr, size_t octets, uint32_t beside)
{
	uint64_t sum = hash->first + hash->factor[4] * beside;

	for (size_t i = 0; i < octets / 4; i++) {
		uint32_t word;

		memcpy(&word, addr + 4 * i, sizeof(word));
		sum += hash->factor[i] * word;
	}
	return addr_hash_mix((uint32_t)(sum >> 32));
}
