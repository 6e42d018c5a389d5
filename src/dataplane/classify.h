// The first look at a frame: Ethernet and IP headers checked, length cut to the datagram's own,
// upper protocol found.
#pragma once

#include "dataplane/worker.h"
#include "proto/ip_upper.h"

// What is known of all packets of a burst.
struct classified {
	bool plain;   // IPv4's without options, no fragments, in frames to this station
	bool tunnels; // plain, and all of IP protocol ESP, as VPE is too
};

// Frames that arrived at a port: counts them. Fills b with the IP packets among them, which then
// begin with their IP header; the others are dropped or given to the kernel.
struct classified classify_frames(
	struct worker *w, uint8_t port, struct rte_mbuf *frames[], uint16_t n, struct burst *b);

// One frame with an Ethernet header of this type (IPv4's or IPv6's): checks the IP header, does
// what classify_upper does, and leaves the packet, cut to its own length. DROP_NONE or what is
// wrong with it.
enum drop_reason classify_ip(struct rte_mbuf *m, uint16_t ether_type, struct packet *packet);

// Finds the upper protocol of a packet whose IP header is known to be sound, and whether it is a
// fragment. Fills all of packet but port. DROP_NONE, DROP_ip_header where extension headers do not
// end within the packet, DROP_fragment_opaque where a later fragment does not tell.
static ALWAYS_INLINE enum drop_reason classify_upper(
	const struct rte_mbuf *m, struct packet *packet)
{
	return ip_upper(rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, packet);
}
