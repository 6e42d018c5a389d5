// The rings between workers and the control thread, both ends of both.
#include "dataplane/punt.h"

#include "dataplane/drop.h"
#include "dataplane/forward.h"
#include "proto/ip_hdr.h"
#include "proto/pkt.h"

#include <rte_cycles.h>
#include <rte_jhash.h>

#define FRAME_TYPE 12
#define FRAME_SOURCE 6

static bool put(
	struct worker *w, unsigned queue, struct rte_mbuf *m, enum meta_kind kind, uint8_t port)
{
	struct meta *meta = meta_of(m);

	meta->kind = (uint8_t)kind;
	meta->port = port;
	pkt_unfence(m);
	return rte_ring_sp_enqueue(w->punt[queue], m) == 0;
}

static uint32_t hash_key(const struct worker *w, const uint8_t *octets, size_t n)
{
	uint32_t key[4] = {0};

	memcpy(key, octets, n);
	return rte_jhash_32b(key, 4, w->dp->punt_seed);
}

static uint32_t hash_source(const struct worker *w, const uint8_t *header)
{
	if (ip_version(header) == 4)
		return hash_key(w, header + IPV4_SOURCE, 4);
	return hash_key(w, header + IPV6_SOURCE, 16);
}

// Of the IP source address, or the station where there is none.
static uint32_t hash_sender(const struct worker *w, const uint8_t *frame)
{
	uint16_t type = load_be16(frame + FRAME_TYPE);

	if (type == RTE_ETHER_TYPE_IPV4 || type == RTE_ETHER_TYPE_IPV6)
		return hash_source(w, frame + RTE_ETHER_HDR_LEN);
	return hash_key(w, frame + FRAME_SOURCE, RTE_ETHER_ADDR_LEN);
}

// A whole frame that arrived at `port`, for the host interface of `home`, or for control.
// decrypted: it came out of a tunnel.
static void put_limited(struct worker *w, uint8_t port, uint8_t home, struct rte_mbuf *m,
	enum punt_class class, enum meta_kind kind, bool decrypted)
{
	uint32_t sender = hash_sender(w, rte_pktmbuf_mtod(m, const uint8_t *));
	struct punt_limit *limit = &w->limits[port][decrypted].punt[class];
	struct port_stats *stats = &w->stats.port[port];
	enum drop_reason reason = DROP_NONE;

	if (unlikely(!punt_limit_take(limit, sender, rte_rdtsc())))
		reason = DROP_punt_limited;
	else if (unlikely(!put(w, class, m, kind, home)))
		reason = DROP_punt_full;
	if (likely(reason == DROP_NONE)) {
		counter_add(&stats->punts[class], 1);
		return;
	}
	counter_add(&stats->punts_refused[class], 1);
	drop_packet(w, port, reason, m);
}

void punt_frame(struct worker *w, uint8_t port, struct rte_mbuf *m, enum punt_class class)
{
	if (unlikely(pkt_prepend(m, RTE_ETHER_HDR_LEN) == NULL))
		drop_packet(w, port, DROP_no_room, m);
	else
		put_limited(w, port, port, m, class, META_PUNT, false);
}

void punt_path_mtu(struct worker *w, uint8_t port, struct rte_mbuf *m, enum punt_class class)
{
	if (unlikely(pkt_prepend(m, RTE_ETHER_HDR_LEN) == NULL))
		drop_packet(w, port, DROP_no_room, m);
	else
		put_limited(w, port, port, m, class, META_PATH_MTU, false);
}

static void put_bare(struct worker *w, uint8_t port, uint8_t home, struct rte_mbuf *m,
	enum punt_class class, enum meta_kind kind)
{
	uint8_t version = ip_version(rte_pktmbuf_mtod(m, const uint8_t *));
	uint8_t *frame = pkt_prepend(m, RTE_ETHER_HDR_LEN);

	if (unlikely(frame == NULL)) {
		drop_packet(w, port, DROP_no_room, m);
		return;
	}
	punt_ether(frame, &w->dp->port[home].mac, version);
	put_limited(w, port, home, m, class, kind, true);
}

void punt_bare(
	struct worker *w, uint8_t port, uint8_t home, struct rte_mbuf *m, enum punt_class class)
{
	put_bare(w, port, home, m, class, META_PUNT);
}

void punt_probe(struct worker *w, uint8_t port, uint8_t home, struct rte_mbuf *m, uint16_t tunnel)
{
	meta_of(m)->tunnel = tunnel;
	put_bare(w, port, home, m, PUNT_probe, META_PROBE);
}

void punt_tell(struct worker *w, uint8_t port, struct rte_mbuf *m, uint16_t mtu)
{
	uint32_t sender = hash_source(w, rte_pktmbuf_mtod(m, const uint8_t *));
	bool decrypted = meta_of(m)->origin == FORWARD_DECRYPTED;
	struct punt_limit *limit = &w->limits[port][decrypted].tell[mtu > 0];

	meta_of(m)->mtu = mtu;
	if (likely(punt_limit_take(limit, sender, rte_rdtsc())) &&
		likely(put(w, PUNT_TELL, m, META_TELL, port)))
		return;
	// Its reason is counted already; this only costs the answer.
	counter_add(&w->stats.port[port].untold, 1);
	drop_free(m);
}

void punt_unresolved(struct worker *w, const struct packet *packet, struct rte_mbuf *m,
	uint8_t origin, enum drop_reason reason)
{
	*meta_of(m) = (struct meta){.packet = *packet,
		.origin = origin,
		.reason = (uint16_t)reason,
		.tunnel = packet->tunnel};
	if (unlikely(!put(w, PUNT_UNRESOLVED, m, META_UNRESOLVED, packet->port)))
		drop_packet(w, packet->port, reason, m);
}

static unsigned drain_queue(struct dataplane *dp, unsigned queue, struct rte_mbuf *m[], unsigned n)
{
	// Each call begins with another worker: a flood at one does not shut out the others.
	unsigned first = dp->punt_next[queue]++;
	unsigned found = 0;

	for (unsigned i = 0; i < dp->workers && found < n; i++) {
		struct worker *w = dp->worker[(first + i) % dp->workers];

		counter_raise(&w->punt_high[queue], rte_ring_count(w->punt[queue]));
		found += rte_ring_sc_dequeue_burst(
			w->punt[queue], (void **)(m + found), n - found, NULL);
	}
	return found;
}

unsigned punt_drain(struct dataplane *dp, struct rte_mbuf *m[], unsigned n)
{
	unsigned found = 0;

	for (unsigned i = 0; i < PUNT_CLASS_COUNT && found < n; i++)
		found += drain_queue(dp, i, m + found, n - found);
	return found;
}

unsigned punt_drain_requests(
	struct dataplane *dp, enum punt_request kind, struct rte_mbuf *m[], unsigned n)
{
	return drain_queue(dp, kind, m, n);
}

struct rte_mbuf *inject_alloc(struct dataplane *dp)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(dp->pool);

	if (m != NULL)
		*meta_of(m) = (struct meta){0};
	return m;
}

// A frame for the protected side goes straight to the owner of the port's first transmit queue.
// Whatever a policy may protect goes to a worker that encrypts.
static struct worker *inject_worker(struct dataplane *dp, enum meta_kind kind, uint8_t port)
{
	bool straight = kind == META_FRAME && dp->port[port].side == PORT_PROTECTED;

	return dp->worker[straight ? dp->port[port].txq[0].worker : dp->encrypt_worker[0]];
}

bool inject(struct dataplane *dp, struct rte_mbuf *m, enum meta_kind kind, uint8_t port)
{
	struct worker *w = inject_worker(dp, kind, port);
	struct meta *meta = meta_of(m);
	bool fits;

	meta->kind = (uint8_t)kind;
	meta->port = port;
	fits = rte_ring_sp_enqueue(w->inject, m) == 0;
	counter_raise(&w->inject_high, rte_ring_count(w->inject));
	if (!fits)
		rte_pktmbuf_free(m);
	return fits;
}
