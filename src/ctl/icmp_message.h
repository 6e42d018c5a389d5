// ICMP errors as octets: which packets may be answered at all, and what the answer looks like (RFC
// 792, 1122 section 3.2.2, 1191, 1812 section 4.3.2, 4443). Pure.
#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The table: a row gives the enum, the name and the counters. Its columns: id, type and code for
// IPv4, type and code for IPv6, whether IPv6 multicast is answered too (RFC 4443 section 2.4
// (e.3)). Routes answer as Linux answers for them.
// clang-format off
#define ICMP_KINDS(X) \
	X(too_big,           3,  4,  2, 0, true) \
	X(time_exceeded,     11, 0,  3, 0, false) \
	X(no_route,          3,  0,  1, 0, false) \
	X(route_unreachable, 3,  1,  1, 0, false) \
	X(route_prohibit,    3,  13, 1, 1, false) \
	X(host_unreachable,  3,  1,  1, 3, false) \
	X(policy_refusal,    3,  13, 1, 1, false)
// clang-format on

enum icmp_kind {
#define X(id, type4, code4, type6, code6, about_multicast6) ICMP_##id,
	ICMP_KINDS(X)
#undef X
		ICMP_KIND_COUNT
};

// "too_big".
const char *icmp_kind_name(enum icmp_kind kind);

// The longest message: RFC 4443 section 2.4 (c).
#define ICMP_MESSAGE_MAX 1280
// Room for headers and the first octets of what is quoted, in both families.
#define ICMP_MESSAGE_MIN 128

// packet begins with its IP header and has this many octets. false: nobody may be told, or nobody
// can be.
bool icmp_may_answer(enum icmp_kind kind, const uint8_t *packet, size_t octets);

// Writes the whole IP packet to out (ICMP_MESSAGE_MAX octets of room) and returns its octets, at
// most `most` of them, which is ICMP_MESSAGE_MIN or more. source: of the packet's family. mtu: of
// ICMP_too_big, else 0.
size_t icmp_message_write(enum icmp_kind kind, const uint8_t *packet, size_t octets,
	const struct ip_addr *source, uint32_t mtu, size_t most, uint8_t *out);
