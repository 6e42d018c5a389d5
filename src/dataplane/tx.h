// Transmission: frames are gathered per port and leave at the end of a turn, or when a burst is
// full.
#pragma once

#include "dataplane/fwd.h"
#include "dataplane/worker.h"
#include "proto/pkt.h"

// m begins with its Ethernet header.
void tx_frame(struct worker *w, uint8_t port, struct rte_mbuf *m);
void tx_flush(struct worker *w);

// The rarer parts of what follows: the buffer is full, the queue is another worker's, the packet
// has no room for a header.
void tx_send(struct worker *w, uint8_t port);
void tx_by_owner(struct worker *w, uint8_t port, struct rte_mbuf *m);
void tx_no_room(struct worker *w, uint8_t port, struct rte_mbuf *m);

static ALWAYS_INLINE void tx_gather(struct worker *w, uint8_t port, struct rte_mbuf *m)
{
	struct tx_buffer *tx = &w->tx[port];
	uint16_t n = tx->n;

	if (unlikely(!tx->owned)) {
		tx_by_owner(w, port, m);
		return;
	}
	pkt_unfence(m);
	tx->m[n] = m;
	tx->n = (uint16_t)(n + 1);
	if (unlikely(n + 1 == BURST_MAX))
		tx_send(w, port);
}

// An IP packet to a next hop that is ready (ADJACENCY_FORWARD), the Ethernet header put in front.
// Drops it (no_room) where its buffer has no room.
static ALWAYS_INLINE void tx_packet(
	struct worker *w, const struct adjacency *to, struct rte_mbuf *m, bool ipv6)
{
	uint16_t type = ipv6 ? RTE_BE16(RTE_ETHER_TYPE_IPV6) : RTE_BE16(RTE_ETHER_TYPE_IPV4);
	uint8_t *frame = pkt_prepend(m, RTE_ETHER_HDR_LEN);

	if (unlikely(frame == NULL)) {
		tx_no_room(w, to->port, m);
		return;
	}
	memcpy(frame, to->ether, sizeof(to->ether));
	memcpy(frame + sizeof(to->ether), &type, sizeof(type));
	tx_gather(w, to->port, m);
}
