// The queues of a port, as a NIC has them: rings of descriptors. A receive queue's ring is full of
// buffers that hold their frames already; one is handed out and the next is filled and queued
// behind the others, so a frame has been in memory for as many packets as the ring is long when the
// program sees it, and is no longer in the first-level cache. A transmit queue gives a buffer back
// to its pool when the ring is full, not at once. Each is on lines of its own: another thread polls
// the next one.
#pragma once

#include "base/compiler.h"
#include "bench/genport/meter.h"
#include "bench/genport/stream.h"

#include <rte_mempool.h>
#include <stdalign.h>

struct rx_queue {
	// Constant while the queue runs.
	alignas(CACHE_LINE) struct rte_mempool *pool;
	struct stream *stream;
	struct meter *meter;
	struct rte_mbuf **ring;
	uint32_t mask;
	uint32_t packet_type;
	uint64_t ol_flags;
	uint64_t rearm; // data_off, refcnt, nb_segs, port
	uint16_t octets;
	bool empty;
	void (*measured)(void); // called once, by the queue's thread
	// The thread's that polls.
	uint32_t head;
	uint64_t received;
	uint64_t received_until; // then the meter wants a word
	uint64_t no_buffer;	 // times that the pool had none
	bool reported;
};

struct tx_queue {
	alignas(CACHE_LINE) struct rte_mbuf **ring;
	uint32_t mask;
	uint32_t head;
	uint32_t used;
	bool whole_pool; // MBUF_FAST_FREE: one pool, one segment, one reference
	uint64_t sent;
	uint64_t octets;
	unsigned captures; // frames still to be kept
	unsigned captured;
	struct capture {
		uint16_t octets;
		uint8_t frame[RTE_MBUF_DEFAULT_DATAROOM];
	} * capture;
};

// descriptors: rounded up to a power of two. 0 or -errno, everything undone. Control thread.
int rx_queue_start(struct rx_queue *q, const struct stream_params *stream,
	const struct meter_params *meter, uint16_t queue, uint16_t port, uint16_t descriptors);
void rx_queue_stop(struct rx_queue *q);
int tx_queue_start(struct tx_queue *q, uint16_t descriptors, bool whole_pool, unsigned captures);
void tx_queue_stop(struct tx_queue *q);

// As JSON objects.
void rx_queue_print(const struct rx_queue *q, const char *before, FILE *to);
void tx_queue_print(const struct tx_queue *q, const char *before, FILE *to);

// ethdev's fast path.
uint16_t rx_queue_burst(void *queue, struct rte_mbuf **m, uint16_t n);
uint16_t tx_queue_burst(void *queue, struct rte_mbuf **m, uint16_t n);
