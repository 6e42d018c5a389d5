// Frames of the host's kernel: what the tests of its path share.
#pragma once

#include "out_flows.h"

// The Ethernet header of the kernel's own, in front of an IP packet.
static inline void frame_head(struct lab *lab, unsigned port, uint8_t *frame)
{
	static const uint8_t to[6] = {2, 0, 0, 0, 0, 99};

	memcpy(frame, to, sizeof(to));
	memcpy(frame + 6, lab->dp->port[port].mac.addr_bytes, 6);
	store_be16(frame + 12, frame[ETHER] >> 4 == 4 ? 0x0800 : 0x86dd);
}

static inline uint32_t frame_of(
	struct lab *lab, unsigned port, const struct flow *flow, uint8_t *frame)
{
	uint32_t octets = packet_make(flow, frame + ETHER);

	frame_head(lab, port, frame);
	return ETHER + octets;
}

static inline void inject_octets(
	struct lab *lab, uint8_t port, const uint8_t *frame, uint32_t octets)
{
	struct rte_mbuf *m = inject_alloc(lab->dp);

	memcpy(append_zeros(m, (uint16_t)octets), frame, octets);
	assert_true(inject(lab->dp, m, META_FRAME, port));
	lab->expected.injected[0][port]++;
	lab_turn(lab, 0);
}

static inline void inject_flow(struct lab *lab, uint8_t port, const struct flow *flow)
{
	uint8_t frame[PACKET_MAX];

	inject_octets(lab, port, frame, frame_of(lab, port, flow, frame));
}

static inline void expect_octets(
	struct lab *lab, unsigned port, const uint8_t *frame, uint32_t octets)
{
	struct rte_mbuf *m = lab_sent(lab, port, 0);

	assert_non_null(m);
	assert_int_equal(m->pkt_len, octets);
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), frame, octets);
	rte_pktmbuf_free(m);
	expect_nothing_sent(lab);
}

static inline void expect_as_it_was(struct lab *lab, unsigned port, const struct flow *flow)
{
	uint8_t frame[PACKET_MAX];

	expect_octets(lab, port, frame, frame_of(lab, port, flow, frame));
}
