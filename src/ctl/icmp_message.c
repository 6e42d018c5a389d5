// Writing ICMP errors, and the rules for keeping quiet.
#include "ctl/icmp_message.h"

#include "proto/icmp_enclose.h"
#include "proto/ip_upper.h"

#include <string.h>

#define ICMP_REST 4
#define MESSAGE4_MAX 576 // RFC 1812 section 4.3.2.3
#define IPV4_MTU_MIN 68

static const struct {
	const char *name;
	uint8_t type4;
	uint8_t code4;
	uint8_t type6;
	uint8_t code6;
	bool about_multicast6;
} kinds[] = {
#define X(id, type4, code4, type6, code6, about_multicast6) \
	{#id, type4, code4, type6, code6, about_multicast6},
	ICMP_KINDS(X)
#undef X
};

const char *icmp_kind_name(enum icmp_kind kind)
{
	return kinds[kind].name;
}

// Questions and answers; everything else is an error or may be one.
static bool is_question4(uint8_t type)
{
	switch (type) {
	case 0:	 // echo reply
	case 8:	 // echo
	case 9:	 // router advertisement
	case 10: // router solicitation
	case 13: // timestamp
	case 14:
	case 15: // information
	case 16:
	case 17: // address mask
	case 18:
	case 42: // extended echo
	case 43:
		return true;
	default:
		return false;
	}
}

// What it carries is not an error itself. An error behind AH is one too.
static bool carries_no_error(const uint8_t *packet, size_t octets, const struct packet *upper)
{
	switch (upper->protocol) {
	case IP_PROTOCOL_ICMP:
		return octets > upper->l4 && is_question4(packet[upper->l4]);
	case IP_PROTOCOL_ICMPV6:
		// Errors have types below 128; a redirect (137) counts as one.
		return octets > upper->l4 && packet[upper->l4] >= 128 && packet[upper->l4] != 137;
	case IP_PROTOCOL_AH:
		return octets > upper->l4 && packet[upper->l4] != IP_PROTOCOL_ICMP &&
			packet[upper->l4] != IP_PROTOCOL_ICMPV6;
	default:
		return true;
	}
}

static bool may_answer4(const uint8_t *packet, size_t octets)
{
	const uint8_t *source = packet + IPV4_SOURCE;
	size_t header;

	if (octets < IPV4_HEADER_MIN)
		return false;
	header = ipv4_header_octets(packet);
	if (header < IPV4_HEADER_MIN || octets < header)
		return false;
	// This network, loopback, multicast, class E and broadcast are no single host.
	if (source[0] == 0 || source[0] == 127 || source[0] >= 224)
		return false;
	return packet[IPV4_DESTINATION] < 224;
}

static bool may_answer6(enum icmp_kind kind, const uint8_t *packet, size_t octets)
{
	static const uint8_t unspecified[15];
	const uint8_t *source = packet + IPV6_SOURCE;

	if (octets < IPV6_HEADER)
		return false;
	// Multicast, :: and ::1.
	if (source[0] == 0xff ||
		(memcmp(source, unspecified, sizeof(unspecified)) == 0 && source[15] <= 1))
		return false;
	return packet[IPV6_DESTINATION] != 0xff || kinds[kind].about_multicast6;
}

bool icmp_may_answer(enum icmp_kind kind, const uint8_t *packet, size_t octets)
{
	struct packet upper;

	if (octets == 0 || (ip_version(packet) != 4 && ip_version(packet) != 6))
		return false;
	if (ip_version(packet) == 4 ? !may_answer4(packet, octets)
				    : !may_answer6(kind, packet, octets))
		return false;
	return ip_upper(packet, (uint32_t)octets, &upper) == DROP_NONE &&
		!(upper.flags & PACKET_LATER_FRAGMENT) && carries_no_error(packet, octets, &upper);
}

// What of the packet is quoted: no padding behind its own end, no more than fits.
static size_t quote(uint8_t *to, const uint8_t *packet, size_t octets, size_t own, size_t room)
{
	if (octets > own)
		octets = own;
	if (octets > room)
		octets = room;
	memcpy(to, packet, octets);
	return octets;
}

static size_t write4(enum icmp_kind kind, const uint8_t *packet, size_t octets,
	const struct ip_addr *source, uint32_t mtu, size_t most, uint8_t *out)
{
	uint8_t *icmp = out + IPV4_HEADER_MIN;
	struct ip_addr asker = ip_source(packet);
	size_t length;

	memset(icmp, 0, ICMP_HEADER);
	length = ICMP_HEADER +
		quote(icmp + ICMP_HEADER, packet, octets, load_be16(packet + IPV4_TOTAL_LENGTH),
			(most < MESSAGE4_MAX ? most : MESSAGE4_MAX) - IPV4_HEADER_MIN -
				ICMP_HEADER);
	icmp[0] = kinds[kind].type4;
	icmp[1] = kinds[kind].code4;
	if (mtu != 0)
		store_be16(
			icmp + ICMP_REST + 2, (uint16_t)(mtu < IPV4_MTU_MIN ? IPV4_MTU_MIN : mtu));
	return icmp_enclose(out, length, source, &asker);
}

static size_t write6(enum icmp_kind kind, const uint8_t *packet, size_t octets,
	const struct ip_addr *source, uint32_t mtu, size_t most, uint8_t *out)
{
	uint8_t *icmp = out + IPV6_HEADER;
	struct ip_addr asker = ip_source(packet);
	size_t length;

	memset(icmp, 0, ICMP_HEADER);
	length = ICMP_HEADER +
		quote(icmp + ICMP_HEADER, packet, octets,
			IPV6_HEADER + (size_t)load_be16(packet + IPV6_PAYLOAD_LENGTH),
			(most < ICMP_MESSAGE_MAX ? most : ICMP_MESSAGE_MAX) - IPV6_HEADER -
				ICMP_HEADER);
	icmp[0] = kinds[kind].type6;
	icmp[1] = kinds[kind].code6;
	// Hosts do not go below (RFC 8201 section 4).
	if (mtu != 0)
		store_be32(icmp + ICMP_REST, mtu < IPV6_MTU_MIN ? IPV6_MTU_MIN : mtu);
	return icmp_enclose(out, length, source, &asker);
}

size_t icmp_message_write(enum icmp_kind kind, const uint8_t *packet, size_t octets,
	const struct ip_addr *source, uint32_t mtu, size_t most, uint8_t *out)
{
	if (ip_version(packet) == 4)
		return write4(kind, packet, octets, source, mtu, most, out);
	return write6(kind, packet, octets, source, mtu, most, out);
}
