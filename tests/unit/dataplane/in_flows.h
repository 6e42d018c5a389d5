// Packets out of a tunnel: what the inbound tests share.
#pragma once

#include "fixture.h"

#include "base/bytes.h"
#include "dataplane/punt.h"
#include "proto/ip_hdr.h"

static inline struct flow flow_in(uint64_t number)
{
	return (struct flow){.source = "10.100.0.5", .destination = "10.1.0.10", .number = number};
}

static inline struct lab *one_tunnel(void **state, const struct lab_tunnel_params *params)
{
	struct lab *lab = *state;

	lab_tunnel(lab, params);
	lab_protect(lab, 0);
	lab_publish(lab);
	return lab;
}

static inline void expect_delivered(struct lab *lab, unsigned tunnel, const struct flow *flow)
{
	uint8_t packet[PACKET_MAX];
	uint32_t octets = packet_make(flow, packet);

	packet_hop(packet);
	expect_sent(lab, LAN, 0, flow->destination, packet, octets);
	expect_in(lab, tunnel, 0, 1, octets);
}

static inline struct rte_mbuf *copy(struct lab *lab, const struct rte_mbuf *m)
{
	return rte_pktmbuf_copy(m, lab->dp->pool, 0, UINT32_MAX);
}

static inline uint8_t *outer_of(struct rte_mbuf *frame)
{
	return rte_pktmbuf_mtod_offset(frame, uint8_t *, ETHER);
}
