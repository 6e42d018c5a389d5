// What ICMP errors quote: the beginning of the packet that they are about.
#pragma once

#include "proto/burst.h"
#include "proto/icmp_enclose.h"

#define ICMP_UNREACHABLE 3

struct icmp_quote {
	const uint8_t *header; // the quoted packet's IP header, whole
	uint32_t octets;       // that are quoted; by its own header it may have more
	struct packet packet;  // l4, protocol, flags
};

// An error, or IPv6's redirect, which quotes too. header: of a packet whose IP header is sound, of
// which this many octets are here, and whose upper layer is as `packet` says. What a later fragment
// is, nobody can say.
bool icmp_is_error(const uint8_t *header, uint32_t octets, const struct packet *packet);

// What such an error quotes, as far as behind the IP headers. false: that is not there, or not of
// the family; a redirect; a fragment, which may have the rest elsewhere.
bool icmp_quote_read(const uint8_t *header, uint32_t octets, const struct packet *packet,
	struct icmp_quote *quote);
