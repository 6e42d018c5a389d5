// What a decrypted datagram must be before it goes on, the same for every tunnel protocol.
#pragma once

#include "proto/burst.h"
#include "proto/ecn.h"
#include "proto/four.h"
#include "proto/ip_hdr.h"
#include "proto/outer.h"
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

// The four packets' outer headers have no options, extension headers or congestion marks.
static ALWAYS_INLINE bool inner_four_bare(
	const uint8_t *const outer[4], const struct packet packet[4], const bool ipv6)
{
	four other = packet_four(packet).begin ^ outer_octets(ipv6);
	uint8_t marks = 0;

	for (unsigned i = 0; i < 4; i++)
		marks |= ip_class_of(outer[i], ipv6);
	return likely(!four_any(other & PACKET_BEGIN(UINT16_MAX, 0, 0))) &&
		likely((marks & ECN_MASK) == 0);
}

// As inner_release, of four packets with such headers: `front` octets in front of each, `octets` of
// plaintext. False: not all of them are plain, and nothing has changed.
static ALWAYS_INLINE bool inner_release_four(struct rte_mbuf *const m[4],
	const uint8_t *const outer[4], uint16_t front, four octets, struct packet packet[4])
{
	const uint8_t *header[4];
	struct ipv4_four ip;
	four total;

	if (unlikely(four_any_negative(octets - IPV4_HEADER_MIN)))
		return false;
	for (unsigned i = 0; i < 4; i++)
		header[i] = outer[i] + front;
	ip = ipv4_four_load(header);
	total = ipv4_four_total(&ip);
	if (unlikely(four_any(ipv4_four_other(&ip))) ||
		unlikely(four_any_negative(ipv4_four_misfit(total, octets))))
		return false;
	pkt_four_narrow(m, front, total);
	packet_four_are_plain(packet, &ip, packet_four(packet).end);
	return true;
}

// Packets first .. end-1, accepted: by `all` four at once where that can be, else by `one` each,
// which writes their verdicts.
static ALWAYS_INLINE void inner_release_run(struct burst *b, unsigned first, unsigned end,
	uint16_t (*one)(struct rte_mbuf *m, struct packet *packet, bool *plain, bool ipv6),
	bool (*all)(struct rte_mbuf *const m[4], struct packet packet[4], bool ipv6), bool *plain,
	const bool ipv6)
{
	unsigned i = first;

	while (i < end) {
		unsigned next = RTE_MIN(i + 4, end);

		if (likely(next == i + 4)) {
			struct rte_mbuf *const m[4] = {
				b->m[i], b->m[i + 1], b->m[i + 2], b->m[i + 3]};

			if (likely(all(m, &b->packet[i], ipv6))) {
				i = next;
				continue;
			}
		}
		for (; i < next; i++)
			b->verdict[i] = one(b->m[i], &b->packet[i], plain, ipv6);
	}
}
