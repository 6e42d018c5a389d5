// Flows of measuring packets: addresses, templates, sums.
#include "bench/traffic/flow.h"

#define HOP_LIMIT 64
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd

struct ip_addr flow_address(const struct ip_addr *first, uint32_t n)
{
	struct ip_addr addr = *first;
	uint8_t *last = addr.octets + ip_addr_octets(addr.family) - 4;

	store_be32(last, load_be32(last) + n);
	return addr;
}

// RFC 1071, words as numbers in host order.
static uint64_t sum_words(const uint8_t *p, size_t octets)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < octets; i += 2)
		sum += load_be16(p + i);
	return sum;
}

static void write_ipv4(
	uint8_t *ip, const struct ip_addr *source, const struct ip_addr *destination, uint8_t dscp)
{
	ip[0] = 0x45;
	ip[IPV4_TOS] = (uint8_t)(dscp << 2);
	// Whole datagrams need no identification (RFC 6864 section 4.1).
	store_be16(ip + IPV4_FRAGMENT, IPV4_DONT_FRAGMENT);
	ip[IPV4_TTL] = HOP_LIMIT;
	ip[IPV4_PROTOCOL] = IP_PROTOCOL_UDP;
	memcpy(ip + IPV4_SOURCE, source->octets, 4);
	memcpy(ip + IPV4_DESTINATION, destination->octets, 4);
}

static void write_ipv6(uint8_t *ip, const struct ip_addr *source, const struct ip_addr *destination,
	uint8_t dscp, uint32_t index)
{
	// RFC 6437: each flow has a label of its own.
	store_be32(ip, 6u << 28 | (uint32_t)dscp << 22 | ((index + 1) & 0xfffff));
	ip[IPV6_NEXT_HEADER] = IP_PROTOCOL_UDP;
	ip[IPV6_HOP_LIMIT] = HOP_LIMIT;
	memcpy(ip + IPV6_SOURCE, source->octets, 16);
	memcpy(ip + IPV6_DESTINATION, destination->octets, 16);
}

static void init(struct flow *flow, const struct flow_plan *plan, uint32_t index, uint32_t stamped)
{
	bool v6 = plan->source.family == IP_V6;
	uint32_t pairs = plan->sources * plan->destinations;
	struct ip_addr source = flow_address(&plan->source, index % plan->sources);
	struct ip_addr destination =
		flow_address(&plan->destination, index / plan->sources % plan->destinations);
	uint8_t dscp = (uint8_t)plan->dscp->value[index % plan->dscp->n];
	uint8_t *ip = flow->template + FLOW_ETHER;
	uint8_t *udp = ip + (v6 ? IPV6_HEADER : IPV4_HEADER_MIN);
	size_t octets = ip_addr_octets(plan->source.family);

	memset(flow, 0, sizeof(*flow));
	flow->index = index;
	memcpy(flow->template, plan->destination_mac, 6);
	memcpy(flow->template + 6, plan->source_mac, 6);
	store_be16(flow->template + 12, v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
	if (v6)
		write_ipv6(ip, &source, &destination, dscp, index);
	else
		write_ipv4(ip, &source, &destination, dscp);
	store_be16(udp, (uint16_t)(FLOW_SOURCE_PORT_MIN + index / pairs));
	store_be16(udp + 2, plan->destination_port);
	store_be16(udp + FLOW_UDP, plan->tag);
	store_be32(udp + FLOW_UDP + STAMP_FLOW, stamped);
	flow->ip_sum = v6 ? 0 : sum_words(ip, IPV4_HEADER_MIN);
	flow->pseudo_sum = sum_words(source.octets, octets) +
		sum_words(destination.octets, octets) + IP_PROTOCOL_UDP;
	flow->udp_sum = flow->pseudo_sum + sum_words(udp, FLOW_UDP + STAMP_NUMBER);
}

void flow_init(struct flow *flow, const struct flow_plan *plan, uint32_t index)
{
	init(flow, plan, index, index);
}

void flow_init_probe(struct flow *flow, const struct flow_plan *plan)
{
	init(flow, plan, 0, STAMP_PROBE);
}
