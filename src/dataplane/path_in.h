// The inbound path: packets from the wire, out of tunnels or in clear.
#pragma once

#include "dataplane/worker.h"

// The packets of the worker's burst, from an unprotected port.
void path_in(struct worker *w);
// Authenticated packets of windows that this worker owns (META_COMMIT).
void path_in_commit(struct worker *w, struct rte_mbuf *m[], uint16_t n);
