// Packets that wait for the journal.
#include "dataplane/park.h"

#include "dataplane/dataplane.h"
#include "dataplane/drop.h"
#include "dataplane/path_in.h"

#include <rte_cycles.h>

#define PATIENCE_S 1

// The SA may be gone, and its memory be another's soon or now: it is asked for as if the packet
// came now.
static bool sa_lives(
	const struct worker *w, const struct rte_mbuf *m, uint16_t l4, const struct sa_in *sa)
{
	return sadb_find(w->tables.sadb, m, l4) == sa;
}

void park_packet(struct worker *w, struct sa_in *sa, const struct burst *b, uint16_t i)
{
	struct park *park = &w->park;
	struct rte_mbuf *m = b->m[i];

	counter_add(&w->stats.parked, 1);
	// It may have come through another worker, from before the SA was removed.
	if (unlikely(!sa_lives(w, m, b->packet[i].l4, sa))) {
		drop_packet(w, b->packet[i].port, DROP_parked_no_sa, m);
		return;
	}
	if (park->n == PARK_MAX) {
		counter_add(&sa->lane[w->index].drops[DROP_replay_edge_wait], 1);
		drop_packet(w, b->packet[i].port, DROP_replay_edge_wait, m);
		return;
	}
	if (park->n == 0)
		park->sadb = w->tables.sadb;
	*meta_of(m) = (struct meta){.sa = sa, .seq = b->seq[i], .packet = b->packet[i]};
	park->packet[park->n++] = (struct parked){.m = m, .since = rte_rdtsc()};
}

// Those that were parked again, from number n on, are no younger for that.
static void keep_age(struct park *park, uint16_t n, const struct parked *before)
{
	for (; n < park->n; n++) {
		while (before->m != park->packet[n].m)
			before++;
		park->packet[n].since = before->since;
	}
}

static void retry(struct worker *w, const struct parked *waiting, uint16_t n)
{
	struct rte_mbuf *m[BURST_MAX];
	uint16_t parked = w->park.n;
	uint16_t living = 0;

	for (uint16_t i = 0; i < n; i++) {
		const struct meta *meta = meta_of(waiting[i].m);

		if (sa_lives(w, waiting[i].m, meta->packet.l4, meta->sa))
			m[living++] = waiting[i].m;
		else
			drop_packet(w, meta->packet.port, DROP_parked_no_sa, waiting[i].m);
	}
	if (living > 0)
		path_in_commit(w, m, living);
	keep_age(&w->park, parked, waiting);
}

unsigned park_retry(struct worker *w)
{
	struct parked waiting[PARK_MAX];
	struct park *park = &w->park;
	uint64_t epoch = atomic_load_explicit(&w->dp->edges_epoch, memory_order_acquire);
	uint16_t n = park->n;

	if (n == 0 || (epoch == park->epoch && w->tables.sadb == park->sadb))
		return 0;
	park->epoch = epoch;
	park->n = 0;
	memcpy(waiting, park->packet, n * sizeof(waiting[0]));
	for (uint16_t first = 0; first < n; first += BURST_MAX)
		retry(w, waiting + first, (uint16_t)RTE_MIN(n - first, BURST_MAX));
	return n;
}

void park_expire(struct worker *w, uint64_t now)
{
	struct park *park = &w->park;
	uint64_t patience = PATIENCE_S * rte_get_tsc_hz();
	uint16_t late = 0;

	while (late < park->n && now - park->packet[late].since >= patience) {
		struct rte_mbuf *m = park->packet[late++].m;

		drop_packet(w, meta_of(m)->packet.port, DROP_replay_edge_late, m);
	}
	park->n -= late;
	memmove(park->packet, park->packet + late, park->n * sizeof(park->packet[0]));
}

void park_free(struct worker *w)
{
	for (uint16_t i = 0; i < w->park.n; i++)
		drop_free(w->park.packet[i].m);
	w->park.n = 0;
}
