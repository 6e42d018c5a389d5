// What a measuring packet carries at the start of its UDP payload, big-endian: the run's tag (16
// bits), the flow (32), its number in the flow (48), and when it left (48 bits of ticks). 18
// octets, so that it fits into the smallest Ethernet frame with IPv4.
#pragma once

#include "base/bytes.h"
#include "base/compiler.h"

#define STAMP_OCTETS 18
#define STAMP_FLOW 2
#define STAMP_NUMBER 6
#define STAMP_TIME 12
#define STAMP_48_BITS ((UINT64_C(1) << 48) - 1)
// A flow that is not measured: packets that make neighbours known before a run.
#define STAMP_PROBE UINT32_MAX

struct stamp {
	uint16_t tag;
	uint32_t flow;
	uint64_t number;
	uint64_t time;
};

static ALWAYS_INLINE void stamp_store_48(uint8_t *p, uint64_t value)
{
	store_be16(p, (uint16_t)(value >> 32));
	store_be32(p + 2, (uint32_t)value);
}

static ALWAYS_INLINE uint64_t stamp_load_48(const uint8_t *p)
{
	return (uint64_t)load_be16(p) << 32 | load_be32(p + 2);
}

static ALWAYS_INLINE struct stamp stamp_load(const uint8_t *p)
{
	return (struct stamp){
		.tag = load_be16(p),
		.flow = load_be32(p + STAMP_FLOW),
		.number = stamp_load_48(p + STAMP_NUMBER),
		.time = stamp_load_48(p + STAMP_TIME),
	};
}
