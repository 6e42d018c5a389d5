// A router's word that a packet was too big for its next link: ICMP "fragmentation needed" (RFC
// 1191), ICMPv6 "packet too big" (RFC 4443 section 3.2). Nobody vouches for it: whoever can send us
// a packet can write one.
#pragma once

#include "base/addr.h"
#include "proto/burst.h"

struct too_big {
	uint32_t mtu; // 0: from routers older than RFC 1191
	// The packet that was too big, as far as it is quoted.
	struct ip_addr source;
	struct ip_addr destination;
	uint8_t protocol;      // extension headers skipped
	uint32_t octets;       // that it had, by its own header
	const uint8_t *upper;  // its header
	uint32_t upper_octets; // of those that are quoted: TOO_BIG_QUOTED or more
};

// What routers quote at least behind the IP headers (RFC 792).
#define TOO_BIG_QUOTED 8

// Reads an IP packet (its header is sound) of this many octets, whose upper layer is as `packet`
// says. false: it is something else, or cut short.
bool too_big_parse(
	const uint8_t *header, uint32_t octets, const struct packet *packet, struct too_big *said);

// The checksum of such a message is right.
bool too_big_intact(const uint8_t *header, uint32_t octets, const struct packet *packet);
