// Packets on their way out, through every kind of tunnel: what the outbound tests share.
#pragma once

#include "fixture.h"

#include "base/bytes.h"
#include "dataplane/punt.h"
#include "proto/ip_hdr.h"

#include <stdio.h>

static inline struct flow flow_out(uint64_t number)
{
	return (struct flow){.source = "10.1.0.10", .destination = "10.100.0.5", .number = number};
}

static inline uint64_t misses(const struct lab *lab)
{
	return counter_read(&lab->dp->worker[0]->stats.flow_misses);
}

static inline void send_out(struct lab *lab, const struct flow *flow)
{
	lab_receive_flow(lab, LAN, 0, flow);
}

static inline void expect_tunneled(struct lab *lab, unsigned tunnel, const struct flow *flow)
{
	uint8_t packet[PACKET_MAX];
	uint32_t octets = packet_make(flow, packet);

	packet_hop(packet);
	expect_sealed(lab, 0, tunnel, packet, octets);
	expect_out(lab, tunnel, 0, 1, octets);
}

static inline void expect_clear(
	struct lab *lab, unsigned port, const char *neighbour, const struct flow *flow)
{
	uint8_t packet[PACKET_MAX];
	uint32_t octets = packet_make(flow, packet);

	packet_hop(packet);
	expect_sent(lab, port, 0, neighbour, packet, octets);
}

static const struct lab_tunnel_params kinds[] = {
	{.algorithm = AEAD_AES_256_GCM},
	{.proto = &esp_ops, .algorithm = AEAD_CHACHA20_POLY1305},
	{.outer6 = true, .algorithm = AEAD_CHACHA20_POLY1305, .engine = "openssl"},
	{.proto = &esp_ops, .algorithm = AEAD_AES_128_GCM, .esn = true, .first = 0xfffffff0},
	{.proto = &esp_ops, .algorithm = AEAD_AES_192_GCM, .outer6 = true},
};

static inline struct lab *all_tunnels(void **state)
{
	struct lab *lab = *state;

	for (unsigned t = 0; t < COUNT(kinds); t++) {
		lab_tunnel(lab, &kinds[t]);
		lab_protect(lab, t);
	}
	lab_policy(lab, "10.1.0.0/16", "203.0.113.0/24", POLICY_BYPASS, 0);
	lab_policy(lab, "10.1.0.0/16", "10.51.0.0/16", POLICY_DISCARD, 0);
	lab_publish(lab);
	return lab;
}
