// Packets for tests with several workers.
#pragma once

#include "fixture.h"

static inline struct flow flow_in(uint64_t number)
{
	return (struct flow){.source = "10.100.0.5", .destination = "10.1.0.10", .number = number};
}

static inline struct flow flow_out(uint64_t number)
{
	return (struct flow){.source = "10.1.0.10", .destination = "10.100.0.5", .number = number};
}

static inline struct lab *one_tunnel(void **state, const struct lab_tunnel_params *params)
{
	struct lab *lab = *state;

	lab_tunnel(lab, params);
	lab_protect(lab, 0);
	lab_publish(lab);
	return lab;
}

static inline void expect_delivered(struct lab *lab, unsigned queue, uint64_t number)
{
	struct flow flow = flow_in(number);
	uint8_t packet[PACKET_MAX];
	uint32_t octets = packet_make(&flow, packet);

	packet_hop(packet);
	expect_sent(lab, LAN, queue, flow.destination, packet, octets);
}

static inline void receive_in(struct lab *lab, unsigned queue, unsigned lane, uint64_t number)
{
	struct flow flow = flow_in(number);

	lab_receive(lab, WAN, queue, peer_seal_flow(lab, 0, lane, &flow));
}
