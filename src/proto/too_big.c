// Reading what routers say about packets that are too big.
#include "proto/too_big.h"

#include "proto/ip_upper.h"

#define ICMP_UNREACHABLE 3
#define ICMP_FRAGMENTATION_NEEDED 4
#define ICMPV6_PACKET_TOO_BIG 2
#define ICMP_HEADER 8
#define ICMP_MTU4 6
#define ICMP_MTU6 4

static bool parse_quoted(
	const uint8_t *quoted, uint32_t octets, uint8_t version, struct too_big *said)
{
	struct packet packet;
	uint32_t least = version == 4 ? IPV4_HEADER_MIN : IPV6_HEADER;

	if (octets < least || ip_version(quoted) != version)
		return false;
	if (version == 4 && ipv4_header_octets(quoted) < IPV4_HEADER_MIN)
		return false;
	// Of a later fragment it is not the beginning.
	if (ip_upper(quoted, octets, &packet) != DROP_NONE ||
		packet.flags & PACKET_LATER_FRAGMENT ||
		octets < packet.l4 + (uint32_t)TOO_BIG_QUOTED)
		return false;
	said->protocol = packet.protocol;
	said->octets = version == 4
		? load_be16(quoted + IPV4_TOTAL_LENGTH)
		: IPV6_HEADER + (uint32_t)load_be16(quoted + IPV6_PAYLOAD_LENGTH);
	said->upper = quoted + packet.l4;
	said->upper_octets = octets - packet.l4;
	return true;
}

bool too_big_parse(
	const uint8_t *header, uint32_t octets, const struct packet *packet, struct too_big *said)
{
	const uint8_t *icmp = header + packet->l4;
	const uint8_t *quoted = icmp + ICMP_HEADER;
	uint32_t left;
	bool parsed;

	if (packet->flags & PACKET_FRAGMENT || octets < packet->l4 + (uint32_t)ICMP_HEADER)
		return false;
	left = octets - packet->l4 - ICMP_HEADER;
	if (packet->protocol == IP_PROTOCOL_ICMP && icmp[0] == ICMP_UNREACHABLE &&
		icmp[1] == ICMP_FRAGMENTATION_NEEDED) {
		said->mtu = load_be16(icmp + ICMP_MTU4);
		parsed = parse_quoted(quoted, left, 4, said);
	} else if (packet->protocol == IP_PROTOCOL_ICMPV6 && icmp[0] == ICMPV6_PACKET_TOO_BIG) {
		said->mtu = load_be32(icmp + ICMP_MTU6);
		parsed = parse_quoted(quoted, left, 6, said);
	} else {
		return false;
	}
	if (!parsed)
		return false;
	said->source = ip_source(quoted);
	said->destination = ip_destination(quoted);
	return true;
}

bool too_big_intact(const uint8_t *header, uint32_t octets, const struct packet *packet)
{
	uint32_t length = octets - packet->l4;
	uint32_t sum = checksum_sum_any(header + packet->l4, length);

	// The pseudo-header, RFC 4443 section 2.3.
	if (packet->flags & PACKET_IPV6)
		sum += checksum_sum(header + IPV6_SOURCE, 32) + htobe16((uint16_t)length) +
			htobe16(IP_PROTOCOL_ICMPV6);
	return checksum_fold(sum) == 0xffff;
}
