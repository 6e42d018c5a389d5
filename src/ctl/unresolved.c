// A small set-associative table by neighbour, hashed with a secret so that nobody outside can
// choose addresses that share a set. In a full set the oldest makes room: who has not answered for
// longest is the least likely to do so.
#include "ctl/unresolved.h"

#include "base/secret.h"
#include "ctl/icmp.h"
#include "ctl/mirror.h"
#include "dataplane/drop.h"
#include "dataplane/forward.h"
#include "dataplane/punt.h"
#include "proto/ip_hdr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SETS 64
#define WAYS 4
#define AGE_MS 3000 // the kernel gives up after three requests, a second each
#define ASK_AGAIN_MS 1000
#define LOOK_MS 100

struct kept {
	struct rte_mbuf *m; // NULL: free
	struct ip_addr via;
	uint8_t port; // of the neighbour
	uint64_t since_ms;
	uint64_t asked_ms;
};

struct unresolved {
	struct dataplane *dp;
	struct mirror *mirror;
	struct icmp *icmp;
	uint64_t seed;
	uint64_t publications; // of the mirror, when we looked
	uint64_t looked_ms;
	struct unresolved_stats stats;
	struct kept kept[SETS * WAYS];
};

int unresolved_create(
	struct dataplane *dp, struct mirror *mirror, struct icmp *icmp, struct unresolved **created)
{
	struct unresolved *u = calloc(1, sizeof(*u));
	int ret = u ? secret_random(&u->seed, sizeof(u->seed)) : -ENOMEM;

	if (ret < 0) {
		free(u);
		return ret;
	}
	u->dp = dp;
	u->mirror = mirror;
	u->icmp = icmp;
	*created = u;
	return 0;
}

void unresolved_destroy(struct unresolved *u)
{
	if (!u)
		return;
	for (unsigned i = 0; i < SETS * WAYS; i++)
		rte_pktmbuf_free(u->kept[i].m);
	free(u);
}

// Where the packet would go by the tables of now. Control alone publishes them, so the result stays
// while we look.
static const struct adjacency *next_of(const struct unresolved *u, const struct ip_addr *addr)
{
	return fwd_lookup_addr(atomic_load_explicit(&u->dp->fwd, memory_order_acquire), addr);
}

static bool is_unresolved(const struct adjacency *next)
{
	return next->kind == ADJACENCY_PENDING || next->kind == ADJACENCY_FAILED;
}

static void resume(struct unresolved *u, struct rte_mbuf *m)
{
	uint8_t port = meta_of(m)->port;

	if (inject(u->dp, m, META_RESUME, port))
		u->stats.resumed++;
	else
		u->dp->control_drops[port][DROP_inject_full]++;
}

// Senders in transit are told, where that is owed; tunnels and the gateway itself are not.
static void give_up(struct unresolved *u, struct rte_mbuf *m, enum drop_reason reason)
{
	struct meta *meta = meta_of(m);

	meta->reason = (uint16_t)reason;
	if (meta->origin == FORWARD_TRANSIT || meta->origin == FORWARD_DECRYPTED)
		icmp_answer(u->icmp, m);
	drop_by_control(u->dp, meta->port, reason, m);
}

static struct kept *set_of(struct unresolved *u, uint8_t port, const struct ip_addr *via)
{
	uint64_t hash = u->seed ^ ((uint64_t)port << 8 | via->family);
	uint64_t words[2];

	memcpy(words, via->octets, sizeof(words));
	for (unsigned i = 0; i < 2; i++) {
		hash = (hash ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 29;
	}
	return &u->kept[(hash >> 32) % SETS * WAYS];
}

// Its neighbour's place, or a free one, or that of the oldest.
static struct kept *place_for(struct unresolved *u, uint8_t port, const struct ip_addr *via)
{
	struct kept *set = set_of(u, port, via);
	struct kept *place = &set[0];

	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].m && set[i].port == port && ip_addr_equal(&set[i].via, via))
			return &set[i];
		if (place->m && (!set[i].m || set[i].since_ms < place->since_ms))
			place = &set[i];
	}
	return place;
}

static void keep(struct unresolved *u, struct rte_mbuf *m, uint8_t port, const struct ip_addr *via,
	uint64_t now_ms)
{
	struct kept *place = place_for(u, port, via);

	if (place->m) {
		u->stats.replaced++;
		give_up(u, place->m, meta_of(place->m)->reason);
	} else {
		u->stats.kept++;
	}
	*place = (struct kept){
		.m = m, .via = *via, .port = port, .since_ms = now_ms, .asked_ms = now_ms};
}

void unresolved_take(struct unresolved *u, struct rte_mbuf *m, uint64_t now_ms)
{
	struct ip_addr destination = ip_destination(rte_pktmbuf_mtod(m, const uint8_t *));
	const struct adjacency *next = next_of(u, &destination);
	const struct ip_addr *via = next->via.family == IP_NONE ? &destination : &next->via;

	u->stats.packets++;
	// The tables may have changed since the worker looked.
	if (!is_unresolved(next)) {
		resume(u, m);
	} else if (mirror_resolve(u->mirror, next->port, via)) {
		keep(u, m, next->port, via, now_ms);
	} else {
		u->stats.homeless++;
		give_up(u, m, meta_of(m)->reason);
	}
}

// A neighbour that had failed before may still answer: the kernel was asked again.
static bool has_failed(const struct adjacency *next, struct rte_mbuf *m)
{
	return next->kind == ADJACENCY_FAILED && meta_of(m)->reason == DROP_neighbour_pending;
}

// The first question may have been one too many, or what it began was undone.
static void ask_again(struct unresolved *u, struct kept *kept, uint64_t now_ms)
{
	if (now_ms - kept->asked_ms < ASK_AGAIN_MS)
		return;
	kept->asked_ms = now_ms;
	mirror_resolve(u->mirror, kept->port, &kept->via);
}

// True if the place is free afterwards.
static bool look_at(struct unresolved *u, struct kept *kept, uint64_t now_ms)
{
	struct ip_addr destination = ip_destination(rte_pktmbuf_mtod(kept->m, const uint8_t *));
	const struct adjacency *next = next_of(u, &destination);

	if (!is_unresolved(next)) {
		resume(u, kept->m);
	} else if (has_failed(next, kept->m)) {
		u->stats.failed++;
		give_up(u, kept->m, DROP_neighbour_failed);
	} else if (now_ms - kept->since_ms >= AGE_MS) {
		u->stats.expired++;
		give_up(u, kept->m, meta_of(kept->m)->reason);
	} else {
		ask_again(u, kept, now_ms);
		return false;
	}
	return true;
}

void unresolved_look(struct unresolved *u, uint64_t now_ms)
{
	uint64_t publications = mirror_stats(u->mirror)->publications;

	if (u->stats.kept == 0 ||
		(publications == u->publications && now_ms - u->looked_ms < LOOK_MS))
		return;
	u->publications = publications;
	u->looked_ms = now_ms;
	for (unsigned i = 0; i < SETS * WAYS; i++) {
		if (u->kept[i].m && look_at(u, &u->kept[i], now_ms)) {
			u->kept[i].m = NULL;
			u->stats.kept--;
		}
	}
}

const struct unresolved_stats *unresolved_stats(const struct unresolved *u)
{
	return &u->stats;
}
