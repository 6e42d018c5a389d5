// The end of a packet that goes nowhere: counted under its reason, freed.
#pragma once

#include "dataplane/worker.h"

void drop_packet(struct worker *w, uint8_t port, enum drop_reason reason, struct rte_mbuf *m);
// The same for the control thread.
void drop_by_control(
	struct dataplane *dp, uint8_t port, enum drop_reason reason, struct rte_mbuf *m);
// Without counting: for packets whose reason another place counts.
void drop_free(struct rte_mbuf *m);
