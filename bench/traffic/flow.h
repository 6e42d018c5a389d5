// Flows of measuring packets: UDP between fixed addresses and ports, with a DSCP of its own each.
// Everything that is the same in all packets of a flow is written and summed up once, so that a
// packet costs one copy of its headers and the few words that differ.
#pragma once

#include "base/addr.h"
#include "bench/traffic/mix.h"
#include "bench/traffic/stamp.h"
#include "proto/ip_hdr.h"

#define FLOW_ETHER 14
#define FLOW_UDP 8
#define FLOW_UDP_CHECKSUM 6
// Headers, and the part of the stamp that is the flow's.
#define FLOW_TEMPLATE_MAX (FLOW_ETHER + IPV6_HEADER + FLOW_UDP + STAMP_NUMBER)
#define FLOW_SOURCE_PORT_MIN 1024
// Source ports from FLOW_SOURCE_PORT_MIN on.
#define FLOW_PORTS (UINT16_MAX + 1 - FLOW_SOURCE_PORT_MIN)
#define FLOWS_MAX (1u << 24)

struct flow {
	uint64_t number; // of the next packet
	uint64_t ip_sum; // IPv4 header but for length and checksum
	// Pseudo header but for the length: what an offloading port wants in the checksum's place.
	uint64_t pseudo_sum;
	uint64_t udp_sum; // the same, ports, and the stamp's tag and flow
	uint32_t index;
	uint16_t slot; // of the mix of sizes
	uint8_t template[FLOW_TEMPLATE_MAX];
};

// Flow i: source address i mod sources, then destination address, then source port.
struct flow_plan {
	uint32_t flows;
	struct ip_addr source; // the first one; its family is that of all
	struct ip_addr destination;
	uint32_t sources;
	uint32_t destinations;
	uint16_t destination_port;
	uint8_t source_mac[6];
	uint8_t destination_mac[6];
	const struct mix *dscp;
	uint16_t tag;
};

// Octets of headers in front of the stamp, and of the smallest frame, without the FCS.
static ALWAYS_INLINE uint32_t flow_headers(bool v6)
{
	return FLOW_ETHER + (v6 ? IPV6_HEADER : IPV4_HEADER_MIN) + FLOW_UDP;
}

static ALWAYS_INLINE uint32_t flow_frame_min(bool v6)
{
	return flow_headers(v6) + STAMP_OCTETS;
}

void flow_init(struct flow *flow, const struct flow_plan *plan, uint32_t index);
// Like the first flow, but its packets are not measured (STAMP_PROBE).
void flow_init_probe(struct flow *flow, const struct flow_plan *plan);
// The address n behind the first. Wraps around within the address's last 32 bits.
struct ip_addr flow_address(const struct ip_addr *first, uint32_t n);

// A checksum from a sum of 16-bit words of any size.
static ALWAYS_INLINE uint16_t flow_fold(uint64_t sum)
{
	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & UINT16_MAX) + (sum >> 16);
	sum = (sum & UINT16_MAX) + (sum >> 16);
	return (uint16_t)((sum & UINT16_MAX) + (sum >> 16));
}

// A packet with this number and time. Octets of payload behind the stamp must be zero; they are not
// touched. offload: the port computes both checksums.
static ALWAYS_INLINE void flow_write(const struct flow *flow, bool v6, bool offload, uint8_t *frame,
	uint16_t octets, uint64_t number, uint64_t time)
{
	uint8_t *ip = frame + FLOW_ETHER;
	uint8_t *udp = ip + (v6 ? IPV6_HEADER : IPV4_HEADER_MIN);
	uint16_t ip_octets = (uint16_t)(octets - FLOW_ETHER);
	uint16_t udp_octets = (uint16_t)(frame + octets - udp);
	uint16_t sum;

	time &= STAMP_48_BITS;
	memcpy(frame, flow->template, flow_headers(v6) + STAMP_NUMBER);
	if (v6) {
		store_be16(ip + IPV6_PAYLOAD_LENGTH, udp_octets);
	} else {
		store_be16(ip + IPV4_TOTAL_LENGTH, ip_octets);
		if (!offload)
			store_be16(
				ip + IPV4_CHECKSUM, (uint16_t)~flow_fold(flow->ip_sum + ip_octets));
	}
	store_be16(udp + 4, udp_octets);
	// 2^16 is 1 in these sums, so a number of 48 bits adds up like its three words. The length
	// is in the pseudo header too.
	if (offload)
		sum = flow_fold(flow->pseudo_sum + udp_octets);
	else
		sum = (uint16_t)~flow_fold(flow->udp_sum + 2u * udp_octets + number + time);
	store_be16(udp + FLOW_UDP_CHECKSUM, sum == 0 ? UINT16_MAX : sum);
	stamp_store_48(udp + FLOW_UDP + STAMP_NUMBER, number);
	stamp_store_48(udp + FLOW_UDP + STAMP_TIME, time);
}
