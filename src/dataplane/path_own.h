// The way of the gateway's own packets, which the control thread makes.
#pragma once

#include "dataplane/worker.h"

// Packets of the gateway itself (META_PACKET), which begin with their IP header.
void path_own(struct worker *w, struct rte_mbuf *m[], uint16_t n);
