// The first look at a frame.
#include "dataplane/classify.h"

#include "dataplane/arp.h"
#include "dataplane/classify_punt.h"
#include "dataplane/dataplane.h"
#include "dataplane/drop.h"
#include "dataplane/punt.h"
#include "proto/four.h"
#include "proto/ip_hdr.h"
#include "proto/ip_upper.h"
#include "proto/pkt.h"

// Packets whose memory is asked for before they are looked at.
#define FETCH_AHEAD 8

static ALWAYS_INLINE bool ipv4_checksum_unknown(const struct rte_mbuf *m)
{
	return (m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) != RTE_MBUF_F_RX_IP_CKSUM_GOOD;
}

// The header at `header` has header_octets; `octets` from its start to the end of the frame.
// *total: of the packet.
static enum drop_reason check_ipv4(
	const struct rte_mbuf *m, const uint8_t *header, uint32_t octets, uint32_t *total)
{
	uint32_t header_octets = ipv4_header_octets(header);

	*total = load_be16(header + IPV4_TOTAL_LENGTH);
	if (header_octets < IPV4_HEADER_MIN || *total < header_octets)
		return DROP_ip_header;
	if (*total > octets)
		return DROP_ip_length;
	if (ipv4_checksum_unknown(m) && !checksum_ipv4_right(header, header_octets))
		return DROP_ip_checksum;
	return ip_source_wrong(header) ? DROP_ip_source : DROP_NONE;
}

static enum drop_reason check_ipv6(const uint8_t *header, uint32_t octets, uint32_t *total)
{
	if (unlikely(octets < IPV6_HEADER))
		return DROP_ip_header;
	if (unlikely(ip_version(header) != 6))
		return DROP_ip_version;
	*total = IPV6_HEADER + (uint32_t)load_be16(header + IPV6_PAYLOAD_LENGTH);
	if (unlikely(*total == IPV6_HEADER && header[IPV6_NEXT_HEADER] == IP_PROTOCOL_HOP_BY_HOP))
		return DROP_ip_jumbogram;
	if (unlikely(*total > octets))
		return DROP_ip_length;
	return unlikely(ip_source_wrong(header)) ? DROP_ip_source : DROP_NONE;
}

static enum drop_reason check_ip(
	const struct rte_mbuf *m, uint16_t ether_type, const uint8_t *header, uint32_t *total)
{
	uint32_t octets = (uint32_t)m->data_len - RTE_ETHER_HDR_LEN;

	if (ether_type == RTE_ETHER_TYPE_IPV6)
		return check_ipv6(header, octets, total);
	if (octets < IPV4_HEADER_MIN)
		return DROP_ip_header;
	if (ip_version(header) != 4)
		return DROP_ip_version;
	return check_ipv4(m, header, octets, total);
}

enum drop_reason classify_ip(struct rte_mbuf *m, uint16_t ether_type, struct packet *packet)
{
	const uint8_t *header = rte_pktmbuf_mtod_offset(m, const uint8_t *, RTE_ETHER_HDR_LEN);
	uint32_t total;
	enum drop_reason reason = check_ip(m, ether_type, header, &total);

	if (reason != DROP_NONE)
		return reason;
	pkt_narrow(m, RTE_ETHER_HDR_LEN, (uint16_t)total);
	return ip_upper(header, total, packet);
}

// What the first 16 octets of plain frames are, in those that `mask` says.
struct plain_start {
	four octets;
	four mask;
};

static ALWAYS_INLINE struct plain_start plain_start(const struct port *port)
{
	static const uint8_t mask[16] = {255, 255, 255, 255, 255, 255, [12] = 255, 255, 255};
	uint8_t octets[16] = {[12] = RTE_ETHER_TYPE_IPV4 >> 8,
		RTE_ETHER_TYPE_IPV4 & 0xff,
		4 << 4 | IPV4_HEADER_MIN / 4};
	struct plain_start start;

	memcpy(octets, port->mac.addr_bytes, RTE_ETHER_ADDR_LEN);
	memcpy(&start.octets, octets, sizeof(octets));
	memcpy(&start.mask, mask, sizeof(mask));
	return start;
}

// Zero where the mask says, if the frame begins like a plain one.
static ALWAYS_INLINE four other_than(const struct plain_start *start, const uint8_t *frame)
{
	four begin;

	memcpy(&begin, frame, sizeof(begin));
	return begin ^ start->octets;
}

// Nearly all frames: one segment, to this port's own address, that begins an IPv4 packet without
// options that is no fragment.
static ALWAYS_INLINE bool is_plain(
	const struct rte_mbuf *m, const uint8_t *frame, const struct plain_start *start)
{
	if (unlikely(m->nb_segs > 1 || m->data_len < RTE_ETHER_HDR_LEN + IPV4_HEADER_MIN))
		return false;
	return !four_any(other_than(start, frame) & start->mask) &&
		!ipv4_is_fragment(frame + RTE_ETHER_HDR_LEN);
}

// Fills all of packet but port.
static ALWAYS_INLINE enum drop_reason take_plain(
	struct rte_mbuf *m, const uint8_t *frame, struct packet *packet)
{
	const uint8_t *header = frame + RTE_ETHER_HDR_LEN;
	uint32_t octets = (uint32_t)m->data_len - RTE_ETHER_HDR_LEN;
	uint32_t total = load_be16(header + IPV4_TOTAL_LENGTH);

	// As one comparison: at least the header, at most what there is.
	if (unlikely(total - IPV4_HEADER_MIN > octets - IPV4_HEADER_MIN))
		return total < IPV4_HEADER_MIN ? DROP_ip_header : DROP_ip_length;
	if (ipv4_checksum_unknown(m) && unlikely(!checksum_right20(header)))
		return DROP_ip_checksum;
	if (unlikely(ipv4_source_wrong(header + IPV4_SOURCE)))
		return DROP_ip_source;
	pkt_narrow(m, RTE_ETHER_HDR_LEN, (uint16_t)total);
	packet_is_plain(packet, header[IPV4_PROTOCOL]);
	return DROP_NONE;
}

// Of all packets that were taken by four.
struct four_sums {
	four octets;
	four others; // zero where all are tunnel packets
};

// As is_plain and take_plain, of four frames, which go on as kept and packet. False: one of them is
// not plain, or to be dropped, and nothing has changed.
static ALWAYS_INLINE bool take_four(struct rte_mbuf *const frames[4],
	const struct plain_start *start, uint8_t port, struct rte_mbuf *kept[4],
	struct packet packet[4], struct four_sums *sums)
{
	struct rte_mbuf *const m[4] = {frames[0], frames[1], frames[2], frames[3]};
	four octets = pkt_four_octets(m);
	const uint8_t *header[4];
	struct ipv4_four ip;
	four other = {0};
	four total;

	if (unlikely((m[0]->nb_segs | m[1]->nb_segs | m[2]->nb_segs | m[3]->nb_segs) > 1) ||
		unlikely(four_any_negative(octets - (RTE_ETHER_HDR_LEN + IPV4_HEADER_MIN))))
		return false;
	for (unsigned i = 0; i < 4; i++) {
		const uint8_t *frame = rte_pktmbuf_mtod(m[i], const uint8_t *);

		pkt_fence(m[i]);
		other |= other_than(start, frame);
		header[i] = frame + RTE_ETHER_HDR_LEN;
	}
	ip = ipv4_four_load(header);
	total = ipv4_four_total(&ip);
	other = (other & start->mask) | ipv4_four_other(&ip);
	if (unlikely(four_any(other)) ||
		unlikely(four_any_negative(ipv4_four_misfit(total, octets - RTE_ETHER_HDR_LEN) |
			ipv4_four_source_wrong(&ip))))
		return false;
	sums->octets += octets;
	sums->others |= ipv4_four_other_protocol(&ip, IP_PROTOCOL_ESP);
	memcpy(kept, m, sizeof(m));
	pkt_four_narrow(m, RTE_ETHER_HDR_LEN, total);
	packet_four_are_plain(packet, &ip, four_same(port));
	return true;
}

static bool is_for_us(const struct port *port, const uint8_t *frame)
{
	return memcmp(frame, port->mac.addr_bytes, RTE_ETHER_ADDR_LEN) == 0 || (frame[0] & 1);
}

static enum drop_reason check_frame(const struct port *port, struct rte_mbuf *m)
{
	if (unlikely(m->nb_segs > 1))
		return DROP_multi_segment;
	if (unlikely(m->data_len < RTE_ETHER_HDR_LEN))
		return DROP_eth_runt;
	if (unlikely(!is_for_us(port, rte_pktmbuf_mtod(m, const uint8_t *))))
		return DROP_eth_not_for_us;
	return DROP_NONE;
}

static void take_arp(struct worker *w, uint8_t port, struct rte_mbuf *m)
{
	enum drop_reason reason = arp_refusal(w->tables.fwd, port, m);

	if (reason == DROP_NONE)
		punt_frame(w, port, m, arp_class(w->tables.fwd, port, m));
	else
		drop_packet(w, port, reason, m);
}

static void take_link_frame(struct worker *w, uint8_t port, struct rte_mbuf *m, uint16_t type)
{
	enum punt_class class;

	if (type == RTE_ETHER_TYPE_ARP)
		take_arp(w, port, m);
	else if (classify_link(type, &class))
		punt_frame(w, port, m, class);
	else
		drop_packet(w, port, DROP_eth_type, m);
}

// The packet's headers, and the room in front that tunnel headers will need.
static ALWAYS_INLINE void fetch(const struct rte_mbuf *m)
{
	const uint8_t *data = rte_pktmbuf_mtod(m, const uint8_t *);

	__builtin_prefetch(data);
	__builtin_prefetch(data - CACHE_LINE, 1);
}

// Those of frames first .. first+some-1 that are there, of n.
static ALWAYS_INLINE void fetch_some(
	struct rte_mbuf *const frames[], unsigned first, unsigned some, unsigned n)
{
	if (likely(first + some <= n)) {
		for (unsigned i = 0; i < some; i++)
			fetch(frames[first + i]);
		return;
	}
	for (unsigned i = first; i < n; i++)
		fetch(frames[i]);
}

// A frame of another kind. False: it is gone, dropped or given to the kernel.
static bool take_other(struct worker *w, uint8_t port, struct rte_mbuf *m, struct packet *packet)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	enum drop_reason reason = check_frame(&w->dp->port[port], m);
	bool to_group;
	uint16_t type;

	if (reason != DROP_NONE) {
		drop_packet(w, port, reason, m);
		return false;
	}
	to_group = frame[0] & 1;
	type = load_be16(frame + 12);
	if (type != RTE_ETHER_TYPE_IPV4 && type != RTE_ETHER_TYPE_IPV6) {
		pkt_strip(m, RTE_ETHER_HDR_LEN);
		take_link_frame(w, port, m, type);
		return false;
	}
	reason = classify_ip(m, type, packet);
	if (reason != DROP_NONE) {
		drop_packet(w, port, reason, m);
		return false;
	}
	packet->flags |= to_group ? PACKET_TO_GROUP : 0;
	return true;
}

// True: the frame goes on.
static ALWAYS_INLINE bool take_one(struct worker *w, uint8_t port, struct rte_mbuf *m,
	const struct plain_start *start, struct packet *packet, struct classified *all)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	enum drop_reason reason;

	if (unlikely(!is_plain(m, frame, start))) {
		*all = (struct classified){false, false};
		return take_other(w, port, m, packet);
	}
	reason = take_plain(m, frame, packet);
	if (unlikely(reason != DROP_NONE)) {
		drop_packet(w, port, reason, m);
		return false;
	}
	all->tunnels &= packet->protocol == IP_PROTOCOL_ESP;
	return true;
}

// n frames one after the other, which go on as the first of kept and of packet. Returns how many.
// Apart, so that the loop around it keeps its registers.
static __rte_noinline unsigned take_each(struct worker *w, uint8_t port, struct rte_mbuf *frames[],
	unsigned n, const struct plain_start *start, struct rte_mbuf *kept[],
	struct packet packet[], struct classified *all)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < n; i++) {
		counter_add(&w->stats.port[port].rx_octets, frames[i]->pkt_len);
		pkt_fence(frames[i]);
		kept[taken] = frames[i];
		packet[taken] = (struct packet){.port = port};
		taken += take_one(w, port, frames[i], start, &packet[taken], all);
	}
	return taken;
}

struct classified classify_frames(
	struct worker *w, uint8_t port, struct rte_mbuf *frames[], uint16_t n, struct burst *b)
{
	const struct plain_start start = plain_start(&w->dp->port[port]);
	struct classified all = {true, true};
	struct four_sums sums = {0};
	unsigned kept = 0;
	unsigned i = 0;

	fetch_some(frames, 0, FETCH_AHEAD, n);
	for (; i + 4 <= n; i += 4) {
		struct packet *packet = &b->packet[kept];

		fetch_some(frames, i + FETCH_AHEAD, 4, n);
		if (unlikely(!take_four(&frames[i], &start, port, &b->m[kept], packet, &sums))) {
			kept += take_each(
				w, port, &frames[i], 4, &start, &b->m[kept], packet, &all);
			continue;
		}
		kept += 4;
	}
	if (i < n)
		kept += take_each(
			w, port, &frames[i], n - i, &start, &b->m[kept], &b->packet[kept], &all);
	b->n = (uint16_t)kept;
	counter_add(&w->stats.port[port].rx_packets, n);
	counter_add(&w->stats.port[port].rx_octets, four_sum(sums.octets));
	counter_add(&w->stats.port[port].rx_full, n == w->burst_max);
	all.tunnels &= !four_any(sums.others);
	return all;
}
