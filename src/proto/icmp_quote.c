// Finding the quoted packet.
#include "proto/icmp_quote.h"

#include "proto/ip_upper.h"

#define ICMP_SOURCE_QUENCH 4
#define ICMP_REDIRECT 5
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETER_PROBLEM 12
#define ICMPV6_QUESTIONS 128 // from here on; errors are below (RFC 4443 section 2.1)
#define ICMPV6_REDIRECT 137

static bool is_error4(uint8_t type)
{
	switch (type) {
	case ICMP_UNREACHABLE:
	case ICMP_SOURCE_QUENCH:
	case ICMP_REDIRECT:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETER_PROBLEM:
		return true;
	default:
		return false;
	}
}

bool icmp_is_error(const uint8_t *header, uint32_t octets, const struct packet *packet)
{
	bool ipv6 = packet->flags & PACKET_IPV6;
	uint8_t type;

	if (packet->protocol != (ipv6 ? IP_PROTOCOL_ICMPV6 : IP_PROTOCOL_ICMP) ||
		packet->flags & PACKET_LATER_FRAGMENT || octets <= packet->l4)
		return false;
	type = header[packet->l4];
	return ipv6 ? type < ICMPV6_QUESTIONS || type == ICMPV6_REDIRECT : is_error4(type);
}

bool icmp_quote_read(const uint8_t *header, uint32_t octets, const struct packet *packet,
	struct icmp_quote *quote)
{
	const uint8_t *icmp = header + packet->l4;
	bool ipv6 = packet->flags & PACKET_IPV6;

	if (packet->flags & PACKET_FRAGMENT || octets < packet->l4 + (uint32_t)ICMP_HEADER ||
		(ipv6 && icmp[0] == ICMPV6_REDIRECT))
		return false;
	quote->header = icmp + ICMP_HEADER;
	quote->octets = octets - packet->l4 - ICMP_HEADER;
	if (quote->octets < (ipv6 ? IPV6_HEADER : IPV4_HEADER_MIN) ||
		ip_version(quote->header) != (ipv6 ? 6 : 4))
		return false;
	if (!ipv6 && ipv4_header_octets(quote->header) < IPV4_HEADER_MIN)
		return false;
	return ip_upper(quote->header, quote->octets, &quote->packet) == DROP_NONE &&
		quote->octets >= quote->packet.l4;
}
