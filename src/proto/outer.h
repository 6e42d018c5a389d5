// The outer IP header: a template made with the SA, copied and completed per packet.
#pragma once

#include "base/addr.h"
#include "proto/ip_hdr.h"

#define OUTER_HOP_LIMIT 64

struct outer {
	uint8_t header[IPV6_HEADER]; // IPv4: 20 octets, length, TOS and checksum zero; DF set, ID 0
	uint32_t sum;		     // IPv4: of the header as it stands
};

// Both addresses of one family.
void outer_init(struct outer *outer, const struct ip_addr *source,
	const struct ip_addr *destination, uint8_t protocol);

static ALWAYS_INLINE uint16_t outer_octets(bool ipv6)
{
	return ipv6 ? IPV6_HEADER : IPV4_HEADER_MIN;
}

// Writes the outer header at `at`. octets: of all that follows it; flow_label: IPv6 only, 20 bits.
static ALWAYS_INLINE void outer_write(const struct outer *outer, uint8_t *at, bool ipv6,
	uint16_t octets, uint8_t traffic_class, uint32_t flow_label)
{
	if (ipv6) {
		memcpy(at, outer->header, IPV6_HEADER);
		store_be32(at, 6u << 28 | (uint32_t)traffic_class << 20 | flow_label);
		store_be16(at + IPV6_PAYLOAD_LENGTH, octets);
	} else {
		uint16_t total_be = htobe16((uint16_t)(octets + IPV4_HEADER_MIN));
		uint16_t tos_be = htobe16(traffic_class);
		uint16_t checksum = (uint16_t)~checksum_fold(outer->sum + total_be + tos_be);

		memcpy(at, outer->header, IPV4_HEADER_MIN);
		at[IPV4_TOS] = traffic_class;
		memcpy(at + IPV4_TOTAL_LENGTH, &total_be, sizeof(total_be));
		memcpy(at + IPV4_CHECKSUM, &checksum, sizeof(checksum));
	}
}

// 20 bits out of a 32-bit word, so that equal-cost paths see a flow per sequence counter (RFC
// 6438).
static ALWAYS_INLINE uint32_t outer_flow_label(uint32_t word)
{
	return (word * UINT32_C(0x9e3779b1)) >> 12;
}
