// The rings between workers and the control thread, both ends of both.
#include "dataplane/punt.h"

#include "base/bytes.h"
#include "dataplane/drop.h"
#include "proto/ip_hdr.h"
#include "proto/pkt.h"

static bool punt(struct worker *w, struct rte_mbuf *m, enum meta_kind kind, uint8_t port)
{
	struct meta *meta = meta_of(m);

	meta->kind = (uint8_t)kind;
	meta->port = port;
	pkt_unfence(m);
	return rte_ring_sp_enqueue(w->punt, m) == 0;
}

void punt_frame(struct worker *w, uint8_t port, struct rte_mbuf *m, enum punt_class class)
{
	counter_add(&w->stats.port[port].punts[class], 1);
	if (unlikely(pkt_prepend(m, RTE_ETHER_HDR_LEN) == NULL))
		drop_packet(w, port, DROP_no_room, m);
	else if (unlikely(!punt(w, m, META_PUNT, port)))
		drop_packet(w, port, DROP_punt_full, m);
}

void punt_bare(
	struct worker *w, uint8_t port, uint8_t home, struct rte_mbuf *m, enum punt_class class)
{
	// Locally administered, nobody's: answers go by the kernel's route, not to this address.
	static const uint8_t source[RTE_ETHER_ADDR_LEN] = {2};
	uint8_t version = ip_version(rte_pktmbuf_mtod(m, const uint8_t *));
	uint8_t *frame = pkt_prepend(m, RTE_ETHER_HDR_LEN);

	counter_add(&w->stats.port[port].punts[class], 1);
	if (unlikely(frame == NULL)) {
		drop_packet(w, port, DROP_no_room, m);
		return;
	}
	memcpy(frame, w->dp->port[home].mac.addr_bytes, RTE_ETHER_ADDR_LEN);
	memcpy(frame + RTE_ETHER_ADDR_LEN, source, RTE_ETHER_ADDR_LEN);
	store_be16(frame + 12, version == 4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6);
	if (unlikely(!punt(w, m, META_PUNT, home)))
		drop_packet(w, port, DROP_punt_full, m);
}

void punt_packet(
	struct worker *w, uint8_t port, struct rte_mbuf *m, enum meta_kind kind, uint16_t mtu)
{
	meta_of(m)->mtu = mtu;
	// Its reason is counted already; a full ring only costs the answer.
	if (unlikely(!punt(w, m, kind, port)))
		drop_free(m);
}

unsigned punt_drain(struct dataplane *dp, struct rte_mbuf *m[], unsigned n)
{
	unsigned found = 0;

	// Each call begins with another worker: a flood at one does not shut out the others.
	for (unsigned i = 0; i < dp->workers && found < n; i++) {
		struct worker *w = dp->worker[(dp->punt_next + i) % dp->workers];

		found += rte_ring_sc_dequeue_burst(w->punt, (void **)(m + found), n - found, NULL);
	}
	dp->punt_next++;
	return found;
}

struct rte_mbuf *inject_alloc(struct dataplane *dp)
{
	return rte_pktmbuf_alloc(dp->pool);
}

// A frame for the protected side goes straight to the owner of the port's first transmit queue.
// Whatever a policy may protect goes to a worker that encrypts.
static struct worker *inject_worker(struct dataplane *dp, enum meta_kind kind, uint8_t port)
{
	bool straight = kind == META_FRAME && dp->port[port].side == PORT_PROTECTED;

	return dp->worker[straight ? dp->port[port].txq[0].worker : dp->encrypt_worker[0]];
}

bool inject(struct dataplane *dp, struct rte_mbuf *m, enum meta_kind kind, uint8_t port)
{
	struct meta *meta = meta_of(m);

	meta->kind = (uint8_t)kind;
	meta->port = port;
	if (rte_ring_sp_enqueue(inject_worker(dp, kind, port)->inject, m) == 0)
		return true;
	rte_pktmbuf_free(m);
	return false;
}
