// Receives and judges measuring packets.
#include "bench/traffic/receiver.h"

#include "bench/traffic/flow.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_ip.h>

// Lengths and kind of a UDP packet that may carry a stamp. Returns the octets of the IP packet, or
// 0.
static ALWAYS_INLINE uint32_t look(const struct rte_mbuf *m, bool v6)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	const uint8_t *ip = frame + FLOW_ETHER;
	uint32_t octets;

	if (unlikely(m->data_len < flow_frame_min(v6)))
		return 0;
	if (v6) {
		octets = IPV6_HEADER + (uint32_t)load_be16(ip + IPV6_PAYLOAD_LENGTH);
		if (load_be16(frame + 12) != RTE_ETHER_TYPE_IPV6 || ip[0] >> 4 != 6 ||
			ip[IPV6_NEXT_HEADER] != IP_PROTOCOL_UDP)
			return 0;
	} else {
		octets = load_be16(ip + IPV4_TOTAL_LENGTH);
		if (load_be16(frame + 12) != RTE_ETHER_TYPE_IPV4 || ip[0] != 0x45 ||
			ip[IPV4_PROTOCOL] != IP_PROTOCOL_UDP ||
			(load_be16(ip + IPV4_FRAGMENT) & (uint16_t)~IPV4_DONT_FRAGMENT) != 0)
			return 0;
	}
	if (octets > m->pkt_len - FLOW_ETHER || octets < flow_frame_min(v6) - FLOW_ETHER)
		return 0;
	return octets;
}

// Sums over the whole packet: it may lie in several buffers.
static bool checksums_right(const struct rte_mbuf *m, bool v6)
{
	const void *ip = rte_pktmbuf_mtod_offset(m, const void *, FLOW_ETHER);
	uint32_t udp = flow_headers(v6) - FLOW_UDP;
	uint16_t sum = 0;

	if (!v6 && !checksum_ipv4_right(ip, IPV4_HEADER_MIN))
		return false;
	if (rte_raw_cksum_mbuf(m, udp, m->pkt_len - udp, &sum) != 0)
		return false;
	return checksum_fold((uint32_t)sum +
		       (v6 ? rte_ipv6_phdr_cksum(ip, 0) : rte_ipv4_phdr_cksum(ip, 0))) == 0xffff;
}

static void judge(struct receiver *r, const struct stamp *stamp, uint32_t ip_octets, uint64_t now)
{
	struct receiver_counters *c = &r->counters;
	uint64_t skipped;
	enum track_verdict verdict = track_packet(r->tracks, stamp->flow, stamp->number, &skipped);

	counter_add(&c->packets, 1);
	counter_add(&c->ip_octets, ip_octets);
	if (verdict == TRACK_DUPLICATE) {
		counter_add(&c->duplicates, 1);
		return;
	}
	if (verdict == TRACK_LATE) {
		counter_add(&c->late, 1);
		return;
	}
	counter_add(&c->once, 1);
	counter_add(&c->once_ip_octets, ip_octets);
	counter_add(&c->skipped, skipped);
	counter_add(&c->reordered, verdict == TRACK_REORDERED);
	histogram_add(r->latency, (now - stamp->time) & STAMP_48_BITS);
}

void receiver_send(struct receiver *r, const uint8_t *frame, uint32_t octets)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(r->pool);

	if (m == NULL)
		return;
	memcpy(rte_pktmbuf_mtod(m, void *), frame, octets);
	m->data_len = (uint16_t)octets;
	m->pkt_len = octets;
	if (rte_eth_tx_burst(r->device, r->queue, &m, 1) != 1)
		rte_pktmbuf_free(m);
}

static void take_other(struct receiver *r, const struct rte_mbuf *m)
{
	uint8_t reply[STATION_FRAME_MAX];
	uint32_t octets =
		station_hear(&r->station, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, reply);

	if (octets == 0) {
		counter_add(&r->counters.foreign, 1);
		return;
	}
	counter_add(&r->counters.answers, 1);
	receiver_send(r, reply, octets);
}

static ALWAYS_INLINE void take(struct receiver *r, const struct rte_mbuf *m, bool v6, uint64_t now)
{
	uint32_t ip_octets = look(m, v6);
	struct stamp stamp = {0};

	if (likely(ip_octets != 0))
		stamp = stamp_load(rte_pktmbuf_mtod_offset(m, const uint8_t *, flow_headers(v6)));
	if (unlikely(ip_octets == 0 || stamp.tag != r->tag))
		take_other(r, m);
	else if (unlikely(r->verify && !checksums_right(m, v6)))
		counter_add(&r->counters.corrupt, 1);
	else if (likely(stamp.flow < r->flows))
		judge(r, &stamp, ip_octets, now);
	else if (stamp.flow == STAMP_PROBE)
		counter_add(&r->counters.probes, 1);
	else
		counter_add(&r->counters.foreign, 1);
}

unsigned receiver_turn(struct receiver *r)
{
	struct rte_mbuf *m[RECEIVER_BURST];
	uint16_t n = rte_eth_rx_burst(r->device, r->queue, m, RECEIVER_BURST);
	uint64_t now = rte_rdtsc();

	for (uint16_t i = 0; i < n; i++) {
		if (i + 4 < n)
			rte_prefetch0(rte_pktmbuf_mtod(m[i + 4], void *));
		if (r->v6)
			take(r, m[i], true, now);
		else
			take(r, m[i], false, now);
	}
	if (n > 0)
		rte_pktmbuf_free_bulk(m, n);
	return n;
}
