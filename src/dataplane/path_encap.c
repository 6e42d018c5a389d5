// The outbound path from its SA on: header and encryption, then the route (RFC 4301 section 5.1).
#include "dataplane/path_encap.h"

#include "dataplane/audit.h"
#include "dataplane/drop.h"
#include "dataplane/forward.h"
#include "dataplane/frag.h"
#include "dataplane/frag_outer.h"
#include "dataplane/fwd.h"
#include "dataplane/handover.h"

void path_encap_drop(struct worker *w, struct sa_out *sa, uint8_t port, enum drop_reason reason)
{
	counter_add(&sa_out_drops(sa, w->index)[reason], 1);
	counter_add(&w->stats.port[port].drops[reason], 1);
}

// Where the SA's packets go next by the routes of now.
static const struct adjacency *hop_of(const struct worker *w, struct sa_out *sa)
{
	struct sa_out_lane *lane = &sa->lane[w->index];

	if (unlikely(lane->hop_epoch != w->tables.epoch || lane->hop_header != sa->header)) {
		lane->hop = fwd_lookup_addr(w->tables.fwd, &sa->remote);
		lane->hop_epoch = w->tables.epoch;
		lane->hop_header = sa->header;
	}
	return lane->hop;
}

static enum forward_family family_of(const struct sa_out *sa)
{
	return sa->ipv6 ? FORWARD_IPV6 : FORWARD_IPV4;
}

static void forward_fragments(
	struct worker *w, struct rte_mbuf *m, const struct packet *outer, struct sa_out *sa)
{
	struct rte_mbuf *fragment[FRAG_OUTER_MAX];
	uint16_t n = frag_outer(w, outer->port, m, sa_out_path_mtu(sa), fragment);

	for (uint16_t i = 0; i < n; i++) {
		w->fragments.m[i] = fragment[i];
		w->fragments.packet[i] = *outer;
		w->fragments.next[i] = hop_of(w, sa);
	}
	w->fragments.n = n;
	forward_burst(w, &w->fragments, FORWARD_OWN);
}

static void refuse(struct worker *w, const struct burst *b, uint16_t i, struct sa_out *sa)
{
	audit_outbound(w, b->verdict[i], b->m[i], &b->packet[i], sa);
	path_encap_drop(w, sa, b->packet[i].port, b->verdict[i]);
	drop_free(b->m[i]);
}

// Packets first .. end-1 are the SA's, encrypted unless the verdict says why not, and begin with
// their outer header.
static void route_each(
	struct worker *w, struct burst *b, uint16_t first, uint16_t end, struct sa_out *sa)
{
	uint16_t mtu = sa_out_path_mtu(sa);
	uint8_t protocol = sa->proto->ip_protocol;
	uint8_t flags = sa->ipv6 ? PACKET_IPV6 : 0;
	uint16_t kept = first;

	for (uint16_t i = first; i < end; i++) {
		struct packet *packet = &b->packet[i];

		if (unlikely(b->verdict[i] != VERDICT_ACCEPT)) {
			refuse(w, b, i, sa);
			continue;
		}
		packet->protocol = protocol;
		packet->flags = flags;
		if (likely(b->m[i]->pkt_len <= mtu)) {
			burst_keep(b, i, &kept);
			continue;
		}
		// Those before it leave before it.
		forward_run(w, b, first, kept, hop_of(w, sa), family_of(sa), FORWARD_OWN);
		kept = first;
		forward_fragments(w, b->m[i], packet, sa);
	}
	forward_run(w, b, first, kept, hop_of(w, sa), family_of(sa), FORWARD_OWN);
}

// sealed: all are encrypted. Nearly always they all just go.
static void route_run(struct worker *w, struct burst *b, uint16_t first, uint16_t end,
	struct sa_out *sa, bool sealed)
{
	if (likely(sealed))
		first = forward_whole(w, b, first, end, hop_of(w, sa), sa_out_path_mtu(sa),
			family_of(sa), FORWARD_OWN);
	if (unlikely(first < end))
		route_each(w, b, first, end, sa);
}

void path_encap(struct worker *w, struct burst *b, const struct sa_runs *runs)
{
	uint16_t first = 0;
	bool sealed;

	w->batch.n = 0;
	for (uint16_t i = 0; i < runs->n; i++) {
		const struct sa_run *run = &runs->run[i];

		run->sa->proto->encap(
			run->sa, w->index, b, first, (uint16_t)(run->end - first), &w->batch);
		first = run->end;
	}
	stage_end(&w->clock, STAGE_headers);
	// All of one SA, they are of one key.
	if (likely(runs->n == 1))
		aead_seal_run(w->aead, w->batch.op, w->batch.n);
	else
		aead_seal_burst(w->aead, w->batch.op, w->batch.n);
	stage_end(&w->clock, STAGE_crypto);
	sealed = w->batch.n == b->n;
	first = 0;
	for (uint16_t i = 0; i < runs->n; i++) {
		route_run(w, b, first, runs->run[i].end, runs->run[i].sa, sealed);
		first = runs->run[i].end;
	}
	stage_end(&w->clock, STAGE_route);
}

// Packet i, as it is or as its pieces. Control may have changed meanwhile what the SA admits.
static uint16_t split_admitted(struct worker *w, const struct burst *b, uint16_t i,
	const struct sa_out *sa, struct rte_mbuf *piece[FRAG_PIECES_MAX])
{
	struct rte_mbuf *m = b->m[i];
	uint16_t most = sa_out_admits(sa, b->packet[i].flags & PACKET_IPV6);

	if (m->pkt_len > most && frag_may_split(m))
		return frag_split(w, b->packet[i].port, m, most, piece);
	piece[0] = m;
	return 1;
}

// Pieces are packets like any (docs/vpe-protocol.md section 9 step 4) and take the place of theirs,
// in order: hosts give up on fragments that come too far apart. They may be more than a burst
// holds.
void path_encap_split(struct worker *w, const struct burst *b, const struct sa_runs *runs)
{
	struct rte_mbuf *piece[FRAG_PIECES_MAX];
	struct burst *pieces = &w->pieces;
	const struct sa_run *run = runs->run;
	struct sa_runs piece_runs = {.n = 0};

	pieces->n = 0;
	for (uint16_t i = 0; i < b->n; i++) {
		uint16_t n;

		if (i == run->end)
			run++;
		n = split_admitted(w, b, i, run->sa, piece);
		for (uint16_t k = 0; k < n; k++) {
			if (pieces->n == BURST_MAX) {
				path_encap(w, pieces, &piece_runs);
				pieces->n = 0;
				piece_runs.n = 0;
			}
			pieces->m[pieces->n] = piece[k];
			pieces->packet[pieces->n++] = b->packet[i];
			sa_runs_add(&piece_runs, run->sa, pieces->n);
		}
	}
	if (pieces->n > 0)
		path_encap(w, pieces, &piece_runs);
}

void path_encap_handed(struct worker *w, struct rte_mbuf *m[], uint16_t n)
{
	struct sa_runs runs = {.n = 0};

	for (uint16_t i = 0; i < n; i++) {
		w->burst.m[i] = m[i];
		w->burst.packet[i] = meta_of(m[i])->packet;
		sa_runs_add(&runs, meta_of(m[i])->sa, i + 1);
	}
	w->burst.n = n;
	path_encap(w, &w->burst, &runs);
}
