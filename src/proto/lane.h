// Taking sequence numbers for a run: the one place where an outbound counter moves. A number is
// taken only below the lease's end, and no number twice.
#pragma once

#include "base/counter.h"
#include "proto/sa.h"

struct lane_run {
	struct sa_out_lane *lane;
	uint64_t lease_end;
	uint64_t seq; // of the next packet
	uint64_t octets;
};

// So many numbers behind the next one a packet may be and still be on its way, or an error about it
// on its way back: 0.4 s of ten million a second.
#define LANE_LATELY (UINT64_C(1) << 22)

// The same where nothing but the number's lower half keeps somebody from guessing: one in a
// million.
#define LANE_JUST_NOW (UINT64_C(1) << 12)

// A packet with a number that ends in these bits (`bits`: all ones below) is among the last `most`
// that have left. For control, at any time.
static inline bool lane_sent_lately(
	const struct sa_out_lane *lane, uint64_t seq, uint64_t bits, uint64_t most)
{
	uint64_t behind = (counter_read(&lane->next) - seq) & bits;
	uint64_t sent = counter_read(&lane->packets);

	return behind >= 1 && behind <= (sent < most ? sent : most);
}

static ALWAYS_INLINE struct lane_run lane_begin(struct sa_out_lane *lane)
{
	return (struct lane_run){
		.lane = lane,
		.lease_end = __atomic_load_n(&lane->lease_end, __ATOMIC_ACQUIRE),
		.seq = lane->next,
	};
}

static ALWAYS_INLINE bool lane_has_number(const struct lane_run *run)
{
	return likely(run->seq < run->lease_end);
}

// Why not.
static inline uint16_t lane_refusal(const struct lane_run *run)
{
	return atomic_load_explicit(&run->lane->without_lease, memory_order_relaxed);
}

// The packet with run->seq goes out; octets: of its inner datagram.
static ALWAYS_INLINE void lane_take(struct lane_run *run, uint32_t octets)
{
	run->seq++;
	run->octets += octets;
}

static ALWAYS_INLINE void lane_end(const struct lane_run *run)
{
	struct sa_out_lane *lane = run->lane;
	uint64_t packets = run->seq - lane->next;

	counter_add(&lane->packets, packets);
	counter_add(&lane->octets, run->octets);
	counter_add(&lane->next, packets);
}
