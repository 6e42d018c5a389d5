// Frames for a gateway on memory ports: made by the hosts behind it, or by its peer.
#include "bench/packet.h"
#include "bench/rig_tables.h"
#include "proto/esp/esp_hdr.h"
#include "proto/pkt.h"
#include "proto/vpe/vpe_hdr.h"

#include <errno.h>
#include <rte_random.h>

// Flows differ in their hosts, a train by another, in their source port and, beyond 4096 of them,
// in the near host once more.
static void write_inner(const struct rig *rig, uint8_t *ip, uint16_t octets,
	enum rig_protocol protocol, bool from_peer)
{
	unsigned flow = rig->flow;
	unsigned host = flow / rig->train % rig->hosts;
	struct ip_prefix far;
	uint32_t far_host;
	uint32_t near_host = 0x0a010001 + flow / 4096 * rig->hosts + host;

	ip_prefix_parse(rig_far_network[protocol], &far);
	far_host = load_be32(far.addr.octets) + 1 + host;
	packet_write_ipv4(ip, octets, IP_PROTOCOL_UDP, from_peer ? far_host : near_host,
		from_peer ? near_host : far_host);
	packet_write_udp(ip + IPV4_HEADER_MIN, (uint16_t)(octets - IPV4_HEADER_MIN),
		(uint16_t)(10000 + flow % 4096), 5001);
}

static int prepend_ether(struct rig *rig, enum port_side side, struct rte_mbuf *m)
{
	uint8_t *frame = pkt_prepend(m, RTE_ETHER_HDR_LEN);

	if (frame == NULL)
		return -ENOBUFS;
	memcpy(frame, rig->dp->port[side].mac.addr_bytes, 6);
	memset(frame + 6, 2, 6);
	store_be16(frame + 12, RTE_ETHER_TYPE_IPV4);
	return 0;
}

// Each in turn until all have carried a packet, then any.
static struct sa_out *next_peer(const struct rig *rig, struct rig_tunnel *t)
{
	if (t->used < rig->sas)
		return t->peer[t->used++];
	return t->peer[rig->sas > 1 ? rte_rand_max(rig->sas) : 0];
}

// The far gateway's work on a burst of inner packets.
static void seal(struct rig *rig, struct rig_tunnel *t, struct burst *b)
{
	struct aead_batch batch;

	batch.n = 0;
	for (uint16_t i = 0; i < b->n; i++) {
		struct sa_out *sa = next_peer(rig, t);

		sa->proto->encap(sa, 0, b, i, 1, &batch);
	}
	aead_seal_burst(rig->aead, batch.op, batch.n);
}

// Octets that stand in front of the inner packet when the frame arrives.
static uint16_t octets_in_front(const struct rig_frames *frames)
{
	static const uint16_t header[RIG_PROTOCOLS] = {[RIG_VPE] = IPV4_HEADER_MIN + VPE_HEADER,
		[RIG_ESP] = IPV4_HEADER_MIN + ESP_PAYLOAD};

	return RTE_ETHER_HDR_LEN +
		(frames->side == PORT_UNPROTECTED ? header[frames->protocol] : 0);
}

static int make_burst(struct rig *rig, const struct rig_frames *frames, struct burst *b)
{
	uint16_t octets = (uint16_t)(frames->frame_octets - RTE_ETHER_HDR_LEN);
	int rc = 0;

	for (uint16_t i = 0; i < b->n; i++) {
		uint8_t *inner;

		b->m[i] = rte_pktmbuf_alloc(rig->dp->pool);
		if (b->m[i] == NULL)
			return -ENOMEM;
		// So that the frame begins where a NIC would put it.
		b->m[i]->data_off =
			(uint16_t)(RTE_PKTMBUF_HEADROOM + frames->shift + octets_in_front(frames));
		inner = pkt_wrap(b->m[i], 0, octets);
		if (inner == NULL)
			return -ENOBUFS;
		write_inner(rig, inner, octets, frames->protocol, frames->side == PORT_UNPROTECTED);
		rig->flow = rig->flow + 1 < rig->flows ? rig->flow + 1 : 0;
	}
	if (frames->side == PORT_UNPROTECTED && frames->protocol < RIG_TUNNELS)
		seal(rig, &rig->tunnel[frames->protocol], b);
	for (uint16_t i = 0; i < b->n && rc == 0; i++)
		rc = prepend_ether(rig, frames->side, b->m[i]);
	return rc;
}

int rig_fill(struct rig *rig, const struct rig_frames *frames, unsigned n)
{
	struct burst b;

	while (n > 0) {
		int rc;

		b.n = (uint16_t)RTE_MIN(n, (unsigned)BURST_MAX);
		rc = make_burst(rig, frames, &b);
		if (rc != 0)
			return rc;
		if (rte_ring_enqueue_bulk(rig->rx[frames->side], (void **)b.m, b.n, NULL) != b.n)
			return -ENOBUFS;
		n -= b.n;
	}
	return 0;
}

unsigned rig_drain(struct rig *rig, enum port_side side)
{
	struct rte_mbuf *m[BURST_MAX];
	unsigned drained = 0;
	unsigned n;

	while ((n = rte_ring_dequeue_burst(rig->tx[side], (void **)m, BURST_MAX, NULL)) > 0) {
		rte_pktmbuf_free_bulk(m, n);
		drained += n;
	}
	return drained;
}

// As many packets as a receive ring has.
#define FILL 256

int rig_use_all(struct rig *rig)
{
	for (unsigned i = 0; i < RIG_TUNNELS; i++) {
		struct rig_frames frames = {
			.protocol = i, .side = PORT_UNPROTECTED, .frame_octets = RIG_FRAME_MIN};

		while (rig->tunnel[i].used < rig->sas) {
			int rc = rig_fill(rig, &frames, FILL);

			if (rc != 0)
				return rc;
			while (!rte_ring_empty(rig->rx[PORT_UNPROTECTED]))
				worker_turn(rig->worker);
			rig_drain(rig, PORT_PROTECTED);
		}
	}
	return 0;
}
