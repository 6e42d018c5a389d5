// The inbound path: packets from the wire, out of tunnels or in clear.
#pragma once

#include "dataplane/classify.h"

// The packets of the worker's burst, from an unprotected port. all: what classify_frames says.
void path_in(struct worker *w, struct classified all);
// Authenticated packets of windows that this worker owns (META_COMMIT).
void path_in_commit(struct worker *w, struct rte_mbuf *m[], uint16_t n);
