// Measuring from inside: a receive queue's own thread notes how long the program under test takes
// for packets of the stream. Bursts of full load with rests between them, on a clock that all
// queues share; a burst is cut into slices of a fixed number of packets. Slices in which the kernel
// ran something else on this CPU are counted and left out of the quantiles.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define METER_BURSTS_MAX 256
#define METER_SLICES_MAX 32768

struct meter_params {
	unsigned bursts; // 0: do not measure; an endless stream
	unsigned burst_ms;
	unsigned warm_ms; // of full load before each burst
	unsigned rest_ms;
	const char *go; // a file: the first burst begins once it is there; NULL: at once
	unsigned slice; // packets
};

// One burst as it was measured.
struct meter_burst {
	uint64_t received; // by the program, from this queue
	uint64_t sent;	   // by this thread, on all ports
	uint64_t tsc;
	uint64_t cpu_ns; // of this thread
	uint64_t wall_ns;
	uint64_t switches; // to another thread
	unsigned slices;   // that the quantiles are of
	unsigned interrupted;
	double slice_min, slice_p10, slice_p25, slice_median, slice_p75,
		slice_p90; // TSC per packet
	double sent_rate;  // by this thread, packets per TSC cycle: the slices' median
};

struct meter;

// 0 or -errno. Control thread.
int meter_create(const struct meter_params *params, uint16_t queue, struct meter **created);
void meter_destroy(struct meter *meter);

// The count of packets at which meter_turn wants to be called again.
uint64_t meter_next(const struct meter *meter);
// The queue's thread, between two of its receive calls. Sleeps where the stream rests. false: there
// is nothing to receive now.
bool meter_turn(struct meter *meter, uint64_t received);
bool meter_is_done(const struct meter *meter);
// The bursts as a JSON array.
void meter_print(const struct meter *meter, FILE *to);

// Frames that this thread has sent.
extern __thread uint64_t meter_sent;
