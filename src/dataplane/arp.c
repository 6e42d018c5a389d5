// ARP as RFC 826 has it: whoever knows the sender takes note of it, whatever the question.
#include "dataplane/arp.h"

#include <rte_mbuf.h>
#include <string.h>

#define ARP_OCTETS 28
#define ARP_SENDER 14
#define ARP_TARGET 24

static struct ip_addr address_at(const uint8_t *octets)
{
	struct ip_addr addr = {.family = IP_V4};

	memcpy(addr.octets, octets, 4);
	return addr;
}

// Of this host, or a neighbour at `port` whose entry a new link address would change.
static bool matters(const struct fwd *fwd, uint8_t port, const struct ip_addr *addr)
{
	const struct adjacency *adjacency = fwd_lookup_addr(fwd, addr);

	if (adjacency->kind == ADJACENCY_LOCAL)
		return true;
	return adjacency->kind >= ADJACENCY_FAILED && adjacency->port == port &&
		ip_addr_equal(&adjacency->via, addr);
}

bool arp_is_for_others(const struct fwd *fwd, uint8_t port, const struct rte_mbuf *m)
{
	static const uint8_t ipv4_question[] = {0, 1, 8, 0, 6, 4, 0, 1};
	const uint8_t *arp = rte_pktmbuf_mtod(m, const uint8_t *);
	struct ip_addr sender, target;

	if (m->data_len < ARP_OCTETS || memcmp(arp, ipv4_question, sizeof(ipv4_question)) != 0)
		return false;
	sender = address_at(arp + ARP_SENDER);
	target = address_at(arp + ARP_TARGET);
	// Who asks for its own address tells it to all.
	if (ip_addr_equal(&sender, &target) || matters(fwd, port, &sender))
		return false;
	return fwd_lookup_addr(fwd, &target)->kind != ADJACENCY_LOCAL;
}
