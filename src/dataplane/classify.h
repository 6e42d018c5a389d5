// The first look at a frame: Ethernet and IP headers checked, length cut to the datagram's own,
// upper protocol found.
#pragma once

#include "dataplane/worker.h"

// Frames that arrived at a port. Fills b with the IP packets among them, which then begin with
// their IP header; the others are dropped or given to the kernel.
void classify_frames(
	struct worker *w, uint8_t port, struct rte_mbuf *m[], uint16_t n, struct burst *b);

// Finds the upper protocol of a packet whose IP header is known to be sound, and whether it is a
// fragment. Fills all of packet but port. DROP_NONE, DROP_ip_header where extension headers do not
// end within the packet, DROP_fragment_opaque where a later fragment does not tell.
enum drop_reason classify_upper(const struct rte_mbuf *m, struct packet *packet);

// Which of the kernel's classes an IP packet for the gateway itself belongs to.
enum punt_class classify_punt(const struct rte_mbuf *m, const struct packet *packet);
