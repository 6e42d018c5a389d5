// Sends measuring packets of its flows on one transmit queue, round robin. Owned by one thread;
// others read the counters.
#pragma once

#include "bench/traffic/flow.h"
#include "bench/traffic/pace.h"

#include <rte_mbuf.h>

#define SENDER_BURST_MAX 64

struct sender_counters {
	uint64_t packets;   // that the port took
	uint64_t ip_octets; // of these
	uint64_t full;	    // turns that found no room in the port
	uint64_t no_buffer; // turns that found no buffer
};

struct sender {
	uint16_t device;
	uint16_t queue;
	bool v6;
	bool offload;
	uint16_t burst; // at most SENDER_BURST_MAX
	struct rte_mempool *pool;
	const struct mix *sizes; // frames without FCS
	struct pace pace;
	uint64_t catch_up; // ticks: what is due for longer is given up
	uint64_t left;	   // packets still to be written
	uint32_t flows;
	uint32_t at; // the flow whose turn it is
	struct flow *flow;
	// Buffers in m: those up to `sent` are gone, those up to `written` wait for room in the
	// port.
	uint16_t sent;
	uint16_t written;
	uint16_t filled;
	struct rte_mbuf *m[SENDER_BURST_MAX];
	struct flow *owner[SENDER_BURST_MAX]; // of what is written
	uint64_t number[SENDER_BURST_MAX];
	struct sender_counters counters;
};

// The flows of plan whose index is `first` modulo `step`. Call it once the plan is complete. 0 or
// -errno.
int sender_create_flows(
	struct sender *sender, const struct flow_plan *plan, uint32_t first, uint32_t step);
// Sends what is due, at most a burst. Returns how many packets the port took.
unsigned sender_turn(struct sender *sender);
// All packets are sent.
bool sender_done(const struct sender *sender);
// Takes back what is written and not sent, so that the flows' numbers say what was sent.
void sender_stop(struct sender *sender);
void sender_destroy(struct sender *sender);
