// The two halves of one hash say which two bits.
#include "dataplane/addr_filter.h"

#include <assert.h>
#include <rte_jhash.h>
#include <string.h>

#define WORD_BITS 64

static_assert(ADDR_FILTER_BITS == UINT16_MAX + 1); // a half each

static uint32_t hash(const struct ip_addr *addr, uint32_t seed)
{
	uint32_t octets[4]; // an address may lie anywhere, words may not

	memcpy(octets, addr->octets, sizeof(octets));
	return rte_jhash_32b(octets, 4, seed);
}

static void set(struct addr_filter *filter, uint16_t bit)
{
	atomic_fetch_or_explicit(&filter->word[bit / WORD_BITS], UINT64_C(1) << bit % WORD_BITS,
		memory_order_relaxed);
}

static bool is_set(const struct addr_filter *filter, uint16_t bit)
{
	uint64_t word = atomic_load_explicit(&filter->word[bit / WORD_BITS], memory_order_relaxed);

	return word >> bit % WORD_BITS & 1;
}

void addr_filter_add(struct addr_filter *filter, const struct ip_addr *addr, uint32_t seed)
{
	uint32_t bits = hash(addr, seed);

	set(filter, (uint16_t)bits);
	set(filter, (uint16_t)(bits >> 16));
}

void addr_filter_replace(struct addr_filter *filter, const struct addr_filter *next)
{
	for (unsigned i = 0; i < ADDR_FILTER_BITS / WORD_BITS; i++) {
		uint64_t word = atomic_load_explicit(&next->word[i], memory_order_relaxed);

		atomic_store_explicit(&filter->word[i], word, memory_order_relaxed);
	}
}

bool addr_filter_has(const struct addr_filter *filter, const struct ip_addr *addr, uint32_t seed)
{
	uint32_t bits = hash(addr, seed);

	return is_set(filter, (uint16_t)bits) && is_set(filter, (uint16_t)(bits >> 16));
}
