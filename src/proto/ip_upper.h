// What an IP packet carries: the upper protocol, where its header is, and whether the packet is a
// fragment. IPv6's extension headers are skipped here and nowhere else.
#pragma once

#include "proto/burst.h"
#include "proto/ip_hdr.h"

// The same for IPv6 alone.
enum drop_reason ip_upper6(const uint8_t *header, uint32_t octets, struct packet *packet);

// header: an IP header that is whole, of a packet of which this many octets are here. Fills l4,
// protocol and flags of packet. DROP_NONE, DROP_ip_header where extension headers do not end within
// the octets, DROP_fragment_opaque where a later fragment does not tell.
static ALWAYS_INLINE enum drop_reason ip_upper(
	const uint8_t *header, uint32_t octets, struct packet *packet)
{
	uint16_t fragment;

	if (unlikely(ip_version(header) != 4))
		return ip_upper6(header, octets, packet);
	fragment = load_be16(header + IPV4_FRAGMENT);
	packet->l4 = (uint16_t)ipv4_header_octets(header);
	packet->protocol = header[IPV4_PROTOCOL];
	packet->flags = 0;
	if (unlikely(fragment & (IPV4_MORE_FRAGMENTS | IPV4_FRAGMENT_OFFSET)))
		packet->flags = PACKET_FRAGMENT;
	if (unlikely(fragment & IPV4_FRAGMENT_OFFSET))
		packet->flags |= PACKET_LATER_FRAGMENT;
	return DROP_NONE;
}
