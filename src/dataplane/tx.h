// Transmission: frames are gathered per port and leave at the end of a turn, or when a burst is
// full.
#pragma once

#include "dataplane/worker.h"

// m begins with its Ethernet header.
void tx_frame(struct worker *w, uint8_t port, struct rte_mbuf *m);
// Puts an Ethernet header in front of an IP packet: destination and source address, then the type
// by the IP version. Drops (no_room) where the buffer has no room.
void tx_packet(struct worker *w, uint8_t port, struct rte_mbuf *m, const uint8_t ether[12]);
// Sends all that is gathered. Returns how many frames that was.
unsigned tx_flush(struct worker *w);
