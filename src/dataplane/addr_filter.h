// A set of addresses as a Bloom filter of two hashes: workers read while control adds to it or
// replaces it. Of n addresses, (n / 32768)^2 at most are taken for others in it.
#pragma once

#include "base/addr.h"

#include <stdatomic.h>

#define ADDR_FILTER_BITS 65536

struct addr_filter {
	_Atomic uint64_t word[ADDR_FILTER_BITS / 64];
};

// seed: secret, so that nobody outside can choose addresses that pass for others, and whatever else
// belongs to the address.
void addr_filter_add(struct addr_filter *filter, const struct ip_addr *addr, uint32_t seed);
// Whatever is in both is found all the while.
void addr_filter_replace(struct addr_filter *filter, const struct addr_filter *next);
bool addr_filter_has(const struct addr_filter *filter, const struct ip_addr *addr, uint32_t seed);
