// A packet turned back to where it came from: Ethernet and IP addresses exchanged, and UDP ports.
// No checksum changes by that. Hop limits stay as they are, so that a loop of reflectors ends.
#pragma once

#include "base/compiler.h"
#include "proto/ip_hdr.h"

#define SWAP_ETHER 14
#define SWAP_UDP 8

static ALWAYS_INLINE void swap_octets(uint8_t *a, uint8_t *b, size_t octets)
{
	uint8_t kept[16];

	memcpy(kept, a, octets);
	memcpy(a, b, octets);
	memcpy(b, kept, octets);
}

static ALWAYS_INLINE void swap_ports(uint8_t *udp, const uint8_t *end)
{
	if (udp + SWAP_UDP <= end)
		swap_octets(udp, udp + 2, 2);
}

static ALWAYS_INLINE bool swap_ipv4(uint8_t *frame, uint32_t octets)
{
	uint8_t *ip = frame + SWAP_ETHER;
	uint32_t header;

	if (octets < SWAP_ETHER + IPV4_HEADER_MIN || ip[0] >> 4 != 4)
		return false;
	header = ipv4_header_octets(ip);
	if (header < IPV4_HEADER_MIN || octets < SWAP_ETHER + header ||
		ip[IPV4_PROTOCOL] == IP_PROTOCOL_ICMP || ip_source_wrong(ip))
		return false;
	swap_octets(ip + IPV4_SOURCE, ip + IPV4_DESTINATION, 4);
	// Later fragments have no ports.
	if (ip[IPV4_PROTOCOL] == IP_PROTOCOL_UDP &&
		(load_be16(ip + IPV4_FRAGMENT) & IPV4_FRAGMENT_OFFSET) == 0)
		swap_ports(ip + header, frame + octets);
	return true;
}

static ALWAYS_INLINE bool swap_ipv6(uint8_t *frame, uint32_t octets)
{
	uint8_t *ip = frame + SWAP_ETHER;

	if (octets < SWAP_ETHER + IPV6_HEADER || ip[0] >> 4 != 6 ||
		ip[IPV6_NEXT_HEADER] == IP_PROTOCOL_ICMPV6 || ip_source_wrong(ip))
		return false;
	swap_octets(ip + IPV6_SOURCE, ip + IPV6_DESTINATION, 16);
	if (ip[IPV6_NEXT_HEADER] == IP_PROTOCOL_UDP)
		swap_ports(ip + IPV6_HEADER, frame + octets);
	return true;
}

// octets: of the frame, that lie in one piece. False, and the frame as it was, for what is not sent
// back: groups' and other stations' frames, ICMP, what is not IP.
static ALWAYS_INLINE bool swap_frame(const uint8_t mac[6], uint8_t *frame, uint32_t octets)
{
	uint16_t ethertype;
	bool done = false;

	if (octets < SWAP_ETHER || memcmp(frame, mac, 6) != 0 || (frame[6] & 1) != 0)
		return false;
	ethertype = load_be16(frame + 12);
	if (ethertype == 0x0800)
		done = swap_ipv4(frame, octets);
	else if (ethertype == 0x86dd)
		done = swap_ipv6(frame, octets);
	if (done)
		swap_octets(frame, frame + 6, 6);
	return done;
}
