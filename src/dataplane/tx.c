// Transmission: gathering frames, handing them to the queue's owner where that is another worker.
#include "dataplane/tx.h"

#include "dataplane/capture.h"
#include "dataplane/dataplane.h"
#include "dataplane/drop.h"
#include "dataplane/handover.h"
#include "dataplane/vlan.h"

#include <rte_ethdev.h>

// A full queue is offered the rest a few more times before it is dropped.
#define TX_TRIES 4

void tx_send(struct worker *w, uint8_t port)
{
	struct tx_buffer *tx = &w->tx[port];
	uint16_t sent = 0;
	uint32_t tag = 0;

	if (unlikely(w->capture != NULL))
		capture_copy(w, port, true, tx->m, tx->n);
	if (unlikely(tx->tagged)) {
		tx->n = vlan_tag(w, port, tx->m, tx->n, &tx->octets);
		tag = PORT_TAG_OCTETS;
	}
	for (unsigned try = 0; sent < tx->n && try < TX_TRIES; try++)
		sent += rte_eth_tx_burst(tx->device, tx->queue, tx->m + sent, tx->n - sent);
	counter_add(&w->stats.port[port].tx_packets, sent);
	for (uint16_t i = sent; unlikely(i < tx->n); i++) {
		tx->octets -= tx->m[i]->pkt_len - tag;
		drop_packet(w, port, DROP_tx_full, tx->m[i]);
	}
	counter_add(&w->stats.port[port].tx_octets, tx->octets);
	tx->n = 0;
	tx->octets = 0;
}

void tx_by_owner(struct worker *w, uint8_t port, struct rte_mbuf *m)
{
	meta_of(m)->port = port;
	if (!handover(w, w->tx[port].owner, m, META_TX))
		drop_packet(w, port, DROP_tx_ring_full, m);
}

void tx_no_room(struct worker *w, uint8_t port, struct rte_mbuf *m)
{
	drop_packet(w, port, DROP_no_room, m);
}

void tx_frame(struct worker *w, uint8_t port, struct rte_mbuf *m)
{
	tx_frames(w, port, &m, 1, m->pkt_len);
}

void tx_flush(struct worker *w)
{
	for (uint8_t port = 0; port < w->dp->ports; port++) {
		if (w->tx[port].n > 0)
			tx_send(w, port);
	}
}

void tx_lacp(struct worker *w)
{
	for (uint8_t port = 0; port < w->dp->ports; port++)
		if (unlikely(w->tx[port].lacp))
			rte_eth_tx_burst(w->tx[port].device, w->tx[port].queue, NULL, 0);
}
