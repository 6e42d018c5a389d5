// ARP as RFC 826 has it: whoever knows the sender takes note of it, whatever the question.
#include "dataplane/arp.h"

#include "base/bytes.h"
#include "proto/ip_hdr.h"

#include <rte_ether.h>
#include <rte_mbuf.h>
#include <string.h>

#define ARP_OCTETS 28
#define ARP_OPERATION 6
#define ARP_SENDER_MAC 8
#define ARP_SENDER 14
#define ARP_TARGET 24
#define ARP_QUESTION 1
#define ARP_ANSWER 2

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

// Of IPv4 over Ethernet, a question or an answer, from what a station can be. A sender without an
// address asks whether one is in use (RFC 5227).
static bool is_sound(const struct rte_mbuf *m)
{
	static const uint8_t ipv4_over_ethernet[] = {0, 1, 8, 0, 6, 4};
	const uint8_t *arp = rte_pktmbuf_mtod(m, const uint8_t *);
	uint16_t operation;

	if (m->data_len < ARP_OCTETS ||
		memcmp(arp, ipv4_over_ethernet, sizeof(ipv4_over_ethernet)) != 0)
		return false;
	operation = load_be16(arp + ARP_OPERATION);
	return (operation == ARP_QUESTION || operation == ARP_ANSWER) &&
		rte_is_valid_assigned_ether_addr(
			(const struct rte_ether_addr *)(arp + ARP_SENDER_MAC)) &&
		!ipv4_source_wrong(arp + ARP_SENDER);
}

// A question for the address of another host, from a station whose address does not matter here
// either: the kernel would learn nothing from it.
static bool is_for_others(const struct fwd *fwd, uint8_t port, const uint8_t *arp)
{
	struct ip_addr sender = address_at(arp + ARP_SENDER);
	struct ip_addr target = address_at(arp + ARP_TARGET);

	// Who asks for its own address tells it to all.
	if (load_be16(arp + ARP_OPERATION) != ARP_QUESTION || ip_addr_equal(&sender, &target) ||
		matters(fwd, port, &sender))
		return false;
	return fwd_lookup_addr(fwd, &target)->kind != ADJACENCY_LOCAL;
}

enum drop_reason arp_refusal(const struct fwd *fwd, uint8_t port, const struct rte_mbuf *m)
{
	if (!is_sound(m))
		return DROP_arp_malformed;
	return is_for_others(fwd, port, rte_pktmbuf_mtod(m, const uint8_t *)) ? DROP_arp_for_others
									      : DROP_NONE;
}

enum punt_class arp_class(const struct fwd *fwd, uint8_t port, const struct rte_mbuf *m)
{
	const uint8_t *arp = rte_pktmbuf_mtod(m, const uint8_t *);
	struct ip_addr sender = address_at(arp + ARP_SENDER);

	return fwd_knows(fwd, port, &sender, arp + ARP_SENDER_MAC) ? PUNT_neighbour : PUNT_newcomer;
}
