// The inbound path: packets from the wire, out of tunnels or in clear.
#pragma once

#include "dataplane/worker.h"

// The packets of the worker's burst, from an unprotected port. plain: as classify_frames returned
// it.
void path_in(struct worker *w, bool plain);
// Authenticated packets of windows that this worker owns (META_COMMIT).
void path_in_commit(struct worker *w, struct rte_mbuf *m[], uint16_t n);
