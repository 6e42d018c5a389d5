// The first look at a frame.
#include "dataplane/classify.h"

#include "dataplane/dataplane.h"
#include "dataplane/drop.h"
#include "dataplane/punt.h"
#include "proto/ip_hdr.h"
#include "proto/ip_upper.h"
#include "proto/pkt.h"

#define ETHER_TYPE_SLOW 0x8809 // LACP
#define ETHER_TYPE_EAPOL 0x888e
#define UDP_IKE 500
#define UDP_IKE_NAT 4500
#define UDP_BFD 3784
#define UDP_BFD_ECHO 3785
#define UDP_BFD_MULTIHOP 4784
#define UDP_RIP 520
#define UDP_RIPNG 521
#define TCP_BGP 179
#define ICMPV6_MLD_FIRST 130
#define ICMPV6_MLD_LAST 132
#define ICMPV6_ND_FIRST 133
#define ICMPV6_ND_LAST 137
#define ICMPV6_MLDV2 143

static enum drop_reason check_ipv4(struct rte_mbuf *m, const uint8_t *header)
{
	uint32_t octets = m->data_len;
	uint32_t header_octets;
	uint32_t total;

	if (unlikely(octets < IPV4_HEADER_MIN || ipv4_header_octets(header) < IPV4_HEADER_MIN))
		return DROP_ip_header;
	header_octets = ipv4_header_octets(header);
	total = load_be16(header + IPV4_TOTAL_LENGTH);
	if (unlikely(total < header_octets))
		return DROP_ip_header;
	if (unlikely(total > octets))
		return DROP_ip_length;
	if ((m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) != RTE_MBUF_F_RX_IP_CKSUM_GOOD &&
		unlikely(!checksum_ipv4_right(header, header_octets)))
		return DROP_ip_checksum;
	if (unlikely(ip_source_wrong(header)))
		return DROP_ip_source;
	pkt_cut(m, (uint16_t)total);
	return DROP_NONE;
}

static enum drop_reason check_ipv6(struct rte_mbuf *m, const uint8_t *header)
{
	uint32_t octets = m->data_len;
	uint32_t total;

	if (unlikely(octets < IPV6_HEADER))
		return DROP_ip_header;
	total = IPV6_HEADER + (uint32_t)load_be16(header + IPV6_PAYLOAD_LENGTH);
	if (unlikely(total == IPV6_HEADER && header[IPV6_NEXT_HEADER] == IP_PROTOCOL_HOP_BY_HOP))
		return DROP_ip_jumbogram;
	if (unlikely(total > octets))
		return DROP_ip_length;
	if (unlikely(ip_source_wrong(header)))
		return DROP_ip_source;
	pkt_cut(m, (uint16_t)total);
	return DROP_NONE;
}

enum drop_reason classify_upper(const struct rte_mbuf *m, struct packet *packet)
{
	return ip_upper(rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, packet);
}

enum drop_reason classify_ip(struct rte_mbuf *m, uint16_t ether_type, struct packet *packet)
{
	const uint8_t *header = rte_pktmbuf_mtod(m, const uint8_t *);
	enum drop_reason reason;

	if (unlikely(m->data_len == 0))
		return DROP_ip_header;
	if (unlikely(ip_version(header) != (ether_type == RTE_ETHER_TYPE_IPV4 ? 4 : 6)))
		return DROP_ip_version;
	if (likely(ether_type == RTE_ETHER_TYPE_IPV4))
		reason = check_ipv4(m, header);
	else
		reason = check_ipv6(m, header);
	return unlikely(reason != DROP_NONE) ? reason : classify_upper(m, packet);
}

static bool is_for_us(const struct port *port, const uint8_t *frame)
{
	return (frame[0] & 1) || memcmp(frame, port->mac.addr_bytes, RTE_ETHER_ADDR_LEN) == 0;
}

static enum drop_reason check_frame(const struct port *port, struct rte_mbuf *m)
{
	if (unlikely(m->nb_segs > 1))
		return DROP_multi_segment;
	if (unlikely(m->data_len < RTE_ETHER_HDR_LEN))
		return DROP_eth_runt;
	if (unlikely(!is_for_us(port, rte_pktmbuf_mtod(m, const uint8_t *))))
		return DROP_eth_not_for_us;
	return DROP_NONE;
}

// What a link needs, and no tag that IP packets could hide behind.
bool classify_link(uint16_t ether_type, enum punt_class *class)
{
	switch (ether_type) {
	case RTE_ETHER_TYPE_ARP:
		*class = PUNT_neighbour;
		return true;
	case RTE_ETHER_TYPE_LLDP:
	case ETHER_TYPE_SLOW:
	case ETHER_TYPE_EAPOL:
		*class = PUNT_other;
		return true;
	default:
		return false;
	}
}

static void take_link_frame(struct worker *w, uint8_t port, struct rte_mbuf *m, uint16_t type)
{
	enum punt_class class;

	if (classify_link(type, &class))
		punt_frame(w, port, m, class);
	else
		drop_packet(w, port, DROP_eth_type, m);
}

void classify_frames(
	struct worker *w, uint8_t port, struct rte_mbuf *m[], uint16_t n, struct burst *b)
{
	b->n = 0;
	for (uint16_t i = 0; i < n; i++) {
		struct packet *packet = &b->packet[b->n];
		enum drop_reason reason = check_frame(&w->dp->port[port], m[i]);
		const uint8_t *frame = rte_pktmbuf_mtod(m[i], const uint8_t *);
		uint8_t group;
		uint16_t type;

		if (unlikely(reason != DROP_NONE)) {
			drop_packet(w, port, reason, m[i]);
			continue;
		}
		group = frame[0] & 1 ? PACKET_TO_GROUP : 0;
		type = load_be16(frame + 12);
		pkt_strip(m[i], RTE_ETHER_HDR_LEN);
		if (unlikely(type != RTE_ETHER_TYPE_IPV4 && type != RTE_ETHER_TYPE_IPV6)) {
			take_link_frame(w, port, m[i], type);
			continue;
		}
		reason = classify_ip(m[i], type, packet);
		if (unlikely(reason != DROP_NONE)) {
			drop_packet(w, port, reason, m[i]);
			continue;
		}
		packet->flags |= group;
		packet->port = port;
		b->verdict[b->n] = VERDICT_ACCEPT;
		b->m[b->n++] = m[i];
	}
}

static enum punt_class punt_icmpv6(uint8_t type)
{
	if (type >= ICMPV6_ND_FIRST && type <= ICMPV6_ND_LAST)
		return PUNT_neighbour;
	if ((type >= ICMPV6_MLD_FIRST && type <= ICMPV6_MLD_LAST) || type == ICMPV6_MLDV2)
		return PUNT_neighbour;
	return PUNT_icmp;
}

static enum punt_class punt_udp(uint16_t port)
{
	switch (port) {
	case UDP_IKE:
	case UDP_IKE_NAT:
		return PUNT_ike;
	case UDP_BFD:
	case UDP_BFD_ECHO:
	case UDP_BFD_MULTIHOP:
	case UDP_RIP:
	case UDP_RIPNG:
		return PUNT_routing;
	default:
		return PUNT_other;
	}
}

enum punt_class classify_punt(const struct rte_mbuf *m, const struct packet *packet)
{
	const uint8_t *upper = rte_pktmbuf_mtod_offset(m, const uint8_t *, packet->l4);
	bool readable = !(packet->flags & PACKET_LATER_FRAGMENT) && m->data_len >= packet->l4 + 4;

	switch (packet->protocol) {
	case IP_PROTOCOL_IGMP:
		return PUNT_neighbour;
	case IP_PROTOCOL_ICMP:
		return PUNT_icmp;
	case IP_PROTOCOL_ICMPV6:
		return readable ? punt_icmpv6(upper[0]) : PUNT_icmp;
	case IP_PROTOCOL_OSPF:
	case IP_PROTOCOL_EIGRP:
	case IP_PROTOCOL_PIM:
	case IP_PROTOCOL_VRRP:
		return PUNT_routing;
	case IP_PROTOCOL_UDP:
		return readable ? punt_udp(load_be16(upper + 2)) : PUNT_other;
	case IP_PROTOCOL_TCP:
		return readable && (load_be16(upper) == TCP_BGP || load_be16(upper + 2) == TCP_BGP)
			? PUNT_routing
			: PUNT_other;
	default:
		return PUNT_other;
	}
}
