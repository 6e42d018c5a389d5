// Peers that moved: packets of an SA, authentic and new, that come from another address than the
// SA's. They end like all that come from there, for an address is no more than a claim; but control
// is told, so that whoever keeps the SAs can find out and change their addresses.
#pragma once

#include "proto/burst.h"

struct worker;

// Of a tunnel packet that has no SA, its outer header in front, which ends after this: what is
// behind the headers may be something else then. Looks at so few of them that nobody's flood of
// such packets costs more than the floods of others.
void peer_address_look(struct worker *w, struct rte_mbuf *m, const struct packet *packet);
