#include "dataplane/classify_punt.h"

#include "proto/ip_hdr.h"

#include <rte_ether.h>

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

static enum punt_class punt_icmpv6(uint8_t type)
{
	if (type >= ICMPV6_ND_FIRST && type <= ICMPV6_ND_LAST)
		return PUNT_neighbour;
	if ((type >= ICMPV6_MLD_FIRST && type <= ICMPV6_MLD_LAST) || type == ICMPV6_MLDV2)
		return PUNT_membership;
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
	bool ipv6 = packet->flags & PACKET_IPV6;
	bool readable = !(packet->flags & PACKET_LATER_FRAGMENT) && m->data_len >= packet->l4 + 4;

	switch (packet->protocol) {
	case IP_PROTOCOL_IGMP:
		return ipv6 ? PUNT_other : PUNT_membership;
	case IP_PROTOCOL_ICMP:
		return PUNT_icmp;
	case IP_PROTOCOL_ICMPV6:
		return ipv6 && readable ? punt_icmpv6(upper[0]) : PUNT_icmp;
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
