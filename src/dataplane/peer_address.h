// Peers that moved: packets of an SA, authentic and newer than all that it has accepted, that come
// from another address than the SA's. They end like all that come from there, for an address is no
// more than a claim; but control is told, so that whoever keeps the SAs can find out and change
// their addresses.
#pragma once

#include "proto/burst.h"

struct sa_in;
struct worker;

// A worker's own.
struct peer_looks {
	uint64_t last_tsc;
	uint64_t told_tsc;
	const struct sa_in *told; // to compare, no more: it may be gone
};

// Of a tunnel packet that has no SA, its outer header in front, which ends after this: what is
// behind the headers may be something else then. Looks at so few of them that nobody's flood of
// such packets costs more than the floods of others.
void peer_address_look(struct worker *w, struct rte_mbuf *m, const struct packet *packet);
