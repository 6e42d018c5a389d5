// Faults on purpose, exactly counted, to see whether a measurement finds them: every so many
// packets one is lost, doubled, or sent behind the next one.
#pragma once

#include <rte_mbuf.h>

struct fault_plan {
	uint64_t lose_every; // 0: never
	uint64_t double_every;
	uint64_t swap_every;
};

struct fault_counters {
	uint64_t lost;
	uint64_t doubled;
	uint64_t swapped;
};

struct fault {
	struct fault_plan plan;
	uint64_t seen;
	struct rte_mbuf *held; // leaves behind the next one
	struct fault_counters counters;
};

// Takes a packet, appends what leaves now to m[*n]: at most three packets.
#define FAULT_OUT_MAX 3
void fault_take(struct fault *fault, struct rte_mbuf *packet, struct rte_mbuf **m, uint16_t *n);
void fault_stop(struct fault *fault);
