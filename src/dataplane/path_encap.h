// The outbound path from its SA on: packets go into their tunnels and to the peers.
#pragma once

#include "dataplane/worker.h"

// Packets of a burst by the SA that they leave by: those of run i begin where the run before ends.
struct sa_runs {
	uint16_t n;
	struct sa_run {
		struct sa_out *sa;
		uint16_t end;
	} run[BURST_MAX];
};

// What stands before `end`, and in no run yet, is the SA's.
static ALWAYS_INLINE void sa_runs_add(struct sa_runs *runs, struct sa_out *sa, uint16_t end)
{
	struct sa_run *last = &runs->run[runs->n];

	if (runs->n > 0 && last[-1].sa == sa)
		last[-1].end = end;
	else if (end > (runs->n > 0 ? last[-1].end : 0))
		runs->run[runs->n++] = (struct sa_run){.sa = sa, .end = end};
}

// Counts a packet that is lost before it is in its tunnel, for its SA and the port that it came by.
void path_encap_drop(struct worker *w, struct sa_out *sa, uint8_t port, enum drop_reason reason);
// Everything that goes on towards encryption here: b's packets, their hop taken.
void path_encap(struct worker *w, struct burst *b, const struct sa_runs *runs);
// The same, where some have more octets than their SA admits, and may be split.
void path_encap_split(struct worker *w, const struct burst *b, const struct sa_runs *runs);
// Packets whose policy and SA another worker has found (META_ENCAP).
void path_encap_handed(struct worker *w, struct rte_mbuf *m[], uint16_t n);
