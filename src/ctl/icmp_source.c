// Trying the gateway's addresses against the policies.
#include "ctl/icmp_source.h"

#include "ctl/gateway.h"
#include "ctl/mirror.h"
#include "proto/ip_hdr.h"

#include <string.h>

struct way {
	const struct spd *spd;
	enum meta_about about;
	uint16_t tunnel;
	struct ip_addr asker;
};

const struct policy *icmp_policy(
	const struct spd *spd, const struct ip_addr *source, const struct ip_addr *destination)
{
	bool ipv6 = source->family == IP_V6;
	uint8_t header[IPV6_HEADER] = {(uint8_t)(source->family << 4)};
	struct rte_mbuf m = {.buf_addr = header, .data_len = sizeof(header)};
	struct burst b = {.n = 1, .m = {&m}};
	size_t octets = ip_addr_octets(source->family);
	uint32_t match;

	memcpy(header + (ipv6 ? IPV6_SOURCE : IPV4_SOURCE), source->octets, octets);
	memcpy(header + (ipv6 ? IPV6_DESTINATION : IPV4_DESTINATION), destination->octets, octets);
	b.packet[0] = (struct packet){
		.l4 = ipv6 ? IPV6_HEADER : IPV4_HEADER_MIN,
		.protocol = ipv6 ? IP_PROTOCOL_ICMPV6 : IP_PROTOCOL_ICMP,
		.flags = ipv6 ? PACKET_IPV6 : 0,
	};
	spd_lookup(spd, SPD_OUT, &b, 0, 1, &match);
	return match == SPD_NO_MATCH ? NULL : spd_policy(spd, match);
}

static bool fits(void *arg, const struct ip_addr *source)
{
	const struct way *way = arg;
	const struct policy *policy = icmp_policy(way->spd, source, &way->asker);

	if (!policy)
		return false;
	if (way->about == ABOUT_TUNNEL)
		return policy->action == POLICY_PROTECT && policy->tunnel->index == way->tunnel;
	return policy->action == POLICY_BYPASS;
}

bool icmp_source(const struct gateway *gateway, enum meta_about about, uint16_t tunnel,
	uint8_t port, const struct ip_addr *asker, struct ip_addr *source)
{
	struct way way = {
		// Control alone publishes policies, so these stay while we look.
		.spd = atomic_load_explicit(&gateway->dp->spd, memory_order_acquire),
		.about = about,
		.tunnel = tunnel,
		.asker = *asker,
	};

	// The protected side is not the policies' business.
	return mirror_source(
		gateway->mirror, port, asker, about == ABOUT_INSIDE ? NULL : fits, &way, source);
}
