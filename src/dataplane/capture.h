// Frames that pass the ports, copied for the control thread. While nobody captures it costs one
// predictable branch a burst. Each worker has a ring of its own; what does not fit is counted and
// lost to the capture, not to the traffic. Filters run on the other side.
#pragma once

#include "base/compiler.h"

#include <rte_mbuf.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct dataplane;
struct worker;

// clang-format off
#define CAPTURE_POINTS(X) \
	X(protected_in,  "protected-in") \
	X(protected_out, "protected-out") \
	X(wire_in,       "wire-in") \
	X(wire_out,      "wire-out")
// clang-format on

enum capture_point {
#define X(id, name) CAPTURE_##id,
	CAPTURE_POINTS(X)
#undef X
		CAPTURE_POINT_COUNT
};

#define CAPTURE_RING_OCTETS (UINT64_C(4) << 20) // of each worker
#define CAPTURE_SNAP_MAX 9728			// the largest frame of a port fits

struct capture_record {
	uint64_t tsc;
	uint32_t octets; // of the frame
	uint32_t kept;	 // of them here
	uint8_t point;
	uint8_t port;
};

struct capture_ring {
	// The worker writes, control reads: octets ever written.
	alignas(CACHE_LINE) _Atomic uint64_t head;
	uint64_t frames;
	uint64_t lost; // no room
	// Control writes, the worker reads: octets ever read.
	alignas(CACHE_LINE) _Atomic uint64_t tail;
	alignas(CACHE_LINE) uint8_t data[CAPTURE_RING_OCTETS];
};

struct capture {
	// Constant while workers see it.
	uint32_t points; // 1 << enum capture_point
	uint32_t snap;	 // octets kept of a frame
	unsigned workers;
	struct capture_ring *ring[]; // [workers]
};

const char *capture_point_name(enum capture_point point);

// NULL: no memory.
struct capture *capture_create(unsigned workers, uint32_t points, uint32_t snap);
// Workers copy into it from now on, or into none (NULL). The one before stays the caller's until it
// is retired.
void capture_publish(struct dataplane *dp, struct capture *capture);
void capture_free(void *capture);

// Worker side. The frames begin with their Ethernet headers.
void capture_copy(struct worker *w, uint8_t port, bool out, struct rte_mbuf *const m[], uint16_t n);

// Control side: the oldest frame, or false. data stays until capture_next.
bool capture_peek(struct capture_ring *ring, struct capture_record *record, const uint8_t **data);
void capture_next(struct capture_ring *ring);
