// The host's own path: frames that the kernel sends through a port's host interface.
#pragma once

#include "dataplane/worker.h"

// Frames as they came from the host interfaces (META_FRAME; meta's port: where they leave).
void path_host(struct worker *w, struct rte_mbuf *m[], uint16_t n);
