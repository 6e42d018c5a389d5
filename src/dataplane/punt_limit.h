// How much of each kind of traffic a worker gives to control, of each port, so that a flood at one
// does not shut out the others. Two limits: of the kind, so that the kernel and the control thread
// keep up, and of each sender in it, so that one who floods does not shut out the others. Senders
// share a fixed table by their hash.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PUNT_SENDERS 256
// One sender's part of its class of the kernel's traffic, and of what senders are told.
#define PUNT_SENDER_PART 8
#define TELL_SENDER_PART 64
// What may come at once, as time at the full rate.
#define PUNT_BURST_PER_SECOND 4
#define PUNT_BURST_MIN 16

// A rate as the time between packets, in TSC cycles. Zero: no limit.
struct punt_rate {
	uint64_t interval;
	uint64_t depth; // how far ahead of now the packets let pass may be
};

// One worker's, of one port and kind. The worker writes all but the rates.
struct punt_limit {
	struct punt_rate all;
	struct punt_rate sender;
	// When the next packet would be due if they came evenly (the "virtual scheduling" form of
	// the leaky bucket).
	uint64_t due;
	uint64_t sender_due[PUNT_SENDERS];
};

// per_second: 1 .. tsc_hz packets in all, 0: no limit. part: how many senders it takes to use that
// up.
void punt_limit_init(struct punt_limit *limit, uint32_t per_second, uint32_t part, uint64_t tsc_hz);

// Takes one packet at TSC `now` of the sender whose hash this is; false: it is one too many.
bool punt_limit_take(struct punt_limit *limit, uint32_t sender, uint64_t now);
