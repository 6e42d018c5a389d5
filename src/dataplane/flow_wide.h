// Wide flows: all IPv4 packets to one address from one network, whatever their protocol and ports.
// A site's traffic has few of them, however many flows its hosts have.
#pragma once

#include "dataplane/spd.h"

#include <assert.h>
#include <rte_byteorder.h>
#include <rte_common.h>
#include <stdalign.h>

#define HASH_ODD UINT64_C(0x9e3779b97f4a7c15)

// Both addresses as they lie in a packet: the source in the lower half, its first octet lowest.
#define WIDE_DESTINATION UINT64_C(0xffffffff00000000)
// Sources of one wide flow have so many bits in common at least. Its place depends on no others,
// and neither does whether it may be forwarded (ip_source_forwardable).
#define WIDE_SOURCE_BITS 16
#define WIDE_SOURCE UINT64_C(0xffff)

struct place_hash {
	uint64_t seed;	// nobody outside knows which flows share a place
	unsigned shift; // that leaves as many bits of a hash as there are places
};

struct wide_flow {
	alignas(CACHE_LINE / 2) uint64_t addresses;
	uint64_t stamp;
	uint32_t source_mask; // of the bits that count
	uint32_t match;
	const struct adjacency *next;
};

static_assert(sizeof(struct wide_flow) == CACHE_LINE / 2, "two to a cache line");

// Of what is remembered for a direction while the worker's tables have this epoch, which is not 0.
static ALWAYS_INLINE uint64_t wide_stamp(uint64_t epoch, enum spd_direction direction)
{
	return epoch << 1 | direction;
}

static ALWAYS_INLINE bool wide_has_epoch(const struct wide_flow *flow, uint64_t epoch)
{
	return flow->stamp >> 1 == epoch;
}

static ALWAYS_INLINE struct wide_flow *wide_place(
	struct wide_flow places[], struct place_hash by, uint64_t addresses)
{
	uint64_t key = addresses & (WIDE_DESTINATION | WIDE_SOURCE);

	return &places[(key ^ by.seed) * HASH_ODD >> by.shift];
}

static ALWAYS_INLINE bool wide_is(const struct wide_flow *flow, uint64_t addresses, uint64_t stamp)
{
	uint64_t differ = (addresses ^ flow->addresses) & (WIDE_DESTINATION | flow->source_mask);

	return (differ | (stamp ^ flow->stamp)) == 0;
}

// The source bits that count where this policy decides alone, as they lie in a packet.
static inline uint32_t wide_source_mask(const struct policy *policy, enum spd_direction direction)
{
	const struct selector *selector = &policy->selector;
	const struct ip_prefix *source =
		direction == SPD_OUT ? &selector->source : &selector->destination;

	return rte_cpu_to_be_32(
		UINT32_MAX << (32 - RTE_MAX(source->length, (uint8_t)WIDE_SOURCE_BITS)));
}
