// Sends back what it receives on one queue, answers neighbours. Owned by one thread; others read
// the counters.
#pragma once

#include "bench/traffic/fault.h"
#include "bench/traffic/station.h"

#define REFLECTOR_BURST 64

struct reflector_counters {
	uint64_t received; // frames
	uint64_t octets;
	uint64_t reflected; // that the port took
	uint64_t full;	    // that it did not take
	uint64_t answers;   // to neighbours
	uint64_t other;	    // neither sent back nor answered
};

struct reflector {
	uint16_t device;
	uint16_t queue; // both ways
	bool faulty;
	struct rte_mempool *pool; // for answers
	struct station station;
	struct fault fault;
	struct reflector_counters counters;
};

// Takes at most a burst. Returns how many frames came.
unsigned reflector_turn(struct reflector *reflector);
