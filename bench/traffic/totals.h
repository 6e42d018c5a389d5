// What vpegen's workers have counted so far, all together.
#pragma once

#include "bench/traffic/generator.h"

struct totals {
	struct sender_counters sent;
	struct receiver_counters received;
	struct histogram latency; // ticks
};

// One flow, over all receivers.
struct flow_totals {
	uint64_t sent;
	uint64_t once;
	uint64_t reordered;
	uint64_t duplicates;
	uint64_t late;
	uint64_t farthest;
	unsigned receivers; // that saw it
};

// May be called while the workers run.
void totals_read(const struct generator *generator, struct totals *totals);
// Takes away an earlier state of the same generator.
void totals_subtract(struct totals *from, const struct totals *earlier);
// For when the workers have ended.
void totals_of_flow(const struct generator *generator, uint32_t flow, struct flow_totals *totals);
