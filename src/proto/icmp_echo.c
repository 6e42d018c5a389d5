// Writing questions, reading both, and turning one into the other.
#include "proto/icmp_echo.h"

#include "proto/icmp_enclose.h"
#include "proto/ip_upper.h"

#include <string.h>

#define ECHO4 8
#define ECHO_REPLY4 0
#define ECHO6 128
#define ECHO_REPLY6 129
#define ECHO_ID 4
#define ECHO_SEQ 6

bool icmp_is_echo(const uint8_t *header, uint32_t octets, const struct packet *packet)
{
	bool ipv6 = packet->flags & PACKET_IPV6;
	uint8_t type;

	if (packet->protocol != (ipv6 ? IP_PROTOCOL_ICMPV6 : IP_PROTOCOL_ICMP) ||
		packet->flags & PACKET_FRAGMENT || octets < packet->l4 + (uint32_t)ICMP_HEADER)
		return false;
	type = header[packet->l4];
	return ipv6 ? type == ECHO6 || type == ECHO_REPLY6 : type == ECHO4 || type == ECHO_REPLY4;
}

size_t icmp_echo_write(const struct icmp_echo *echo, uint8_t *out)
{
	bool ipv6 = echo->source.family == IP_V6;
	uint8_t *icmp = out + icmp_enclosing(echo->source.family);

	memset(icmp, 0, ICMP_HEADER);
	icmp[0] = ipv6 ? ECHO6 : ECHO4;
	store_be16(icmp + ECHO_ID, echo->id);
	store_be16(icmp + ECHO_SEQ, echo->seq);
	memcpy(icmp + ICMP_HEADER, echo->nonce, ICMP_ECHO_NONCE);
	return icmp_enclose(out, ICMP_HEADER + ICMP_ECHO_NONCE, &echo->source, &echo->destination);
}

bool icmp_echo_read(const uint8_t *header, uint32_t octets, struct icmp_echo *echo)
{
	struct packet packet = {.l4 = 0};
	const uint8_t *icmp;

	if (ip_upper(header, octets, &packet) != DROP_NONE ||
		!icmp_is_echo(header, octets, &packet))
		return false;
	icmp = header + packet.l4;
	*echo = (struct icmp_echo){
		.source = ip_source(header),
		.destination = ip_destination(header),
		.question = icmp[0] == (packet.flags & PACKET_IPV6 ? ECHO6 : ECHO4),
		.id = load_be16(icmp + ECHO_ID),
		.seq = load_be16(icmp + ECHO_SEQ),
	};
	if (octets == packet.l4 + (uint32_t)ICMP_HEADER + ICMP_ECHO_NONCE)
		memcpy(echo->nonce, icmp + ICMP_HEADER, ICMP_ECHO_NONCE);
	return true;
}

bool icmp_echo_turn(uint8_t *header, uint32_t octets)
{
	bool ipv6 = ip_version(header) == 6;
	struct ip_addr asker = ip_source(header);
	struct ip_addr asked = ip_destination(header);
	size_t enclosing = icmp_enclosing(asker.family);
	uint8_t *icmp = header + enclosing;

	if (ipv6 ? header[IPV6_NEXT_HEADER] != IP_PROTOCOL_ICMPV6
		 : ipv4_header_octets(header) != IPV4_HEADER_MIN)
		return false;
	icmp[0] = ipv6 ? ECHO_REPLY6 : ECHO_REPLY4;
	memset(icmp + ICMP_CHECKSUM, 0, sizeof(uint16_t));
	icmp_enclose(header, octets - enclosing, &asked, &asker);
	return true;
}
