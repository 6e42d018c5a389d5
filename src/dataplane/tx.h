// Transmission: frames are gathered per port and leave at the end of a turn, or when a burst is
// full.
#pragma once

#include "dataplane/fwd.h"
#include "dataplane/worker.h"

// m begins with its Ethernet header.
void tx_frame(struct worker *w, uint8_t port, struct rte_mbuf *m);
// n IP packets to a next hop that is ready (ADJACENCY_FORWARD), the Ethernet header put in front.
// Drops (no_room) where a buffer has no room.
void tx_packets(struct worker *w, const struct adjacency *to, struct rte_mbuf *m[],
	const struct packet packet[], uint16_t n);
void tx_flush(struct worker *w);
