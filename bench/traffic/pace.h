// When the next packet may leave: evenly paced by packets or by octets, or at once.
#pragma once

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

enum pace_unit { PACE_FLAT_OUT, PACE_PACKETS, PACE_OCTETS };

struct pace_rate {
	enum pace_unit unit;
	uint64_t per_s; // packets or octets of IP
};

// Time is in ticks of the caller's clock. The schedule keeps fractions of a tick, so that it does
// not drift.
#define PACE_FRACTION_BITS 20

struct pace {
	enum pace_unit unit;
	uint64_t step;	   // ticks per packet or octet, with PACE_FRACTION_BITS behind the point
	uint64_t next;	   // when the next packet is due
	uint64_t fraction; // of next
	uint64_t behind;   // ticks that were given up because nobody could keep the pace
};

// "max", "250k", "1.5Mpps" (packets per second), "2Gbit" or "800Mbit/s" (bits of IP packets per
// second). From 1 to 10^12. 0 or -EINVAL.
int pace_parse(const char *text, struct pace_rate *rate);

// The index-th of n paces that make up the rate together.
void pace_start(struct pace *pace, const struct pace_rate *rate, unsigned index, unsigned n,
	uint64_t ticks_hz, uint64_t now);

static ALWAYS_INLINE bool pace_due(const struct pace *pace, uint64_t now)
{
	return pace->unit == PACE_FLAT_OUT || (int64_t)(now - pace->next) >= 0;
}

// One packet of so many IP octets leaves.
static ALWAYS_INLINE void pace_take(struct pace *pace, uint32_t octets)
{
	uint64_t units = pace->unit == PACE_OCTETS ? octets : 1;
	uint64_t sum = pace->fraction + pace->step * units;

	pace->next += sum >> PACE_FRACTION_BITS;
	pace->fraction = sum & ((1u << PACE_FRACTION_BITS) - 1);
}

// What is due for longer than this is given up: a sender that was stopped for a while goes on at
// its pace, it does not flood.
static ALWAYS_INLINE void pace_catch_up(struct pace *pace, uint64_t now, uint64_t most)
{
	if (pace->unit != PACE_FLAT_OUT && (int64_t)(now - pace->next) > (int64_t)most) {
		pace->behind += now - pace->next - most;
		pace->next = now - most;
	}
}
