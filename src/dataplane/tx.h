// Transmission: frames are gathered per port and leave at the end of a turn, or when a burst is
// full.
#pragma once

#include "base/bytes.h"
#include "dataplane/fwd.h"
#include "dataplane/worker.h"
#include "proto/pkt.h"

// m begins with its Ethernet header.
void tx_frame(struct worker *w, uint8_t port, struct rte_mbuf *m);
void tx_flush(struct worker *w);
// Lets bonds send frames of their own (LACP), which they do when somebody transmits: to be called
// every 100 ms at least.
void tx_lacp(struct worker *w);

// The rarer parts of what follows: the buffer is full, the queue is another worker's, the packet
// has no room for a header.
void tx_send(struct worker *w, uint8_t port);
void tx_by_owner(struct worker *w, uint8_t port, struct rte_mbuf *m);
void tx_no_room(struct worker *w, uint8_t port, struct rte_mbuf *m);

// n frames, at most BURST_MAX, in their order. octets: of all.
static ALWAYS_INLINE void tx_frames(
	struct worker *w, uint8_t port, struct rte_mbuf *const m[], uint16_t n, uint64_t octets)
{
	struct tx_buffer *tx = &w->tx[port];

	if (unlikely(!tx->owned)) {
		for (uint16_t i = 0; i < n; i++)
			tx_by_owner(w, port, m[i]);
		return;
	}
	for (uint16_t i = 0; i < n; i++)
		pkt_unfence(m[i]);
	if (unlikely(tx->n + n > BURST_MAX))
		tx_send(w, port);
	memcpy(tx->m + tx->n, m, n * sizeof(m[0]));
	tx->n = (uint16_t)(tx->n + n);
	tx->octets += octets;
}

// The Ethernet header towards a next hop that is ready (ADJACENCY_FORWARD), as two words that share
// the octets 6 and 7.
struct tx_link {
	uint64_t first;
	uint64_t last[2]; // by PACKET_IPV6
};

static ALWAYS_INLINE struct tx_link tx_link(const struct adjacency *to)
{
	uint64_t last = load_le16(to->ether + 6) | (uint64_t)load_le32(to->ether + 8) << 16;

	return (struct tx_link){
		.first = load_le64(to->ether),
		.last = {last | (uint64_t)RTE_BE16(RTE_ETHER_TYPE_IPV4) << 48,
			last | (uint64_t)RTE_BE16(RTE_ETHER_TYPE_IPV6) << 48},
	};
}

static ALWAYS_INLINE bool tx_has_room(const struct rte_mbuf *m)
{
	return likely(m->data_off >= RTE_ETHER_HDR_LEN);
}

// Puts it in front of an IP packet that begins with `header` and has the room.
static ALWAYS_INLINE void tx_write_link(
	struct rte_mbuf *m, uint8_t *header, const struct tx_link *link, bool ipv6)
{
	uint8_t *frame = header - RTE_ETHER_HDR_LEN;

	pkt_extend_front(m, RTE_ETHER_HDR_LEN);
	store_le64(frame, link->first);
	store_le64(frame + 6, link->last[ipv6]);
}

// An IP packet to a next hop that is ready. Drops it (no_room) where its buffer has no room.
static ALWAYS_INLINE void tx_packet(
	struct worker *w, const struct adjacency *to, struct rte_mbuf *m, bool ipv6)
{
	struct tx_link link = tx_link(to);

	if (unlikely(!tx_has_room(m))) {
		tx_no_room(w, to->port, m);
		return;
	}
	tx_write_link(m, rte_pktmbuf_mtod(m, uint8_t *), &link, ipv6);
	tx_frames(w, to->port, &m, 1, m->pkt_len);
}
