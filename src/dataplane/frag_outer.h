// Splitting tunnel packets behind the encryption, where nothing else is left: IPv6 counts on 1280
// octets in a tunnel as on any link, and a path may have too few for them and the tunnel's headers
// (RFC 2473 section 7.1). The far gateway puts them together (dataplane/reassembly.c, or a kernel).
#pragma once

#include "dataplane/worker.h"

#define FRAG_OUTER_MAX BURST_MAX

// m begins with the outer IP header that the tunnel wrote. Splits it into fragments of at most mtu
// octets, IPv6's minimum for fragments or more; IPv4's have DF set as whole tunnel packets have.
// Takes m; port: of its arrival. Returns the number of fragments, 0 where it was dropped.
uint16_t frag_outer(struct worker *w, uint8_t port, struct rte_mbuf *m, uint16_t mtu,
	struct rte_mbuf *fragment[FRAG_OUTER_MAX]);
