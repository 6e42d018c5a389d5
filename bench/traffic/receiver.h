// Receives from one queue: measuring packets are judged, neighbours get their answers, everything
// else is counted. Owned by one thread; others read the counters.
#pragma once

#include "bench/traffic/histogram.h"
#include "bench/traffic/stamp.h"
#include "bench/traffic/station.h"
#include "bench/traffic/track.h"

#include <rte_mbuf.h>

#define RECEIVER_BURST 64

struct receiver_counters {
	uint64_t packets; // measuring packets, further copies included
	uint64_t ip_octets;
	uint64_t once; // first copies
	uint64_t once_ip_octets;
	uint64_t skipped;   // numbers left open by a later one of their flow
	uint64_t reordered; // first copies that came after a later one: they fill such a gap
	uint64_t duplicates;
	uint64_t late; // too late to know whether they came before
	uint64_t corrupt;
	uint64_t foreign; // no measuring packet of this run
	uint64_t probes;
	uint64_t answers; // to neighbours
};

struct receiver {
	uint16_t device;
	uint16_t queue; // both ways
	bool v6;
	bool verify; // checksums
	uint16_t tag;
	uint32_t flows;
	struct rte_mempool *pool; // for answers
	const struct tracks *tracks;
	struct histogram *latency; // ticks
	struct station station;
	struct receiver_counters counters;
};

// Takes at most a burst. Returns how many frames came.
unsigned receiver_turn(struct receiver *receiver);
// Sends one frame from where answers are sent.
void receiver_send(struct receiver *receiver, const uint8_t *frame, uint32_t octets);
