// The IPv4 and IPv6 headers as octet offsets, and the few fields a gateway reads and writes.
#pragma once

#include "base/addr.h"
#include "base/bytes.h"
#include "base/compiler.h"
#include "proto/checksum.h"

#include <stdbool.h>

#define IPV4_HEADER_MIN 20
#define IPV4_TOS 1
#define IPV4_TOTAL_LENGTH 2
#define IPV4_ID 4
#define IPV4_FRAGMENT 6
#define IPV4_TTL 8
#define IPV4_PROTOCOL 9
#define IPV4_CHECKSUM 10
#define IPV4_SOURCE 12
#define IPV4_DESTINATION 16
#define IPV4_DONT_FRAGMENT 0x4000
#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV4_FRAGMENT_OFFSET 0x1fff

#define IPV6_HEADER 40
#define IPV6_PAYLOAD_LENGTH 4
#define IPV6_NEXT_HEADER 6
#define IPV6_HOP_LIMIT 7
#define IPV6_SOURCE 8
#define IPV6_DESTINATION 24
#define IPV6_MTU_MIN 1280 // what it asks of every link (RFC 8200 section 5)

#define IP_PROTOCOL_HOP_BY_HOP 0
#define IP_PROTOCOL_ICMP 1
#define IP_PROTOCOL_IGMP 2
#define IP_PROTOCOL_IPV4 4
#define IP_PROTOCOL_TCP 6
#define IP_PROTOCOL_UDP 17
#define IP_PROTOCOL_DCCP 33
#define IP_PROTOCOL_IPV6 41
#define IP_PROTOCOL_ROUTING 43
#define IP_PROTOCOL_FRAGMENT 44
#define IP_PROTOCOL_GRE 47
#define IP_PROTOCOL_ESP 50
#define IP_PROTOCOL_AH 51
#define IP_PROTOCOL_ICMPV6 58
#define IP_PROTOCOL_NONE 59
#define IP_PROTOCOL_DESTINATION 60
#define IP_PROTOCOL_EIGRP 88
#define IP_PROTOCOL_OSPF 89
#define IP_PROTOCOL_PIM 103
#define IP_PROTOCOL_VRRP 112
#define IP_PROTOCOL_L2TP 115
#define IP_PROTOCOL_SCTP 132
#define IP_PROTOCOL_UDP_LITE 136

static ALWAYS_INLINE uint8_t ip_version(const uint8_t *header)
{
	return header[0] >> 4;
}

static ALWAYS_INLINE uint32_t ipv4_header_octets(const uint8_t *header)
{
	return (header[0] & 0xfu) * 4;
}

// Computed anew; octets: of the header.
static ALWAYS_INLINE void ipv4_write_checksum(uint8_t *header, uint32_t octets)
{
	uint16_t sum = 0;

	memcpy(header + IPV4_CHECKSUM, &sum, sizeof(sum));
	sum = (uint16_t)~checksum_fold(checksum_sum(header, octets));
	memcpy(header + IPV4_CHECKSUM, &sum, sizeof(sum));
}

// At the address itself.
static ALWAYS_INLINE bool ipv4_source_wrong(const uint8_t *source)
{
	return source[0] >= 224 || source[0] == 127;
}

// No host may have this source address on any link: multicast, broadcast, reserved or loopback.
static ALWAYS_INLINE bool ip_source_wrong(const uint8_t *header)
{
	static const uint8_t loopback[16] = {[15] = 1};

	if (likely(ip_version(header) == 4))
		return ipv4_source_wrong(header + IPV4_SOURCE);
	return header[IPV6_SOURCE] == 0xff || memcmp(header + IPV6_SOURCE, loopback, 16) == 0;
}

// A packet with this source address may be forwarded: it is not for use on one link only (RFC 1812
// section 5.3.7, RFC 4291 sections 2.5.2 and 2.5.6).
static ALWAYS_INLINE bool ip_source_forwardable(const uint8_t *header)
{
	static const uint8_t none[16];

	if (unlikely(ip_source_wrong(header)))
		return false;
	if (likely(ip_version(header) == 4))
		return header[IPV4_SOURCE] != 0;
	if (header[IPV6_SOURCE] == 0xfe && (header[IPV6_SOURCE + 1] & 0xc0) == 0x80)
		return false;
	return memcmp(header + IPV6_SOURCE, none, 16) != 0;
}

// The addresses of a packet of either family.
static inline struct ip_addr ip_source(const uint8_t *header)
{
	bool ipv6 = ip_version(header) == 6;
	struct ip_addr addr = {.family = ipv6 ? IP_V6 : IP_V4};

	memcpy(addr.octets, header + (ipv6 ? IPV6_SOURCE : IPV4_SOURCE), ipv6 ? 16 : 4);
	return addr;
}

static inline struct ip_addr ip_destination(const uint8_t *header)
{
	bool ipv6 = ip_version(header) == 6;
	struct ip_addr addr = {.family = ipv6 ? IP_V6 : IP_V4};

	memcpy(addr.octets, header + (ipv6 ? IPV6_DESTINATION : IPV4_DESTINATION), ipv6 ? 16 : 4);
	return addr;
}

// DSCP and ECN: IPv4's TOS octet, IPv6's traffic class.
static ALWAYS_INLINE uint8_t ip_class_of(const uint8_t *header, bool ipv6)
{
	return ipv6 ? (uint8_t)(load_be16(header) >> 4) : header[IPV4_TOS];
}

static ALWAYS_INLINE uint8_t ip_traffic_class(const uint8_t *header)
{
	return ip_class_of(header, ip_version(header) != 4);
}

static ALWAYS_INLINE void ip_set_ecn(uint8_t *header, uint8_t ecn)
{
	if (ip_version(header) == 4) {
		uint16_t word;
		uint8_t octets[2] = {header[0], (uint8_t)((header[IPV4_TOS] & ~3u) | ecn)};

		memcpy(&word, octets, sizeof(word));
		checksum_replace(header + IPV4_CHECKSUM, header, word);
	} else {
		header[1] = (uint8_t)((header[1] & ~0x30u) | (uint32_t)ecn << 4);
	}
}

// Any, first or not.
static ALWAYS_INLINE bool ipv4_is_fragment(const uint8_t *header)
{
	return load_le16(header + IPV4_FRAGMENT) &
		htobe16(IPV4_MORE_FRAGMENTS | IPV4_FRAGMENT_OFFSET);
}

// Routers, too, may split it.
static ALWAYS_INLINE bool ip_may_split(const uint8_t *header)
{
	return ip_version(header) == 4 && !(load_be16(header + IPV4_FRAGMENT) & IPV4_DONT_FRAGMENT);
}

// IPv4's TTL, IPv6's hop limit.
static ALWAYS_INLINE uint8_t ip_hop_limit(const uint8_t *header)
{
	return header[ip_version(header) == 4 ? IPV4_TTL : IPV6_HOP_LIMIT];
}

// TTL and checksum at once. The TTL must not be zero before. The checksum becomes what RFC 1624's
// equation 3 comes to where a word becomes less by one in its first octet, the lower one here.
static ALWAYS_INLINE void ipv4_decrement_ttl(uint8_t *header)
{
	uint32_t word = load_le32(header + IPV4_TTL);

	// The checksum is the upper half: one more, and its carry.
	if (unlikely(word >= 0xfffe0000))
		word += 0x10000;
	store_le32(header + IPV4_TTL, word + 0x10000 - 1);
}

// It must not be zero before.
static ALWAYS_INLINE void ip_decrement_hop_limit(uint8_t *header)
{
	if (likely(ip_version(header) == 4))
		ipv4_decrement_ttl(header);
	else
		header[IPV6_HOP_LIMIT]--;
}
