// Writing IP headers around ICMP.
#include "proto/icmp_enclose.h"

#include "proto/ip_hdr.h"

#define TRAFFIC_CLASS 0xc0 // internetwork control: RFC 1812 section 4.3.2.5

size_t icmp_enclosing(uint8_t family)
{
	return family == IP_V4 ? IPV4_HEADER_MIN : IPV6_HEADER;
}

static void store_checksum(uint8_t *at, uint32_t sum)
{
	uint16_t checksum = (uint16_t)~checksum_fold(sum);

	memcpy(at, &checksum, sizeof(checksum));
}

static void enclose4(uint8_t *out, size_t octets, const struct ip_addr *source,
	const struct ip_addr *destination)
{
	uint8_t *icmp = out + IPV4_HEADER_MIN;

	store_checksum(icmp + ICMP_CHECKSUM, checksum_sum_any(icmp, (uint32_t)octets));
	memset(out, 0, IPV4_HEADER_MIN);
	out[0] = 0x45;
	out[IPV4_TOS] = TRAFFIC_CLASS;
	store_be16(out + IPV4_TOTAL_LENGTH, (uint16_t)(IPV4_HEADER_MIN + octets));
	store_be16(out + IPV4_FRAGMENT, IPV4_DONT_FRAGMENT);
	out[IPV4_TTL] = ICMP_HOP_LIMIT;
	out[IPV4_PROTOCOL] = IP_PROTOCOL_ICMP;
	memcpy(out + IPV4_SOURCE, source->octets, 4);
	memcpy(out + IPV4_DESTINATION, destination->octets, 4);
	ipv4_write_checksum(out, IPV4_HEADER_MIN);
}

static void enclose6(uint8_t *out, size_t octets, const struct ip_addr *source,
	const struct ip_addr *destination)
{
	uint8_t *icmp = out + IPV6_HEADER;

	memset(out, 0, IPV6_HEADER);
	memcpy(out + IPV6_SOURCE, source->octets, 16);
	memcpy(out + IPV6_DESTINATION, destination->octets, 16);
	// The pseudo-header's addresses are where they belong, its length and protocol are not.
	store_checksum(icmp + ICMP_CHECKSUM,
		checksum_sum(out + IPV6_SOURCE, 32) + htobe16((uint16_t)octets) +
			htobe16(IP_PROTOCOL_ICMPV6) + checksum_sum_any(icmp, (uint32_t)octets));
	store_be32(out, 6u << 28 | TRAFFIC_CLASS << 20);
	store_be16(out + IPV6_PAYLOAD_LENGTH, (uint16_t)octets);
	out[IPV6_NEXT_HEADER] = IP_PROTOCOL_ICMPV6;
	out[IPV6_HOP_LIMIT] = ICMP_HOP_LIMIT;
}

size_t icmp_enclose(uint8_t *out, size_t octets, const struct ip_addr *source,
	const struct ip_addr *destination)
{
	if (source->family == IP_V4)
		enclose4(out, octets, source, destination);
	else
		enclose6(out, octets, source, destination);
	return icmp_enclosing(source->family) + octets;
}
