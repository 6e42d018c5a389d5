// The last stage of both paths.
#include "dataplane/forward.h"

#include "dataplane/classify.h"
#include "dataplane/dataplane.h"
#include "dataplane/drop.h"
#include "dataplane/punt.h"
#include "dataplane/tx.h"
#include "proto/ip_hdr.h"
#include "proto/pkt.h"

// Dropped under its reason, with the rest of its life as a question to the control thread.
static void drop_and_tell(struct worker *w, uint8_t port, struct rte_mbuf *m,
	enum drop_reason reason, enum meta_kind kind, uint16_t mtu)
{
	counter_add(&w->stats.port[port].drops[reason], 1);
	punt_packet(w, port, m, kind, mtu);
}

static void send(struct worker *w, struct rte_mbuf *m, const struct packet *packet,
	const struct adjacency *adjacency, enum forward_origin origin)
{
	uint8_t *header = rte_pktmbuf_mtod(m, uint8_t *);
	uint16_t mtu = w->dp->port[adjacency->port].mtu;

	if (origin != FORWARD_OWN) {
		if (unlikely(ip_hop_limit(header) <= 1)) {
			drop_packet(w, packet->port, DROP_ttl_expired, m);
			return;
		}
		if (unlikely(m->pkt_len > mtu)) {
			drop_and_tell(w, packet->port, m, DROP_packet_too_big, META_TOO_BIG, mtu);
			return;
		}
		ip_decrement_hop_limit(header);
	} else if (unlikely(m->pkt_len > mtu)) {
		drop_packet(w, packet->port, DROP_packet_too_big, m);
		return;
	}
	tx_packet(w, adjacency->port, m, adjacency->ether);
}

// A route to the protected net can vanish, and the default route leads to the wire.
static bool leaks(
	const struct worker *w, const struct adjacency *adjacency, enum forward_origin origin)
{
	return origin == FORWARD_DECRYPTED && adjacency->kind > ADJACENCY_LINK &&
		w->dp->port[adjacency->port].side == PORT_UNPROTECTED;
}

static void forward(struct worker *w, struct rte_mbuf *m, const struct packet *packet,
	const struct adjacency *adjacency, enum forward_origin origin)
{
	if (unlikely(leaks(w, adjacency, origin))) {
		drop_packet(w, packet->port, DROP_clear_protected, m);
		return;
	}
	switch (adjacency->kind) {
	case ADJACENCY_FORWARD:
		send(w, m, packet, adjacency, origin);
		return;
	case ADJACENCY_LOCAL:
		punt_bare(w, packet->port, adjacency->port, m, classify_punt(m, packet));
		return;
	case ADJACENCY_PENDING:
		drop_and_tell(w, packet->port, m, DROP_neighbour_pending, META_UNRESOLVED, 0);
		return;
	case ADJACENCY_FAILED:
		drop_and_tell(w, packet->port, m, DROP_neighbour_failed, META_UNRESOLVED, 0);
		return;
	case ADJACENCY_UNREACHABLE:
		drop_packet(w, packet->port, DROP_route_unreachable, m);
		return;
	case ADJACENCY_MULTICAST:
		drop_packet(w, packet->port, DROP_multicast, m);
		return;
	default:
		drop_packet(w, packet->port, DROP_no_route, m);
	}
}

void forward_burst(struct worker *w, const struct burst *b, enum forward_origin origin)
{
	const struct fwd *fwd = atomic_load_explicit(&w->dp->fwd, memory_order_acquire);
	const struct adjacency *adjacency[BURST_MAX];

	fwd_lookup(fwd, b, 0, b->n, adjacency);
	for (uint16_t i = 0; i < b->n; i++)
		forward(w, b->m[i], &b->packet[i], adjacency[i], origin);
}

void forward_take_local(struct worker *w, struct burst *b)
{
	const struct fwd *fwd = atomic_load_explicit(&w->dp->fwd, memory_order_acquire);
	const struct adjacency *adjacency[BURST_MAX];
	uint16_t kept = 0;

	fwd_lookup(fwd, b, 0, b->n, adjacency);
	for (uint16_t i = 0; i < b->n; i++) {
		const struct packet *packet = &b->packet[i];

		if (unlikely(adjacency[i]->kind == ADJACENCY_LOCAL ||
			    adjacency[i]->kind == ADJACENCY_MULTICAST)) {
			punt_frame(w, packet->port, b->m[i], classify_punt(b->m[i], packet));
			continue;
		}
		if (unlikely(packet->flags & PACKET_TO_GROUP)) {
			drop_packet(w, packet->port, DROP_link_broadcast, b->m[i]);
			continue;
		}
		b->m[kept] = b->m[i];
		b->packet[kept++] = *packet;
	}
	b->n = kept;
}
