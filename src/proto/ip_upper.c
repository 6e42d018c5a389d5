// Walking IPv6's extension headers.
#include "proto/ip_upper.h"

// Headers that one packet may chain before it is refused.
#define EXTENSIONS_MAX 8

// Headers that selectors look past. AH and Mobility are upper protocols to them (RFC 4301 section
// 4.4.1.1).
static bool is_extension(uint8_t protocol)
{
	switch (protocol) {
	case IP_PROTOCOL_HOP_BY_HOP:
	case IP_PROTOCOL_ROUTING:
	case IP_PROTOCOL_FRAGMENT:
	case IP_PROTOCOL_DESTINATION:
		return true;
	default:
		return false;
	}
}

// An atomic fragment, the first and the last, is whole (RFC 6946).
static void note_fragment(const uint8_t *header, struct packet *packet)
{
	uint16_t offset = load_be16(header + 2);

	if (offset & 0xfff9)
		packet->flags |= PACKET_FRAGMENT;
	if (offset & 0xfff8)
		packet->flags |= PACKET_LATER_FRAGMENT;
}

// Octets of the extension header of which `left` octets are at `at`, more than are left where it is
// cut short, 0 if `protocol` is none; notes fragments.
static uint32_t extension_octets(
	uint8_t protocol, const uint8_t *at, uint32_t left, struct packet *packet)
{
	if (!is_extension(protocol))
		return 0;
	if (left < 8)
		return 8;
	if (protocol != IP_PROTOCOL_FRAGMENT)
		return (at[1] + 1u) * 8;
	note_fragment(at, packet);
	return 8;
}

enum drop_reason ip_upper6(const uint8_t *header, uint32_t octets, struct packet *packet)
{
	uint8_t protocol = header[IPV6_NEXT_HEADER];
	uint32_t at = IPV6_HEADER;

	packet->flags = PACKET_IPV6;
	for (unsigned i = 0; i <= EXTENSIONS_MAX; i++) {
		uint32_t extension = extension_octets(protocol, header + at, octets - at, packet);

		if (likely(extension == 0)) {
			packet->l4 = (uint16_t)at;
			packet->protocol = protocol;
			return DROP_NONE;
		}
		if (unlikely(extension > octets - at))
			return DROP_ip_header;
		protocol = header[at];
		at += extension;
		// What follows in a later fragment is the middle of something: of which protocol
		// it is, nobody can say who sees only this, unless that comes next.
		if (packet->flags & PACKET_LATER_FRAGMENT) {
			packet->l4 = (uint16_t)at;
			packet->protocol = protocol;
			return is_extension(protocol) ? DROP_fragment_opaque : DROP_NONE;
		}
	}
	return DROP_ip_header;
}
