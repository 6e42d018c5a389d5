// ICMP messages of the gateway's own as packets: the IP header in front, and the checksums.
#pragma once

#include "base/addr.h"

#define ICMP_HEADER 8
#define ICMP_CHECKSUM 2
#define ICMP_HOP_LIMIT 64

// Octets of the IP header in front of it.
size_t icmp_enclosing(uint8_t family);

// out: room for the IP header of this family, and right behind it the message, whose checksum is
// zero; octets: of the message, ICMP_HEADER or more. Writes header and checksum and returns the
// packet's octets. Both addresses are of one family.
size_t icmp_enclose(uint8_t *out, size_t octets, const struct ip_addr *source,
	const struct ip_addr *destination);
