// Reading what routers say about packets that are too big.
#include "proto/too_big.h"

#include "proto/icmp_quote.h"
#include "proto/ip_hdr.h"

#define ICMP_FRAGMENTATION_NEEDED 4
#define ICMPV6_PACKET_TOO_BIG 2
#define ICMP_MTU4 6
#define ICMP_MTU6 4

// The message is this one, and what MTU it gives. icmp: a header that is whole.
static bool parse_mtu(const uint8_t *icmp, bool ipv6, uint32_t *mtu)
{
	if (ipv6) {
		*mtu = load_be32(icmp + ICMP_MTU6);
		return icmp[0] == ICMPV6_PACKET_TOO_BIG;
	}
	*mtu = load_be16(icmp + ICMP_MTU4);
	return icmp[0] == ICMP_UNREACHABLE && icmp[1] == ICMP_FRAGMENTATION_NEEDED;
}

bool too_big_parse(
	const uint8_t *header, uint32_t octets, const struct packet *packet, struct too_big *said)
{
	bool ipv6 = packet->flags & PACKET_IPV6;
	struct icmp_quote quote;

	if (!icmp_is_error(header, octets, packet) ||
		!icmp_quote_read(header, octets, packet, &quote) ||
		!parse_mtu(header + packet->l4, ipv6, &said->mtu))
		return false;
	// Of a later fragment it is not the beginning.
	if (quote.packet.flags & PACKET_LATER_FRAGMENT ||
		quote.octets < quote.packet.l4 + (uint32_t)TOO_BIG_QUOTED)
		return false;
	said->source = ip_source(quote.header);
	said->destination = ip_destination(quote.header);
	said->protocol = quote.packet.protocol;
	said->octets = ipv6 ? IPV6_HEADER + (uint32_t)load_be16(quote.header + IPV6_PAYLOAD_LENGTH)
			    : load_be16(quote.header + IPV4_TOTAL_LENGTH);
	said->upper = quote.header + quote.packet.l4;
	said->upper_octets = quote.octets - quote.packet.l4;
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
