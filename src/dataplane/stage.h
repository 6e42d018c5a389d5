// Where a worker's time goes: cycles per stage of the paths. Off unless asked for; then it costs
// one predictable branch per stage and burst.
#pragma once

#include "base/compiler.h"
#include "base/counter.h"

#include <rte_cycles.h>
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

// The worker writes, others read; `on` is the other way round.
struct stage_clock {
	_Atomic bool on;
	uint64_t last; // TSC
	uint64_t cycles[STAGES];
};

static ALWAYS_INLINE void stage_begin(struct stage_clock *clock)
{
	if (unlikely(atomic_load_explicit(&clock->on, memory_order_relaxed)))
		clock->last = rte_rdtsc();
}

// All since the last call, or since stage_begin, was this stage's work.
static ALWAYS_INLINE void stage_end(struct stage_clock *clock, enum stage stage)
{
	uint64_t now;

	if (likely(!atomic_load_explicit(&clock->on, memory_order_relaxed)))
		return;
	now = rte_rdtsc();
	counter_add(&clock->cycles[stage], now - clock->last);
	clock->last = now;
}
