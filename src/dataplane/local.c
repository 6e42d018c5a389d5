// The gateway as a host: its packets between the wire, the tunnels and its kernel.
#include "dataplane/local.h"

#include "base/bytes.h"
#include "dataplane/about_path.h"
#include "dataplane/audit.h"
#include "dataplane/classify_punt.h"
#include "dataplane/dataplane.h"
#include "dataplane/drop.h"
#include "dataplane/punt.h"
#include "proto/icmp_echo.h"
#include "proto/icmp_quote.h"
#include "proto/ip_hdr.h"

#define UDP_HEADER 8
#define UDP_IKE 500
#define UDP_ESP 4500
#define UDP_VPE 14500
#define NAT_KEEPALIVE 0xff
#define NEIGHBOUR_ADVERTISEMENT 136
#define ND_TARGET 8	      // of advertisements and solicitations
#define HOP_LIMIT_ON_LINK 255 // no router has taken one (RFC 4861 sections 6.1, 7.1 and 8.1)

static const struct ip_prefix link_local6 = {{IP_V6, {0xfe, 0x80}}, 10};

static const uint8_t *upper_of(const struct rte_mbuf *m, const struct packet *packet)
{
	return rte_pktmbuf_mtod_offset(m, const uint8_t *, packet->l4);
}

// UDP whose header is here to be read.
static bool is_udp(const struct rte_mbuf *m, const struct packet *packet)
{
	return packet->protocol == IP_PROTOCOL_UDP && !(packet->flags & PACKET_LATER_FRAGMENT) &&
		m->data_len >= packet->l4 + UDP_HEADER;
}

// On port 4500, four octets of zero tell IKE from ESP (RFC 3948 section 2.2).
static enum drop_reason refuse_udp_esp(const uint8_t *payload, uint32_t octets)
{
	static const uint8_t non_esp_marker[4];

	if (octets == 1 && payload[0] == NAT_KEEPALIVE)
		return DROP_nat_keepalive;
	if (octets >= 4 && memcmp(payload, non_esp_marker, 4) == 0)
		return DROP_NONE;
	return DROP_udp_no_sa;
}

// Tunnel packets are never the kernel's: it would say what runs here, and what does not.
static enum drop_reason refuse_tunnel(const struct rte_mbuf *m, const struct packet *packet)
{
	const uint8_t *udp = upper_of(m, packet);

	if (packet->protocol == IP_PROTOCOL_ESP)
		return packet->flags & PACKET_FRAGMENT ? DROP_outer_fragment : DROP_no_sa;
	if (likely(!is_udp(m, packet)))
		return DROP_NONE;
	switch (load_be16(udp + 2)) {
	case UDP_ESP:
		return refuse_udp_esp(
			udp + UDP_HEADER, (uint32_t)m->data_len - packet->l4 - UDP_HEADER);
	case UDP_VPE:
		return DROP_udp_no_sa;
	default:
		return DROP_NONE;
	}
}

static enum drop_reason refuse_local(
	const struct rte_mbuf *m, const struct packet *packet, enum punt_class class)
{
	if (class == PUNT_neighbour &&
		rte_pktmbuf_mtod(m, const uint8_t *)[IPV6_HOP_LIMIT] != HOP_LIMIT_ON_LINK)
		return DROP_neighbour_forwarded;
	return refuse_tunnel(m, packet);
}

// A router on the way may say that a tunnel packet of ours was too big. True: it is, and gone. Who
// quotes too little to be known by has no share in the limit of the others.
static bool take_about_path(struct worker *w, struct rte_mbuf *m, const struct packet *packet)
{
	switch (about_path(w, m, packet)) {
	case ABOUT_PATH_SENT:
		punt_path_mtu(w, packet->port, m, PUNT_path_mtu);
		return true;
	case ABOUT_PATH_SHORT:
		punt_path_mtu(w, packet->port, m, PUNT_icmp);
		return true;
	case ABOUT_PATH_FORGED:
		drop_packet(w, packet->port, DROP_path_mtu_forged, m);
		return true;
	default:
		return false;
	}
}

static enum drop_reason refuse_transit(const struct rte_mbuf *m, const struct packet *packet)
{
	if (unlikely(packet->flags & PACKET_TO_GROUP))
		return DROP_link_broadcast;
	if (unlikely(!ip_source_forwardable(rte_pktmbuf_mtod(m, const uint8_t *))))
		return DROP_ip_source;
	return DROP_NONE;
}

static bool is_about_link(enum punt_class class)
{
	return class == PUNT_neighbour || class == PUNT_membership;
}

// What keeps the link and the tunnels alive.
static bool is_vital(enum punt_class class, const struct adjacency *to)
{
	return is_about_link(class) || (class == PUNT_ike && to->tunnel_end);
}

static void end(
	struct worker *w, enum drop_reason reason, struct rte_mbuf *m, const struct packet *packet)
{
	audit_stranger(w, reason, m, packet);
	drop_packet(w, packet->port, reason, m);
}

// Who is made up cannot use up what neighbours may send. An advertisement is about its target,
// whatever address it comes from.
static enum punt_class class_of_discovery(
	const struct worker *w, const struct rte_mbuf *m, const struct packet *packet)
{
	const uint8_t *header = rte_pktmbuf_mtod(m, const uint8_t *);
	const uint8_t *station = header - RTE_ETHER_HDR_LEN + RTE_ETHER_ADDR_LEN;
	struct ip_addr about = ip_source(header);

	if (upper_of(m, packet)[0] == NEIGHBOUR_ADVERTISEMENT) {
		if (m->data_len < packet->l4 + ND_TARGET + sizeof(about.octets))
			return PUNT_newcomer;
		memcpy(about.octets, upper_of(m, packet) + ND_TARGET, sizeof(about.octets));
	}
	return fwd_knows(w->tables.fwd, packet->port, &about, station) ? PUNT_neighbour
								       : PUNT_newcomer;
}

// Who is made up cannot use up what tunnels need.
static enum punt_class class_of_ike(const struct worker *w, const struct rte_mbuf *m)
{
	struct ip_addr from = ip_source(rte_pktmbuf_mtod(m, const uint8_t *));

	return addr_filter_has(&w->dp->peers, &from, w->dp->punt_seed) ? PUNT_ike_peer : PUNT_ike;
}

bool local_source_inside(const struct worker *w, const struct rte_mbuf *m)
{
	struct ip_addr from = ip_source(rte_pktmbuf_mtod(m, const uint8_t *));
	const struct adjacency *back = fwd_lookup_addr(w->tables.fwd, &from);

	return back->kind == ADJACENCY_LOCAL ||
		(back->kind >= ADJACENCY_LINK && w->dp->port[back->port].side == PORT_PROTECTED);
}

// A packet for the gateway. False: it is not vital, and a policy decides.
static bool take_local(struct worker *w, struct burst *b, uint16_t i, bool only_vital)
{
	struct packet *packet = &b->packet[i];
	struct rte_mbuf *m = b->m[i];
	enum punt_class class = classify_punt(m, packet);
	enum drop_reason reason = refuse_local(m, packet, class);

	if (reason == DROP_NONE && only_vital && class == PUNT_ike && local_source_inside(w, m))
		reason = DROP_source_inside;
	if (reason != DROP_NONE) {
		end(w, reason, m, packet);
	} else if (take_about_path(w, m, packet)) {
		return true;
	} else if (!only_vital || is_vital(class, b->next[i])) {
		if (class == PUNT_neighbour)
			class = class_of_discovery(w, m, packet);
		else if (class == PUNT_ike)
			class = class_of_ike(w, m);
		punt_frame(w, packet->port, m, class);
	} else {
		packet->flags |= PACKET_LOCAL;
		return false;
	}
	return true;
}

// only_vital: the rest for the gateway stays in b, marked.
static void take(struct worker *w, struct burst *b, bool only_vital)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < b->n; i++) {
		enum drop_reason reason = DROP_NONE;

		if (likely(!adjacency_is_local(b->next[i])))
			reason = refuse_transit(b->m[i], &b->packet[i]);
		else if (take_local(w, b, i, only_vital))
			continue;
		if (likely(reason == DROP_NONE))
			burst_keep(b, i, &kept);
		else
			end(w, reason, b->m[i], &b->packet[i]);
	}
	b->n = kept;
}

void local_take(struct worker *w, struct burst *b)
{
	take(w, b, false);
}

void local_take_vital(struct worker *w, struct burst *b)
{
	take(w, b, true);
}

bool local_needs_no_policy(
	const struct fwd *fwd, const struct rte_mbuf *m, const struct packet *packet)
{
	struct ip_addr to = ip_destination(rte_pktmbuf_mtod(m, const uint8_t *));

	return is_vital(classify_punt(m, packet), fwd_lookup_addr(fwd, &to));
}

// The destination is a group, or a station on this port's link.
static bool stays_on_link(const struct fwd *fwd, uint8_t port, const struct rte_mbuf *m)
{
	struct ip_addr to = ip_destination(rte_pktmbuf_mtod(m, const uint8_t *));
	const struct adjacency *adjacency;

	if (ip_addr_is_multicast(&to) || ip_prefix_contains(&link_local6, &to))
		return true;
	adjacency = fwd_lookup_addr(fwd, &to);
	if (adjacency->kind < ADJACENCY_LINK || adjacency->port != port)
		return false;
	return adjacency->via.family == IP_NONE || ip_addr_equal(&adjacency->via, &to);
}

static bool is_ike(const struct fwd *fwd, const struct rte_mbuf *m, const struct packet *packet)
{
	struct ip_addr from;
	uint16_t port;

	if (!is_udp(m, packet))
		return false;
	port = load_be16(upper_of(m, packet));
	from = ip_source(rte_pktmbuf_mtod(m, const uint8_t *));
	return (port == UDP_IKE || port == UDP_ESP) && fwd_lookup_addr(fwd, &from)->tunnel_end;
}

bool local_is_vital(
	struct worker *w, uint8_t port, const struct rte_mbuf *m, const struct packet *packet)
{
	const struct fwd *fwd = w->tables.fwd;

	// A redirect, which quotes a packet.
	if (unlikely(icmp_is_error(rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, packet)))
		return false;
	if (is_about_link(classify_punt(m, packet)))
		return stays_on_link(fwd, port, m);
	return is_ike(fwd, m, packet);
}

void local_deliver(struct worker *w, struct rte_mbuf *m, const struct packet *packet)
{
	punt_frame(w, packet->port, m, classify_punt(m, packet));
}

// The kernel's answer comes back from the protected side, and so meets the policies.
static uint8_t protected_home(const struct worker *w, uint8_t home)
{
	if (w->dp->port[home].side == PORT_PROTECTED)
		return home;
	for (uint8_t port = 0; port < w->dp->ports; port++) {
		if (w->dp->port[port].side == PORT_PROTECTED)
			return port;
	}
	return home;
}

// An echo, or the answer to one, from an address by which a tunnel is probed; which tunnel's,
// control knows.
static bool is_probe(const struct worker *w, const struct rte_mbuf *m, const struct packet *packet)
{
	struct ip_addr from;

	if (!icmp_is_echo(rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, packet))
		return false;
	from = ip_source(rte_pktmbuf_mtod(m, const uint8_t *));
	return addr_filter_has(&w->dp->probed, &from, w->dp->punt_seed);
}

// What tells of neighbours is believed on their own link only: the other end of a tunnel is not on
// it (RFC 4861 section 7.1), whatever hop limit it writes.
void local_deliver_decrypted(
	struct worker *w, struct rte_mbuf *m, const struct packet *packet, uint8_t home)
{
	enum punt_class class = classify_punt(m, packet);
	enum drop_reason reason = refuse_tunnel(m, packet);

	if (unlikely(is_about_link(class)))
		reason = DROP_neighbour_tunnelled;
	if (unlikely(reason != DROP_NONE)) {
		end(w, reason, m, packet);
		return;
	}
	home = protected_home(w, home);
	if (class == PUNT_icmp && is_probe(w, m, packet))
		punt_probe(w, packet->port, home, m, packet->tunnel);
	else
		punt_bare(w, packet->port, home, m, class);
}
