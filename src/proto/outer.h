// The outer IP header: a template made with the SA, copied and completed per packet.
#pragma once

#include "base/addr.h"
#include "proto/ip_hdr.h"

#define OUTER_HOP_LIMIT 64
#define OUTER_DSCPS 64

// The DF bit of an outer IPv4 header (RFC 4301 section 8.1).
enum outer_df {
	OUTER_DF_SET,
	OUTER_DF_COPY, // the inner one; IPv6 counts as set
	OUTER_DF_CLEAR,
};

// What a tunnel's outer headers say of how they are to be carried.
struct outer_class {
	uint8_t dscp[OUTER_DSCPS]; // the outer one, by the inner
	uint8_t ecn_mask;	   // what of the inner ECN field is copied: ECN_MASK or nothing
	uint8_t hop_limit;
	uint8_t df; // enum outer_df; IPv4 only
};

struct outer {
	uint8_t header[IPV6_HEADER]; // IPv4: 20 octets, length, TOS and checksum zero; DF set, ID 0
	uint32_t sum;		     // IPv4: of the header as it stands
	uint8_t df;		     // enum outer_df; IPv6: set
	uint8_t traffic_class[256];  // DSCP and ECN, by the inner ones
};

// DSCP and ECN copied, OUTER_HOP_LIMIT, DF set.
void outer_class_default(struct outer_class *class);
// Both addresses of one family.
void outer_init(struct outer *outer, const struct ip_addr *source,
	const struct ip_addr *destination, uint8_t protocol, const struct outer_class *class);

// Of the header around this inner packet.
static ALWAYS_INLINE uint8_t outer_traffic_class(const struct outer *outer, const uint8_t *inner)
{
	return outer->traffic_class[ip_traffic_class(inner)];
}

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
		uint32_t total = htobe16((uint16_t)(octets + IPV4_HEADER_MIN));
		uint32_t tos = (uint32_t)traffic_class << 8 * IPV4_TOS;
		uint32_t sum = outer->sum + total + tos;

		// Both halves and all carries come together in the upper one, which is where the
		// checksum has its place in the second word.
		sum += sum << 16 | sum >> 16;
		// What is zero in the template is put in before it is stored.
		store_le64(at,
			load_le64(outer->header) | tos | (uint64_t)total << 8 * IPV4_TOTAL_LENGTH);
		store_le64(at + 8, load_le64(outer->header + 8) | (~sum & 0xffff0000));
		memcpy(at + IPV4_DESTINATION, outer->header + IPV4_DESTINATION, 4);
	}
}

// Of a header just written.
void outer_clear_df(uint8_t *at, uint16_t id);

// Routers may split the packet around this inner one where the tunnel lets them. id: then the
// identification, which no other packet of late has (RFC 6864).
static ALWAYS_INLINE void outer_write_df(
	const struct outer *outer, uint8_t *at, const uint8_t *inner, uint16_t id)
{
	if (likely(outer->df == OUTER_DF_SET))
		return;
	if (outer->df == OUTER_DF_CLEAR || ip_may_split(inner))
		outer_clear_df(at, id);
}

// 20 bits out of a 32-bit word, so that equal-cost paths see a flow per sequence counter (RFC
// 6438).
static ALWAYS_INLINE uint32_t outer_flow_label(uint32_t word)
{
	return (word * UINT32_C(0x9e3779b1)) >> 12;
}
