// Packets that wait for the journal.
#include "dataplane/park.h"

#include "dataplane/dataplane.h"
#include "dataplane/drop.h"
#include "dataplane/path_in.h"

#include <rte_cycles.h>

#define PATIENCE_S 1

void park_packet(struct worker *w, struct sa_in *sa, const struct burst *b, uint16_t i)
{
	struct park *park = &w->park;
	struct rte_mbuf *m = b->m[i];

	counter_add(&w->stats.parked, 1);
	if (park->n == PARK_MAX) {
		counter_add(&sa->lane[w->index].drops[DROP_replay_edge_wait], 1);
		drop_packet(w, b->packet[i].port, DROP_replay_edge_wait, m);
		return;
	}
	if (park->n == 0) {
		park->since = rte_rdtsc();
		park->sadb = w->tables.sadb;
	}
	*meta_of(m) = (struct meta){.sa = sa, .seq = b->seq[i], .packet = b->packet[i]};
	park->m[park->n++] = m;
}

// The SA may be gone, and its memory another's: it is asked for as if the packet came now.
static uint16_t keep_living(struct worker *w, struct rte_mbuf *m[], uint16_t n)
{
	struct sa_in *sa[BURST_MAX];
	struct burst *b = &w->burst;
	uint16_t kept = 0;

	b->n = n;
	for (uint16_t i = 0; i < n; i++) {
		b->m[i] = m[i];
		b->packet[i] = meta_of(m[i])->packet;
	}
	sadb_lookup(w->tables.sadb, b, sa, false);
	for (uint16_t i = 0; i < n; i++) {
		if (sa[i] == meta_of(m[i])->sa)
			m[kept++] = m[i];
		else
			drop_packet(w, b->packet[i].port, DROP_parked_no_sa, m[i]);
	}
	return kept;
}

unsigned park_retry(struct worker *w)
{
	struct rte_mbuf *waiting[PARK_MAX];
	struct park *park = &w->park;
	uint64_t epoch = atomic_load_explicit(&w->dp->edges_epoch, memory_order_acquire);
	uint64_t since = park->since;
	uint16_t n = park->n;

	if (n == 0 || (epoch == park->epoch && w->tables.sadb == park->sadb))
		return 0;
	park->epoch = epoch;
	park->sadb = w->tables.sadb;
	park->n = 0;
	memcpy(waiting, park->m, n * sizeof(waiting[0]));
	for (uint16_t first = 0; first < n; first += BURST_MAX) {
		uint16_t kept =
			keep_living(w, waiting + first, (uint16_t)RTE_MIN(n - first, BURST_MAX));

		if (kept > 0)
			path_in_commit(w, waiting + first, kept);
	}
	// None has got on.
	if (park->n == n)
		park->since = since;
	return n;
}

void park_expire(struct worker *w, uint64_t now)
{
	struct park *park = &w->park;

	if (likely(park->n == 0) || now - park->since < PATIENCE_S * rte_get_tsc_hz())
		return;
	for (uint16_t i = 0; i < park->n; i++)
		drop_packet(w, meta_of(park->m[i])->packet.port, DROP_replay_edge_late, park->m[i]);
	park->n = 0;
}

void park_free(struct worker *w)
{
	for (uint16_t i = 0; i < w->park.n; i++)
		drop_free(w->park.m[i]);
	w->park.n = 0;
}
