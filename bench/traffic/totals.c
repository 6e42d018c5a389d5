// Sums over vpegen's workers.
#include "bench/traffic/totals.h"

#include "bench/traffic/counters.h"

void totals_read(const struct generator *g, struct totals *t)
{
	memset(t, 0, sizeof(*t));
	for (unsigned i = 0; i < g->workers; i++) {
		const struct generator_worker *w = &g->worker[i];

		counters_add(&t->sent, &w->sender.counters, sizeof(t->sent));
		for (unsigned r = 0; r < w->receivers; r++)
			counters_add(&t->received, &w->receiver[r].counters, sizeof(t->received));
		histogram_merge(&t->latency, &w->latency);
	}
}

void totals_subtract(struct totals *from, const struct totals *earlier)
{
	counters_subtract(&from->sent, &earlier->sent, sizeof(from->sent));
	counters_subtract(&from->received, &earlier->received, sizeof(from->received));
	histogram_subtract(&from->latency, &earlier->latency);
}

void totals_of_flow(const struct generator *g, uint32_t flow, struct flow_totals *t)
{
	*t = (struct flow_totals){
		.sent = g->worker[flow % g->senders].sender.flow[flow / g->senders].number,
	};
	for (unsigned i = 0; i < g->workers; i++) {
		const struct tracks *tracks = &g->worker[i].tracks;
		const struct track *track;

		if (tracks->memory == NULL)
			continue;
		track = track_of(tracks, flow);
		t->once += track->once;
		t->reordered += track->reordered;
		t->duplicates += track->duplicates;
		t->late += track->late;
		t->farthest = RTE_MAX(t->farthest, track->farthest);
		t->receivers += track->next != 0;
	}
}
