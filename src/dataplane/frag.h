// Splitting IPv4 packets that are too big for what comes next (RFC 791 section 3.2): a tunnel or a
// port.
#pragma once

#include "dataplane/worker.h"

#define FRAG_PIECES_MAX BURST_MAX

// m, which begins with its IP header, is IPv4 and allows it.
bool frag_may_split(const struct rte_mbuf *m);
// Splits such a packet into pieces of at most mtu octets, each with a header and a buffer of its
// own. Takes m; port: of its arrival. Returns the number of pieces, 0 where it was dropped.
uint16_t frag_split(struct worker *w, uint8_t port, struct rte_mbuf *m, uint16_t mtu,
	struct rte_mbuf *piece[FRAG_PIECES_MAX]);
