// A flow has one cache line of two, side by side, that a hash names. What is remembered holds while
// the worker sees the same tables (worker.h).
#include "dataplane/flow.h"

#include "base/secret.h"
#include "dataplane/fwd.h"
#include "dataplane/worker.h"
#include "proto/ip_hdr.h"

#include <errno.h>
#include <rte_malloc.h>

#define HASH_ODD UINT64_C(0x9e3779b97f4a7c15)
// Of so many packets that find others in both places of their flow one takes a place: else flows
// would drive each other out with every packet, and none was ever known.
#define CONTENDERS 8
// Bursts for which nothing is looked up here, after one most of whose packets were contenders (and
// more than chance has among few): with so many flows it is cheaper to ask the tables for all.
#define PAUSE 7

struct flow {
	alignas(CACHE_LINE) uint64_t address[4]; // both, as they lie in the packet; IPv4's: [0]
	uint64_t rest;				 // ports, protocol, family, direction
	uint64_t epoch;				 // of the worker's tables
	const struct adjacency *next;
	uint32_t match;
	bool forwardable; // not the host's, and from a source that is nobody's on one link only
};

// By what a packet's flow is found.
struct key {
	uint64_t address; // the first half of IPv6's
	uint64_t rest;
	struct flow *place;
};

struct place_hash {
	uint64_t seed;	// nobody outside can choose flows that share a place
	unsigned shift; // that leaves as many bits of a hash as there are places
};

struct flow_cache {
	struct place_hash by;
	unsigned contenders;
	unsigned pause; // bursts still to come
	struct flow flow[];
};

int flow_cache_create(unsigned flows, int socket, struct flow_cache **created)
{
	struct flow_cache *cache;
	int ret;

	*created = NULL;
	if (flows == 0)
		return 0;
	cache = rte_zmalloc_socket(
		"flows", sizeof(*cache) + flows * sizeof(cache->flow[0]), CACHE_LINE, socket);
	if (cache == NULL)
		return -ENOMEM;
	cache->by.shift = 64 - rte_log2_u32(flows);
	ret = secret_random(&cache->by.seed, sizeof(cache->by.seed));
	if (ret < 0) {
		rte_free(cache);
		return ret;
	}
	*created = cache;
	return 0;
}

void flow_cache_destroy(struct flow_cache *cache)
{
	rte_free(cache);
}

static ALWAYS_INLINE const uint8_t *addresses_of(const struct rte_mbuf *m, bool ipv6)
{
	return rte_pktmbuf_mtod_offset(m, const uint8_t *, ipv6 ? IPV6_SOURCE : IPV4_SOURCE);
}

static ALWAYS_INLINE uint64_t word(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

// plain: known to have no flags.
static ALWAYS_INLINE uint64_t rest_of(const struct rte_mbuf *m, const struct packet *packet,
	enum spd_direction direction, const bool plain)
{
	uint16_t l4 = plain ? IPV4_HEADER_MIN : packet->l4;
	uint8_t ipv6 = plain ? 0 : packet->flags & PACKET_IPV6;
	uint32_t ports = 0;

	if (selector_protocol_has_ports(packet->protocol) && m->data_len >= l4 + 4u)
		memcpy(&ports, rte_pktmbuf_mtod_offset(m, const uint8_t *, l4), 4);
	return (uint64_t)ports << 32 | (uint64_t)packet->protocol << 8 | ipv6 << 1 | direction;
}

static ALWAYS_INLINE uint64_t hash(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * HASH_ODD;
	return hash ^ hash >> 32;
}

static ALWAYS_INLINE struct key key_of(struct flow_cache *cache, struct place_hash by,
	const struct rte_mbuf *m, const struct packet *packet, enum spd_direction direction,
	const bool plain)
{
	bool ipv6 = !plain && (packet->flags & PACKET_IPV6);
	const uint8_t *addresses = addresses_of(m, ipv6);
	struct key key = {.address = word(addresses), .rest = rest_of(m, packet, direction, plain)};
	uint64_t place = hash(by.seed, key.address);

	if (unlikely(ipv6)) {
		place = hash(place, word(addresses + 8));
		place = hash(place, word(addresses + 16));
		place = hash(place, word(addresses + 24));
	}
	// The upper bits, which all bits of the flow have a part in.
	key.place = &cache->flow[(place ^ key.rest) * HASH_ODD >> by.shift];
	return key;
}

static ALWAYS_INLINE struct flow *place_beside(struct flow_cache *cache, struct flow *place)
{
	return &cache->flow[(size_t)(place - cache->flow) ^ 1];
}

static ALWAYS_INLINE bool is_flow(const struct flow *flow, const struct key *key, uint64_t epoch,
	const struct rte_mbuf *m, const bool ipv6)
{
	uint64_t differ = (flow->rest ^ key->rest) | (flow->epoch ^ epoch) |
		(flow->address[0] ^ key->address);

	if (unlikely(differ != 0))
		return false;
	return likely(!ipv6) ||
		memcmp(flow->address, addresses_of(m, true), sizeof(flow->address)) == 0;
}

// The packet's flow. NULL: not known. What a fragment meets depends on more than its flow.
static ALWAYS_INLINE const struct flow *find(struct flow_cache *cache, const struct key *key,
	uint64_t epoch, const struct rte_mbuf *m, uint8_t flags)
{
	const struct flow *beside;
	bool ipv6 = flags & PACKET_IPV6;

	if (unlikely(flags & PACKET_FRAGMENT))
		return NULL;
	if (likely(is_flow(key->place, key, epoch, m, ipv6)))
		return key->place;
	beside = place_beside(cache, key->place);
	return is_flow(beside, key, epoch, m, ipv6) ? beside : NULL;
}

// Where to remember a flow that is not known. NULL: nowhere, for now.
static struct flow *find_room(struct flow_cache *cache, struct flow *place, uint64_t epoch)
{
	if (place->epoch == epoch)
		place = place_beside(cache, place);
	if (place->epoch == epoch && ++cache->contenders % CONTENDERS != 0)
		return NULL;
	return place;
}

static void remember(struct flow *flow, uint64_t epoch, const struct burst *b, uint16_t i,
	enum spd_direction direction)
{
	bool ipv6 = b->packet[i].flags & PACKET_IPV6;

	memset(flow->address, 0, sizeof(flow->address));
	memcpy(flow->address, addresses_of(b->m[i], ipv6), ipv6 ? 32 : 8);
	flow->rest = rest_of(b->m[i], &b->packet[i], direction, false);
	flow->epoch = epoch;
	flow->next = b->next[i];
	flow->match = b->match[i];
	flow->forwardable = !adjacency_is_local(flow->next) &&
		ip_source_forwardable(rte_pktmbuf_mtod(b->m[i], const uint8_t *));
}

static void ask_tables(const struct worker *w, enum spd_direction direction, struct burst *b)
{
	spd_lookup(w->tables.spd, direction, b, 0, b->n, b->match);
	fwd_lookup(w->tables.fwd, b, 0, b->n, b->next);
}

// Packets of flows that are not known, to their places in the burst.
static void ask_some(struct worker *w, enum spd_direction direction, struct burst *b,
	const struct key key[], const uint16_t unknown[], uint16_t n)
{
	struct flow_cache *cache = w->flows;
	unsigned contenders = cache->contenders;
	struct burst *asked = &w->asked;

	for (uint16_t k = 0; k < n; k++) {
		asked->m[k] = b->m[unknown[k]];
		asked->packet[k] = b->packet[unknown[k]];
	}
	asked->n = n;
	ask_tables(w, direction, asked);
	for (uint16_t k = 0; k < n; k++) {
		struct flow *room = NULL;

		b->match[unknown[k]] = asked->match[k];
		b->next[unknown[k]] = asked->next[k];
		if (!(asked->packet[k].flags & PACKET_FRAGMENT))
			room = find_room(cache, key[unknown[k]].place, w->tables.epoch);
		if (room != NULL)
			remember(room, w->tables.epoch, asked, k, direction);
	}
	contenders = cache->contenders - contenders;
	if (contenders >= CONTENDERS && 2 * contenders > b->n)
		cache->pause = PAUSE;
	counter_add(&w->stats.flow_misses, n);
}

static void ask_all(struct worker *w, enum spd_direction direction, struct burst *b)
{
	ask_tables(w, direction, b);
	if (w->flows == NULL)
		return;
	w->flows->pause--;
	counter_add(&w->stats.flow_misses, b->n);
}

// What is known of the packets of b; those of which nothing is go to unknown[], and how many come
// back. *all: of the known ones.
static ALWAYS_INLINE uint16_t recall(const struct worker *w, enum spd_direction direction,
	struct burst *b, struct key key[], uint16_t unknown[], struct flow_all *all,
	const bool plain)
{
	struct flow_cache *cache = w->flows;
	const struct place_hash by = cache->by;
	uint64_t epoch = w->tables.epoch;
	unsigned packets = b->n;
	bool forwardable = true;
	uint64_t policies = 0;
	uint64_t hops = 0;
	uint16_t n = 0;

	for (unsigned i = 0; i < packets; i++) {
		key[i] = key_of(cache, by, b->m[i], &b->packet[i], direction, plain);
		rte_prefetch0(key[i].place);
	}
	for (unsigned i = 0; i < packets; i++) {
		uint8_t flags = plain ? 0 : b->packet[i].flags;
		const struct flow *flow = find(cache, &key[i], epoch, b->m[i], flags);

		if (unlikely(flow == NULL)) {
			unknown[n++] = (uint16_t)i;
			continue;
		}
		b->match[i] = flow->match;
		b->next[i] = flow->next;
		forwardable &= flow->forwardable && !(flags & PACKET_TO_GROUP);
		policies |= flow->match ^ b->match[0];
		hops |= (uintptr_t)flow->next ^ (uintptr_t)b->next[0];
	}
	*all = (struct flow_all){forwardable, policies == 0, hops == 0};
	return n;
}

struct flow_all flow_lookup(
	struct worker *w, enum spd_direction direction, struct burst *b, bool plain)
{
	static const struct flow_all none;
	struct flow_cache *cache = w->flows;
	struct key key[BURST_MAX];
	uint16_t unknown[BURST_MAX];
	struct flow_all all;
	uint16_t n;

	if (unlikely(cache == NULL || cache->pause > 0)) {
		ask_all(w, direction, b);
		return none;
	}
	if (likely(plain))
		n = recall(w, direction, b, key, unknown, &all, true);
	else
		n = recall(w, direction, b, key, unknown, &all, false);
	if (likely(n == 0))
		return all;
	ask_some(w, direction, b, key, unknown, n);
	return none;
}
