// A host on an Ethernet link: ARP and neighbour discovery.
#include "bench/traffic/station.h"

#include "proto/ip_hdr.h"

#define ETHER 14
#define ETHERTYPE_ARP 0x0806
#define ETHERTYPE_IPV6 0x86dd

// RFC 826 for Ethernet and IPv4.
#define ARP_OCTETS 28
#define ARP_OPERATION 6
#define ARP_SENDER_MAC 8
#define ARP_SENDER 14
#define ARP_TARGET_MAC 18
#define ARP_TARGET 24
#define ARP_REQUEST 1
#define ARP_REPLY 2

// RFC 4861 sections 4.3, 4.4 and 4.6.1; offsets from the ICMPv6 header.
#define ND_OCTETS 32 // with one option
#define ND_CHECKSUM 2
#define ND_FLAGS 4
#define ND_TARGET 8
#define ND_OPTION 24
#define ND_SOLICITATION 135
#define ND_ADVERTISEMENT 136
#define ND_SOLICITED_OVERRIDE 0x60
#define ND_SOURCE_LINK 1
#define ND_TARGET_LINK 2
#define ND_HOP_LIMIT 255

static const uint8_t arp_start[6] = {0, 1, 8, 0, 6, 4};

static struct ip_addr addr_at(uint8_t family, const uint8_t *octets)
{
	struct ip_addr addr = {.family = family};

	memcpy(addr.octets, octets, ip_addr_octets(family));
	return addr;
}

bool station_has(const struct station *station, const struct ip_addr *addr)
{
	size_t octets = ip_addr_octets(addr->family);

	for (unsigned i = 0; i < station->ranges; i++) {
		const struct station_range *range = &station->range[i];
		const uint8_t *first = range->first.octets;

		if (range->first.family == addr->family &&
			memcmp(first, addr->octets, octets - 4) == 0 &&
			load_be32(addr->octets + octets - 4) - load_be32(first + octets - 4) <
				range->n)
			return true;
	}
	return false;
}

static uint8_t *write_ether(
	uint8_t *frame, const uint8_t *to, const uint8_t *from, uint16_t ethertype)
{
	memcpy(frame, to, 6);
	memcpy(frame + 6, from, 6);
	store_be16(frame + 12, ethertype);
	return frame + ETHER;
}

static void learn(struct station *station, const uint8_t *addr, const uint8_t *mac)
{
	struct ip_addr *asked = &station->asked;

	if (asked->family != IP_NONE &&
		memcmp(addr, asked->octets, ip_addr_octets(asked->family)) == 0) {
		memcpy(station->found_mac, mac, 6);
		station->found = true;
	}
}

static uint32_t write_arp(uint8_t *frame, uint16_t operation, const uint8_t *to_ether,
	const uint8_t *mac, const uint8_t *sender, const uint8_t *target_mac, const uint8_t *target)
{
	uint8_t *arp = write_ether(frame, to_ether, mac, ETHERTYPE_ARP);

	memcpy(arp, arp_start, sizeof(arp_start));
	store_be16(arp + ARP_OPERATION, operation);
	memcpy(arp + ARP_SENDER_MAC, mac, 6);
	memcpy(arp + ARP_SENDER, sender, 4);
	memcpy(arp + ARP_TARGET_MAC, target_mac, 6);
	memcpy(arp + ARP_TARGET, target, 4);
	return ETHER + ARP_OCTETS;
}

static uint32_t hear_arp(struct station *station, const uint8_t *arp, uint8_t *reply)
{
	struct ip_addr target = addr_at(IP_V4, arp + ARP_TARGET);
	const uint8_t *asker = arp + ARP_SENDER_MAC;

	if (memcmp(arp, arp_start, sizeof(arp_start)) != 0)
		return 0;
	if (load_be16(arp + ARP_OPERATION) == ARP_REPLY && station->asked.family == IP_V4)
		learn(station, arp + ARP_SENDER, arp + ARP_SENDER_MAC);
	if (load_be16(arp + ARP_OPERATION) != ARP_REQUEST || !station_has(station, &target))
		return 0;
	return write_arp(
		reply, ARP_REPLY, asker, station->mac, arp + ARP_TARGET, asker, arp + ARP_SENDER);
}

// The Internet checksum (RFC 1071) of an ICMPv6 message with its pseudo header (RFC 8200 section
// 8.1); 0 over a message whose own checksum is right.
static uint16_t icmpv6_checksum(const uint8_t *ip, uint32_t octets)
{
	uint32_t sum = checksum_sum(ip + IPV6_SOURCE, 32) +
		checksum_sum(ip + IPV6_HEADER, octets & ~1u) + htobe16((uint16_t)octets) +
		htobe16(IP_PROTOCOL_ICMPV6);

	if (octets % 2 != 0)
		sum += htobe16((uint16_t)(ip[IPV6_HEADER + octets - 1] << 8));
	return (uint16_t)~checksum_fold(sum);
}

struct nd_frame {
	const uint8_t *to_mac;
	const uint8_t *from;
	const uint8_t *to;
	const uint8_t *target;
	uint8_t type;
	uint8_t flags;
	uint8_t option;
};

static uint32_t write_nd(uint8_t *frame, const uint8_t *mac, const struct nd_frame *nd)
{
	uint8_t *ip = write_ether(frame, nd->to_mac, mac, ETHERTYPE_IPV6);
	uint8_t *icmp = ip + IPV6_HEADER;
	uint16_t checksum;

	memset(ip, 0, IPV6_HEADER + ND_OCTETS);
	ip[0] = 6 << 4;
	store_be16(ip + IPV6_PAYLOAD_LENGTH, ND_OCTETS);
	ip[IPV6_NEXT_HEADER] = IP_PROTOCOL_ICMPV6;
	ip[IPV6_HOP_LIMIT] = ND_HOP_LIMIT;
	memcpy(ip + IPV6_SOURCE, nd->from, 16);
	memcpy(ip + IPV6_DESTINATION, nd->to, 16);
	icmp[0] = nd->type;
	icmp[ND_FLAGS] = nd->flags;
	memcpy(icmp + ND_TARGET, nd->target, 16);
	icmp[ND_OPTION] = nd->option;
	icmp[ND_OPTION + 1] = 1; // times eight octets
	memcpy(icmp + ND_OPTION + 2, mac, 6);
	checksum = icmpv6_checksum(ip, ND_OCTETS);
	memcpy(icmp + ND_CHECKSUM, &checksum, sizeof(checksum));
	return ETHER + IPV6_HEADER + ND_OCTETS;
}

// The link address in an advertisement, or the frame's sender where it has none.
static const uint8_t *target_link(const uint8_t *frame, const uint8_t *icmp, uint32_t octets)
{
	if (octets >= ND_OCTETS && icmp[ND_OPTION] == ND_TARGET_LINK && icmp[ND_OPTION + 1] == 1)
		return icmp + ND_OPTION + 2;
	return frame + 6;
}

static uint32_t answer_solicitation(
	const struct station *station, const uint8_t *frame, uint8_t *reply)
{
	static const uint8_t none[16];
	const uint8_t *ip = frame + ETHER;
	const uint8_t *target = ip + IPV6_HEADER + ND_TARGET;
	struct ip_addr wanted = addr_at(IP_V6, target);
	struct nd_frame nd = {
		.to_mac = frame + 6,
		.from = target,
		.to = ip + IPV6_SOURCE,
		.target = target,
		.type = ND_ADVERTISEMENT,
		.flags = ND_SOLICITED_OVERRIDE,
		.option = ND_TARGET_LINK,
	};

	// Somebody who looks whether an address is free has none yet to be answered at.
	if (!station_has(station, &wanted) || memcmp(ip + IPV6_SOURCE, none, 16) == 0)
		return 0;
	return write_nd(reply, station->mac, &nd);
}

static uint32_t hear_nd(
	struct station *station, const uint8_t *frame, uint32_t octets, uint8_t *reply)
{
	const uint8_t *ip = frame + ETHER;
	const uint8_t *icmp = ip + IPV6_HEADER;
	uint32_t payload = load_be16(ip + IPV6_PAYLOAD_LENGTH);

	// RFC 4861 section 7.1: nothing from beyond the link.
	if (ip[IPV6_NEXT_HEADER] != IP_PROTOCOL_ICMPV6 || ip[IPV6_HOP_LIMIT] != ND_HOP_LIMIT ||
		payload < ND_OPTION || payload > octets - ETHER - IPV6_HEADER || icmp[1] != 0 ||
		icmpv6_checksum(ip, payload) != 0)
		return 0;
	if (icmp[0] == ND_ADVERTISEMENT && station->asked.family == IP_V6)
		learn(station, icmp + ND_TARGET, target_link(frame, icmp, payload));
	return icmp[0] == ND_SOLICITATION ? answer_solicitation(station, frame, reply) : 0;
}

uint32_t station_hear(struct station *station, const uint8_t *frame, uint32_t octets,
	uint8_t reply[STATION_FRAME_MAX])
{
	uint16_t ethertype = octets < ETHER ? 0 : load_be16(frame + 12);

	if (ethertype == ETHERTYPE_ARP && octets >= ETHER + ARP_OCTETS)
		return hear_arp(station, frame + ETHER, reply);
	if (ethertype == ETHERTYPE_IPV6 && octets >= ETHER + IPV6_HEADER + ND_OPTION)
		return hear_nd(station, frame, octets, reply);
	return 0;
}

uint32_t station_ask(struct station *station, const struct ip_addr *own,
	const struct ip_addr *wanted, uint8_t frame[STATION_FRAME_MAX])
{
	static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	static const uint8_t none[6];
	// The solicited-node group of the address (RFC 4291 section 2.7.1), and its MAC address.
	uint8_t group[16] = {0xff, 2, [11] = 1, [12] = 0xff};
	uint8_t group_mac[6] = {0x33, 0x33, 0xff};
	struct nd_frame nd = {
		.to_mac = group_mac,
		.from = own->octets,
		.to = group,
		.target = wanted->octets,
		.type = ND_SOLICITATION,
		.option = ND_SOURCE_LINK,
	};

	station->asked = *wanted;
	if (wanted->family == IP_V4)
		return write_arp(frame, ARP_REQUEST, everybody, station->mac, own->octets, none,
			wanted->octets);
	memcpy(group + 13, wanted->octets + 13, 3);
	memcpy(group_mac + 3, wanted->octets + 13, 3);
	return write_nd(frame, station->mac, &nd);
}
