// Where a worker's time goes: a profile of the stages of the paths, taken while it is asked for, of
// every fourth turn, since reading the clock takes time too. Else it costs one predictable branch
// per stage and burst.
#pragma once

#include "base/compiler.h"
#include "base/counter.h"

#include <rte_cycles.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

// In the order in which a packet meets them.
// clang-format off
#define STAGE_ROWS(X) \
	X(receive,  "receive") \
	X(classify, "classify") \
	X(policy,   "policies, and what is for the gateway itself") \
	X(sa,       "inbound SA") \
	X(headers,  "tunnel headers, replay check") \
	X(crypto,   "crypto") \
	X(commit,   "replay commit, inner packet") \
	X(route,    "route, link header") \
	X(transmit, "transmit")
// clang-format on

enum stage {
#define X(id, text) STAGE_##id,
	STAGE_ROWS(X)
#undef X
		STAGES
};

const char *stage_name(enum stage stage);
const char *stage_text(enum stage stage);

// Bucket i counts bursts with less than 2^i cycles a packet that no bucket before it counts, the
// last one all others.
#define STAGE_BUCKETS 16
// Fractions of a cycle that min and max are told in.
#define STAGE_FRACTION 16
// One turn of so many is measured: a power of two.
#define STAGE_TURNS 4

// The worker writes, others read.
struct stage_figures {
	uint64_t cycles; // TSC
	uint64_t packets;
	uint64_t bursts;
	// Cycles a packet, of a burst on the average, in sixteenths.
	uint64_t min;
	uint64_t max;
	uint64_t bucket[STAGE_BUCKETS];
};

struct stage_clock {
	// Control writes: the number of the profile that is to be taken; 0: none.
	alignas(CACHE_LINE) _Atomic uint32_t wanted;
	// The worker writes: the profile that the figures are of, or 0 while none is taken.
	_Atomic uint32_t running;
	bool measuring; // this turn
	uint32_t turns;
	uint32_t packets; // of the burst under way
	uint64_t last;	  // TSC
	struct stage_figures stage[STAGES];
};

// A turn while a profile is taken, or begins, or ends. Its figures begin with zero, and stay when
// it ends.
void stage_turn_on(struct stage_clock *clock);
void stage_record(struct stage_clock *clock, enum stage stage);

// Once a turn.
static ALWAYS_INLINE void stage_turn(struct stage_clock *clock)
{
	if (unlikely((atomic_load_explicit(&clock->wanted, memory_order_relaxed) |
			     atomic_load_explicit(&clock->running, memory_order_relaxed)) != 0))
		stage_turn_on(clock);
}

static ALWAYS_INLINE void stage_begin(struct stage_clock *clock)
{
	if (unlikely(clock->measuring))
		clock->last = rte_rdtsc();
}

// The stages that follow work on so many packets.
static ALWAYS_INLINE void stage_burst(struct stage_clock *clock, uint32_t packets)
{
	clock->packets = packets;
}

// All since the last call, or since stage_begin, was this stage's work.
static ALWAYS_INLINE void stage_end(struct stage_clock *clock, enum stage stage)
{
	if (unlikely(clock->measuring))
		stage_record(clock, stage);
}
