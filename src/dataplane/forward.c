// The last stage of both paths.
#include "dataplane/forward.h"

#include "dataplane/audit.h"
#include "dataplane/dataplane.h"
#include "dataplane/drop.h"
#include "dataplane/frag.h"
#include "dataplane/local.h"
#include "dataplane/punt.h"
#include "dataplane/tell.h"
#include "dataplane/tx.h"
#include "proto/ip_hdr.h"
#include "proto/pkt.h"

// Nobody is told of the gateway's own packets: their senders are tunnels, or the one who tells.
static void drop_transit(struct worker *w, struct rte_mbuf *m, const struct packet *packet,
	enum forward_origin origin, enum drop_reason reason)
{
	if (forward_in_transit(origin))
		tell_drop(w, m, packet, origin, reason, 0);
	else
		drop_packet(w, packet->port, reason, m);
}

// The same where the next link is known. To who is behind a tunnel, the gateway speaks from its
// address on that link, which the tunnel's policies know rather than the one on the wire.
static void drop_at_link(struct worker *w, struct rte_mbuf *m, const struct packet *packet,
	enum forward_origin origin, uint8_t link, enum drop_reason reason, uint16_t mtu)
{
	struct packet at_link = *packet;

	if (origin == FORWARD_DECRYPTED)
		at_link.port = link;
	counter_add(&w->stats.port[packet->port].drops[reason], 1);
	tell_sender(w, m, &at_link, origin, reason, mtu);
}

static void send_split(struct worker *w, struct rte_mbuf *m, const struct packet *packet,
	const struct adjacency *adjacency)
{
	struct rte_mbuf *piece[FRAG_PIECES_MAX];
	uint16_t n;

	ip_decrement_hop_limit(rte_pktmbuf_mtod(m, uint8_t *));
	n = frag_split(w, packet->port, m, adjacency->mtu, piece);
	for (uint16_t i = 0; i < n; i++)
		tx_packet(w, adjacency, piece[i], packet->flags & PACKET_IPV6);
}

// The packet is larger than the MTU of its port. Those of the gateway itself know their size.
static void send_too_big(struct worker *w, struct rte_mbuf *m, const struct packet *packet,
	const struct adjacency *adjacency, enum forward_origin origin)
{
	if (!forward_in_transit(origin)) {
		drop_packet(w, packet->port, DROP_outer_too_big, m);
	} else if (frag_may_split(m)) {
		send_split(w, m, packet, adjacency);
	} else {
		drop_at_link(
			w, m, packet, origin, adjacency->port, DROP_packet_too_big, adjacency->mtu);
	}
}

// A route to the protected net can vanish, and the default route leads to the wire.
static bool leaks(
	const struct worker *w, const struct adjacency *adjacency, enum forward_origin origin)
{
	return (origin == FORWARD_DECRYPTED || origin == FORWARD_INSIDE) &&
		adjacency->kind > ADJACENCY_LINK &&
		w->dp->port[adjacency->port].side == PORT_UNPROTECTED;
}

// The next hop is no link that could be sent to.
static void forward_nowhere(struct worker *w, struct rte_mbuf *m, const struct packet *packet,
	const struct adjacency *adjacency, enum forward_origin origin)
{
	switch (adjacency->kind) {
	case ADJACENCY_LOCAL:
		if (origin == FORWARD_TRANSIT) {
			drop_packet(w, packet->port, DROP_local_meanwhile, m);
			return;
		}
		local_deliver_decrypted(w, m, packet, adjacency->port);
		return;
	case ADJACENCY_PENDING:
		punt_unresolved(w, packet, m, (uint8_t)origin, DROP_neighbour_pending);
		return;
	case ADJACENCY_FAILED:
		punt_unresolved(w, packet, m, (uint8_t)origin, DROP_neighbour_failed);
		return;
	case ADJACENCY_UNREACHABLE:
		drop_transit(w, m, packet, origin, DROP_route_unreachable);
		return;
	case ADJACENCY_PROHIBIT:
		drop_transit(w, m, packet, origin, DROP_route_prohibit);
		return;
	case ADJACENCY_BLACKHOLE:
		drop_packet(w, packet->port, DROP_route_blackhole, m);
		return;
	case ADJACENCY_MULTICAST:
		drop_packet(w, packet->port, DROP_multicast, m);
		return;
	default:
		drop_transit(w, m, packet, origin, DROP_no_route);
	}
}

// The packet does not go on as it is: it has no hop left, is too big, or its buffer has no room for
// the link's header.
static void forward_unready(struct worker *w, struct rte_mbuf *m, const struct packet *packet,
	const struct adjacency *adjacency, enum forward_origin origin)
{
	if (forward_in_transit(origin) && ip_hop_limit(rte_pktmbuf_mtod(m, uint8_t *)) <= 1)
		drop_at_link(w, m, packet, origin, adjacency->port, DROP_ttl_expired, 0);
	else if (m->pkt_len > adjacency->mtu)
		send_too_big(w, m, packet, adjacency, origin);
	else
		tx_no_room(w, adjacency->port, m);
}

static void forward_unroutable(struct worker *w, struct burst *b, uint16_t first, uint16_t end,
	const struct adjacency *adjacency, enum forward_origin origin)
{
	for (uint16_t i = first; i < end; i++) {
		if (leaks(w, adjacency, origin)) {
			audit_clear(w, DROP_clear_protected, b->m[i], &b->packet[i]);
			drop_transit(w, b->m[i], &b->packet[i], origin, DROP_clear_protected);
		} else {
			forward_nowhere(w, b->m[i], &b->packet[i], adjacency, origin);
		}
	}
}

static ALWAYS_INLINE uint16_t send_whole(struct worker *w, struct burst *b, uint16_t first,
	uint16_t end, const struct adjacency *next, uint16_t most, const enum forward_family family,
	const enum forward_origin origin)
{
	const struct tx_link link = tx_link(next);
	uint64_t octets = 0;
	uint16_t at = first;

	most = RTE_MIN(most, next->mtu);
	for (; at < end; at++) {
		struct rte_mbuf *m = b->m[at];
		uint8_t *header = rte_pktmbuf_mtod(m, uint8_t *);
		uint32_t packet_octets = m->pkt_len;
		bool ipv6 = family == FORWARD_EITHER ? b->packet[at].flags & PACKET_IPV6
						     : family == FORWARD_IPV6;

		if (unlikely(packet_octets > most || !tx_has_room(m) ||
			    !forward_take_hop(header, ipv6, origin)))
			break;
		tx_write_link(m, header, &link, ipv6);
		octets += packet_octets;
	}
	octets += (uint64_t)RTE_ETHER_HDR_LEN * (at - first);
	tx_frames(w, next->port, b->m + first, at - first, octets);
	return at;
}

static ALWAYS_INLINE uint16_t send_family(struct worker *w, struct burst *b, uint16_t first,
	uint16_t end, const struct adjacency *next, uint16_t most, enum forward_family family,
	const enum forward_origin origin)
{
	if (likely(family == FORWARD_IPV4))
		return send_whole(w, b, first, end, next, most, FORWARD_IPV4, origin);
	if (family == FORWARD_IPV6)
		return send_whole(w, b, first, end, next, most, FORWARD_IPV6, origin);
	return send_whole(w, b, first, end, next, most, FORWARD_EITHER, origin);
}

uint16_t forward_whole(struct worker *w, struct burst *b, uint16_t first, uint16_t end,
	const struct adjacency *next, uint16_t most, enum forward_family family,
	enum forward_origin origin)
{
	if (unlikely(next->kind != ADJACENCY_FORWARD) || unlikely(leaks(w, next, origin)))
		return first;
	if (forward_in_transit(origin))
		return send_family(w, b, first, end, next, most, family, FORWARD_TRANSIT);
	return send_family(w, b, first, end, next, most, family, FORWARD_OWN);
}

void forward_rest(struct worker *w, struct burst *b, uint16_t first, uint16_t end,
	const struct adjacency *next, enum forward_family family, enum forward_origin origin)
{
	if (unlikely(next->kind != ADJACENCY_FORWARD) || unlikely(leaks(w, next, origin))) {
		forward_unroutable(w, b, first, end, next, origin);
		return;
	}
	while (first < end) {
		forward_unready(w, b->m[first], &b->packet[first], next, origin);
		first = forward_whole(w, b, first + 1, end, next, UINT16_MAX, family, origin);
	}
}

void forward_burst(struct worker *w, struct burst *b, enum forward_origin origin)
{
	for (uint16_t first = 0, end; first < b->n; first = end) {
		const struct adjacency *next = b->next[first];

		for (end = first + 1; end < b->n && b->next[end] == next; end++)
			;
		forward_run(w, b, first, end, next, FORWARD_EITHER, origin);
	}
}

void forward_resume(struct worker *w, struct rte_mbuf *m[], uint16_t n)
{
	struct burst *b = &w->burst;

	for (uint16_t i = 0; i < n; i++) {
		const struct meta *meta = meta_of(m[i]);

		b->n = 1;
		b->m[0] = m[i];
		b->packet[0] = meta->packet;
		fwd_lookup(w->tables.fwd, b, 0, 1, b->next);
		forward_burst(w, b, (enum forward_origin)meta->origin);
	}
}
