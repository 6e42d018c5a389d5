// Headers of the packets that measurements are made with.
#pragma once

#include "proto/ip_hdr.h"

#define PACKET_HOP_LIMIT 64

// octets: of the whole IP packet, header included. Addresses in host order.
static inline void packet_write_ipv4(
	uint8_t *ip, uint16_t octets, uint8_t protocol, uint32_t source, uint32_t destination)
{
	uint16_t checksum;

	memset(ip, 0, IPV4_HEADER_MIN);
	ip[0] = 0x45;
	store_be16(ip + IPV4_TOTAL_LENGTH, octets);
	ip[IPV4_TTL] = PACKET_HOP_LIMIT;
	ip[IPV4_PROTOCOL] = protocol;
	store_be32(ip + IPV4_SOURCE, source);
	store_be32(ip + IPV4_DESTINATION, destination);
	checksum = (uint16_t)~checksum_fold(checksum_sum(ip, IPV4_HEADER_MIN));
	memcpy(ip + IPV4_CHECKSUM, &checksum, sizeof(checksum));
}

// A header without checksum and a payload of zeros, both together of so many octets.
static inline void packet_write_udp(
	uint8_t *udp, uint16_t octets, uint16_t source, uint16_t destination)
{
	memset(udp, 0, octets);
	store_be16(udp, source);
	store_be16(udp + 2, destination);
	store_be16(udp + 4, octets);
}
