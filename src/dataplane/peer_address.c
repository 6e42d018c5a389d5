// One packet a look, through the first half of its protocol's decapsulation, which judges numbers
// and commits none.
#include "dataplane/peer_address.h"

#include "dataplane/audit.h"
#include "dataplane/dataplane.h"
#include "proto/ip_hdr.h"

#include <rte_cycles.h>

#define LOOKS_PER_SECOND 100

static bool may_look(struct worker *w)
{
	uint64_t now = rte_rdtsc();

	if (now - w->peer_address_tsc < rte_get_tsc_hz() / LOOKS_PER_SECOND)
		return false;
	w->peer_address_tsc = now;
	return true;
}

// *seq: its number.
static bool is_authentic(struct worker *w, struct sa_in *sa, struct rte_mbuf *m,
	const struct packet *packet, uint64_t *seq)
{
	struct burst *one = &w->asked;

	one->n = 1;
	one->m[0] = m;
	one->packet[0] = *packet;
	w->batch.n = 0;
	sa->proto->decap(sa, w->index, one, 0, 1, &w->batch);
	if (w->batch.n == 0)
		return false;
	aead_open_burst(w->aead, w->batch.op, 1);
	*seq = one->seq[0];
	return w->batch.op[0].authentic;
}

void peer_address_look(struct worker *w, struct rte_mbuf *m, const struct packet *packet)
{
	const uint8_t *header = rte_pktmbuf_mtod(m, const uint8_t *);
	struct audit_box *box = &w->peer_address;
	struct sa_in *sa;
	uint64_t seq;

	if (atomic_load_explicit(&box->full, memory_order_acquire) || !may_look(w))
		return;
	sa = sadb_find_elsewhere(w->tables.sadb, m, packet->l4);
	if (sa == NULL || !is_authentic(w, sa, m, packet, &seq))
		return;
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
