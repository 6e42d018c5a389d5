// Rings between workers: authenticated packets to the owner of their window, clear packets to the
// worker that encrypts for their SA, frames to the owner of a transmit queue.
#pragma once

#include "dataplane/worker.h"

#define HANDOVER_RING 2048

// Gives m, its meta filled but for kind, to another worker. false: the ring is full, m stays ours.
bool handover(struct worker *w, uint16_t to, struct rte_mbuf *m, enum meta_kind kind);
// Takes up everything that waited when the call began. Returns how many packets that were.
unsigned handover_receive(struct worker *w);
