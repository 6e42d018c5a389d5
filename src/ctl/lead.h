// How far ahead of a counter its durable edge should lie: about a second of what it does now. More
// would be lost, or keep a peer waiting, after a crash; less would be written too often.
#pragma once

#include <stdint.h>

struct lead {
	uint64_t floor; // the least
	uint64_t size;	// as it was last given
	uint64_t begin_ns;
	uint64_t counted; // packets until begin_ns
	uint64_t before[2];
	uint64_t now; // packets since begin_ns
};

void lead_init(struct lead *lead, uint64_t floor);
// packets: that the counter has done in its life.
void lead_count(struct lead *lead, uint64_t packets, uint64_t now_ns);
// What the last half second asks for.
uint64_t lead_target(const struct lead *lead);
// The next lead of a counter that came near its edge, or that was held up there with so many
// packets.
uint64_t lead_before_edge(struct lead *lead);
uint64_t lead_after_edge(struct lead *lead, uint64_t held_up);
