// Rings between workers, both ends.
#include "dataplane/handover.h"

#include "dataplane/dataplane.h"
#include "dataplane/drop.h"
#include "dataplane/path_encap.h"
#include "dataplane/path_in.h"
#include "dataplane/tx.h"
#include "proto/pkt.h"

bool handover(struct worker *w, uint16_t to, struct rte_mbuf *m, enum meta_kind kind)
{
	struct rte_ring *ring = w->dp->worker[to]->from_worker[w->index];

	meta_of(m)->kind = (uint8_t)kind;
	return rte_ring_sp_enqueue(ring, m) == 0;
}

// Neighbours of one kind go on together, in the order in which they came.
static void take_burst(struct worker *w, enum meta_kind kind, struct rte_mbuf *m[], uint16_t n)
{
	stage_burst(&w->clock, n);
	if (kind == META_COMMIT) {
		counter_add(&w->stats.handed_in, n);
		path_in_commit(w, m, n);
	} else if (kind == META_ENCAP) {
		counter_add(&w->stats.encap_in, n);
		path_encap_handed(w, m, n);
	} else {
		for (uint16_t i = 0; i < n; i++)
			tx_frame(w, meta_of(m[i])->port, m[i]);
	}
}

static void take(struct worker *w, struct rte_mbuf *m[], uint16_t n)
{
	uint16_t first = 0;

	while (first < n) {
		uint8_t kind = meta_of(m[first])->kind;
		uint16_t end = first + 1;

		while (end < n && meta_of(m[end])->kind == kind)
			end++;
		take_burst(w, kind, m + first, (uint16_t)(end - first));
		first = end;
	}
}

// As many packets as waited when it was asked. Apart, so that a turn without any is short.
static __rte_noinline unsigned receive(struct worker *w, struct rte_ring *ring, unsigned waiting)
{
	struct rte_mbuf *m[BURST_MAX];
	unsigned found = 0;

	counter_raise(&w->stats.ring_high, waiting);
	while (found < waiting) {
		unsigned n = RTE_MIN(waiting - found, (unsigned)w->burst_max);

		n = rte_ring_sc_dequeue_burst(ring, (void **)m, n, NULL);
		if (n == 0)
			break;
		take(w, m, (uint16_t)n);
		found += n;
	}
	return found;
}

unsigned handover_receive(struct worker *w)
{
	unsigned found = 0;

	for (uint16_t from = 0; from < w->dp->workers; from++) {
		struct rte_ring *ring = w->from_worker[from];
		unsigned waiting = ring == NULL ? 0 : rte_ring_count(ring);

		if (unlikely(waiting > 0))
			found += receive(w, ring, waiting);
	}
	return found;
}
