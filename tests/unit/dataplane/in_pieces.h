// Tunnel packets in fragments: what the tests of reassembly share.
#pragma once

#include "in_flows.h"

#include <rte_cycles.h>
#include <stdio.h>

// An outer packet, cut as a router or its sender would.
struct datagram {
	bool ipv6;
	uint32_t id;
	uint8_t traffic_class;
	uint8_t source[16];
	uint8_t destination[16];
	uint8_t payload[65536 + PACKET_MAX];
	uint32_t octets;
};

static const struct lab_tunnel_params tunnels[] = {
	{.algorithm = AEAD_AES_128_GCM},
	{.proto = &esp_ops, .algorithm = AEAD_AES_256_GCM},
	{.outer6 = true, .algorithm = AEAD_AES_128_GCM},
	{.proto = &esp_ops, .algorithm = AEAD_CHACHA20_POLY1305, .outer6 = true},
};

static inline struct lab *lab_of_tunnels(void **state)
{
	struct lab *lab = *state;

	for (unsigned t = 0; t < COUNT(tunnels); t++) {
		lab_tunnel(lab, &tunnels[t]);
		lab_protect(lab, t);
	}
	lab_publish(lab);
	return lab;
}

static inline struct flow inner_of(unsigned tunnel, uint16_t octets, uint64_t number)
{
	static char from[COUNT(tunnels)][IP_ADDR_TEXT];
	struct flow flow = {.source = from[tunnel], .destination = "10.1.0.10", .octets = octets};

	snprintf(from[tunnel], IP_ADDR_TEXT, "10.%u.0.5", 100 + tunnel);
	flow.number = number;
	return flow;
}

static inline void addresses_of(struct datagram *d, const struct tunnel *tunnel)
{
	d->ipv6 = tunnel->remote.family == IP_V6;
	memcpy(d->source, tunnel->remote.octets, 16);
	memcpy(d->destination, tunnel->local.octets, 16);
}

static inline struct datagram *sealed(struct lab *lab, unsigned tunnel, const struct flow *flow)
{
	static struct datagram d;
	struct rte_mbuf *m = peer_seal_flow(lab, tunnel, 0, flow);
	uint32_t header;

	d.id++;
	d.traffic_class = 0;
	addresses_of(&d, &lab->tunnel[tunnel].tunnel);
	header = d.ipv6 ? IPV6_HEADER : IPV4_HEADER_MIN;
	d.octets = m->data_len - ETHER - header;
	memcpy(d.payload, outer_of(m) + header, d.octets);
	rte_pktmbuf_free(m);
	return &d;
}

static inline uint32_t write_ipv4(
	const struct datagram *d, uint8_t *p, uint32_t offset, uint32_t octets)
{
	p[0] = 0x45;
	p[IPV4_TOS] = d->traffic_class;
	store_be16(p + IPV4_TOTAL_LENGTH, (uint16_t)(20 + octets));
	store_be16(p + IPV4_ID, (uint16_t)d->id);
	store_be16(p + IPV4_FRAGMENT, (uint16_t)(offset / 8));
	p[IPV4_TTL] = 60;
	p[IPV4_PROTOCOL] = IP_PROTOCOL_ESP;
	memcpy(p + IPV4_SOURCE, d->source, 4);
	memcpy(p + IPV4_DESTINATION, d->destination, 4);
	return 20;
}

static inline uint32_t write_ipv6(
	const struct datagram *d, uint8_t *p, uint32_t offset, uint32_t octets)
{
	store_be32(p, 6u << 28 | (uint32_t)d->traffic_class << 20);
	store_be16(p + IPV6_PAYLOAD_LENGTH, (uint16_t)(8 + octets));
	p[IPV6_NEXT_HEADER] = IP_PROTOCOL_FRAGMENT;
	p[IPV6_HOP_LIMIT] = 60;
	memcpy(p + IPV6_SOURCE, d->source, 16);
	memcpy(p + IPV6_DESTINATION, d->destination, 16);
	p[IPV6_HEADER] = IP_PROTOCOL_ESP;
	store_be16(p + IPV6_HEADER + 2, (uint16_t)offset);
	store_be32(p + IPV6_HEADER + 4, d->id);
	return IPV6_HEADER + 8;
}

// Octets `offset` .. of the datagram.
static inline struct rte_mbuf *piece_of(
	struct lab *lab, const struct datagram *d, uint32_t offset, uint32_t octets, bool more)
{
	uint8_t p[PACKET_MAX + 64] = {0};
	uint32_t header =
		d->ipv6 ? write_ipv6(d, p, offset, octets) : write_ipv4(d, p, offset, octets);

	if (more && d->ipv6)
		p[IPV6_HEADER + 3] |= 1;
	else if (more)
		p[IPV4_FRAGMENT] |= 0x20;
	packet_sum(p);
	memcpy(p + header, d->payload + offset, octets);
	return frame_make(lab, WAN, p, header + octets);
}

static inline void send_piece(
	struct lab *lab, const struct datagram *d, uint32_t offset, uint32_t octets)
{
	lab_receive(lab, WAN, 0, piece_of(lab, d, offset, octets, offset + octets < d->octets));
	lab_turn(lab, 0);
}

static inline void expect_reassembled(struct lab *lab, unsigned tunnel, const struct flow *flow)
{
	lab->expected.reassembled[0][WAN]++;
	expect_delivered(lab, tunnel, flow);
	expect_nothing_sent(lab);
}

static inline void expire(struct lab *lab)
{
	reassembly_expire(lab->dp->worker[0], rte_rdtsc() + 2 * rte_get_tsc_hz());
}
