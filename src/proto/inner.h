// What a decrypted datagram must be before it goes on, the same for every tunnel protocol.
#pragma once

#include "proto/burst.h"
#include "proto/ecn.h"
#include "proto/ip_hdr.h"
#include "proto/pkt.h"

// Checks the IP header at the start of octets of plaintext. Returns DROP_NONE and the datagram's
// own length (at most octets; the rest is padding), or the reason. Reads no further than octets.
enum drop_reason inner_check(const uint8_t *plaintext, uint32_t octets, uint32_t *datagram_octets);

// What inner_release does with any packet.
enum drop_reason inner_release_any(
	struct rte_mbuf *m, uint16_t head, uint32_t octets, uint8_t traffic_class);

// A whole IPv4 datagram without options in which nothing is wrong and no congestion mark to be
// changed.
static ALWAYS_INLINE bool inner_is_plain(
	const uint8_t *header, uint32_t octets, uint8_t traffic_class)
{
	uint32_t total;

	if (unlikely(octets < IPV4_HEADER_MIN || header[0] != (4 << 4 | IPV4_HEADER_MIN / 4)))
		return false;
	total = load_be16(header + IPV4_TOTAL_LENGTH);
	// As one comparison: at least the header, at most what there is.
	return total - IPV4_HEADER_MIN <= octets - IPV4_HEADER_MIN && !ipv4_is_fragment(header) &&
		checksum_right20(header) && ecn_stays(header[IPV4_TOS], traffic_class);
}

// Frees a decrypted and committed packet of everything around its datagram: head octets in front,
// padding behind octets of plaintext and behind the datagram. Joins the outer header's congestion
// mark (traffic_class) to the inner one (RFC 6040). Of a plain one (IPv4 without options, no
// fragment) fills what packet says but the port; else *plain becomes false. DROP_NONE or the
// reason.
static ALWAYS_INLINE enum drop_reason inner_release(struct rte_mbuf *m, uint16_t head,
	uint32_t octets, uint8_t traffic_class, struct packet *packet, bool *plain)
{
	const uint8_t *header = rte_pktmbuf_mtod_offset(m, const uint8_t *, head);

	if (unlikely(!inner_is_plain(header, octets, traffic_class))) {
		*plain = false;
		return inner_release_any(m, head, octets, traffic_class);
	}
	pkt_narrow(m, head, load_be16(header + IPV4_TOTAL_LENGTH));
	packet_is_plain(packet, header[IPV4_PROTOCOL]);
	return DROP_NONE;
}
