// Transmission: gathering frames, handing them to the queue's owner where that is another worker.
#include "dataplane/tx.h"

#include "dataplane/dataplane.h"
#include "dataplane/drop.h"
#include "dataplane/handover.h"
#include "proto/ip_hdr.h"
#include "proto/pkt.h"

#include <rte_ethdev.h>

// A full queue is offered the rest a few more times before it is dropped.
#define TX_TRIES 4

static void send_owned(struct worker *w, uint8_t port, struct tx_buffer *tx)
{
	uint64_t octets = 0;
	uint16_t sent = 0;

	for (uint16_t i = 0; i < tx->n; i++)
		octets += tx->m[i]->pkt_len;
	for (unsigned try = 0; sent < tx->n && try < TX_TRIES; try++)
		sent += rte_eth_tx_burst(tx->device, tx->queue, tx->m + sent, tx->n - sent);
	counter_add(&w->stats.port[port].tx_packets, sent);
	for (uint16_t i = sent; unlikely(i < tx->n); i++) {
		octets -= tx->m[i]->pkt_len;
		drop_packet(w, port, DROP_tx_full, tx->m[i]);
	}
	counter_add(&w->stats.port[port].tx_octets, octets);
	tx->n = 0;
}

static void send_by_owner(struct worker *w, uint8_t port, struct rte_mbuf *m)
{
	meta_of(m)->port = port;
	if (!handover(w, w->tx[port].owner, m, META_TX))
		drop_packet(w, port, DROP_tx_ring_full, m);
}

static ALWAYS_INLINE void put(struct worker *w, uint8_t port, struct rte_mbuf *m)
{
	struct tx_buffer *tx = &w->tx[port];

	if (unlikely(!tx->owned)) {
		send_by_owner(w, port, m);
		return;
	}
	pkt_unfence(m);
	tx->m[tx->n++] = m;
	if (tx->n == BURST_MAX)
		send_owned(w, port, tx);
}

void tx_frame(struct worker *w, uint8_t port, struct rte_mbuf *m)
{
	put(w, port, m);
}

void tx_packets(struct worker *w, const struct adjacency *to, struct rte_mbuf *m[],
	const struct packet packet[], uint16_t n)
{
	const uint16_t type[2] = {RTE_BE16(RTE_ETHER_TYPE_IPV4), RTE_BE16(RTE_ETHER_TYPE_IPV6)};

	for (uint16_t i = 0; i < n; i++) {
		uint8_t *frame = pkt_prepend(m[i], RTE_ETHER_HDR_LEN);

		if (unlikely(frame == NULL)) {
			drop_packet(w, to->port, DROP_no_room, m[i]);
			continue;
		}
		memcpy(frame, to->ether, sizeof(to->ether));
		memcpy(frame + 12, &type[(packet[i].flags & PACKET_IPV6) != 0], 2);
		put(w, to->port, m[i]);
	}
}

void tx_flush(struct worker *w)
{
	for (uint8_t port = 0; port < w->dp->ports; port++) {
		if (w->tx[port].n > 0)
			send_owned(w, port, &w->tx[port]);
	}
}
