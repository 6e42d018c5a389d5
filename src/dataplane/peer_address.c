// One packet a look, through the first half of its protocol's decapsulation, which judges numbers
// and commits none.
#include "dataplane/peer_address.h"

#include "dataplane/audit.h"
#include "dataplane/dataplane.h"
#include "dataplane/local.h"
#include "proto/ip_hdr.h"

#include <rte_cycles.h>

#define LOOKS_PER_SECOND 100

// One peer that moved is looked at once a second: the others have the rest of the looks.
static bool may_look(struct peer_looks *looks, const struct sa_in *sa)
{
	uint64_t now = rte_rdtsc();
	uint64_t since = now - looks->last_tsc;

	if (since < rte_get_tsc_hz() / LOOKS_PER_SECOND)
		return false;
	if (sa == looks->told && now - looks->told_tsc < rte_get_tsc_hz())
		return false;
	looks->last_tsc = now;
	return true;
}

// Nobody can be there who is on the gateway's own side, or on no link's other.
static bool is_possible(struct worker *w, const struct rte_mbuf *m)
{
	return ip_source_forwardable(rte_pktmbuf_mtod(m, const uint8_t *)) &&
		!local_source_inside(w, m);
}

// Authentic, and newer than everything that came: what is not, anybody can have kept who saw it on
// its way. Only the window's owner may judge more exactly. *seq: its number.
static bool is_news(struct worker *w, struct sa_in *sa, struct rte_mbuf *m,
	const struct packet *packet, uint64_t *seq)
{
	const uint8_t *tunnel = rte_pktmbuf_mtod_offset(m, const uint8_t *, packet->l4);
	struct burst *one = &w->asked;

	one->n = 1;
	one->m[0] = m;
	one->packet[0] = *packet;
	w->batch.n = 0;
	sa->proto->decap(sa, w->index, one, 0, 1, &w->batch);
	if (w->batch.n == 0)
		return false;
	*seq = one->seq[0];
	if (!window_is_above(sa->windows, sa->proto->window_of(tunnel), *seq))
		return false;
	return aead_open_burst(w->aead, w->batch.op, 1);
}

void peer_address_look(struct worker *w, struct rte_mbuf *m, const struct packet *packet)
{
	const uint8_t *header = rte_pktmbuf_mtod(m, const uint8_t *);
	struct audit_box *box = &w->peer_address;
	struct sa_in *sa;
	uint64_t seq;

	if (atomic_load_explicit(&box->full, memory_order_acquire))
		return;
	sa = sadb_find_elsewhere(w->tables.sadb, m, packet->l4);
	if (sa == NULL || !may_look(&w->peer_looks, sa) || !is_possible(w, m) ||
		!is_news(w, sa, m, packet, &seq))
		return;
	w->peer_looks.told = sa;
	w->peer_looks.told_tsc = w->peer_looks.last_tsc;
	box->event = (struct audit_event){
		.seq = seq,
		.spi = sa->spi,
		.source = ip_source(header),
		.destination = ip_destination(header),
		.tunnel = sa->tunnel,
		.protocol = packet->protocol,
		.port = packet->port,
		.has = AUDIT_HAS_SPI | AUDIT_HAS_SEQ | AUDIT_HAS_TUNNEL,
	};
	atomic_store_explicit(&box->full, true, memory_order_release);
}
