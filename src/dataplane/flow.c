// One entry of one cache line for each place of a hash, the newest flow wins. What is remembered
// holds while the worker sees the same tables (worker.h).
#include "dataplane/flow.h"

#include "base/secret.h"
#include "dataplane/fwd.h"
#include "dataplane/worker.h"
#include "proto/ip_hdr.h"

#include <errno.h>
#include <rte_malloc.h>

#define HASH_ODD UINT64_C(0x9e3779b97f4a7c15)

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

struct flow_cache {
	uint64_t seed;	// nobody outside can choose flows that share a place
	unsigned shift; // that leaves as many bits of a hash as there are places
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
	cache->shift = 64 - rte_log2_u32(flows);
	ret = secret_random(&cache->seed, sizeof(cache->seed));
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

static ALWAYS_INLINE uint64_t rest_of(
	const struct rte_mbuf *m, const struct packet *packet, enum spd_direction direction)
{
	uint32_t ports = 0;

	if (selector_protocol_has_ports(packet->protocol) && m->data_len >= packet->l4 + 4u)
		memcpy(&ports, rte_pktmbuf_mtod_offset(m, const uint8_t *, packet->l4), 4);
	return (uint64_t)ports << 32 | (uint64_t)packet->protocol << 8 |
		(packet->flags & PACKET_IPV6) << 1 | direction;
}

static ALWAYS_INLINE uint64_t hash(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * HASH_ODD;
	return hash ^ hash >> 32;
}

static ALWAYS_INLINE struct key key_of(struct flow_cache *cache, const struct rte_mbuf *m,
	const struct packet *packet, enum spd_direction direction)
{
	bool ipv6 = packet->flags & PACKET_IPV6;
	const uint8_t *addresses = addresses_of(m, ipv6);
	struct key key = {.address = word(addresses), .rest = rest_of(m, packet, direction)};
	uint64_t place = hash(cache->seed, key.address);

	if (unlikely(ipv6)) {
		place = hash(place, word(addresses + 8));
		place = hash(place, word(addresses + 16));
		place = hash(place, word(addresses + 24));
	}
	// The upper bits, which all bits of the flow have a part in.
	key.place = &cache->flow[(place ^ key.rest) * HASH_ODD >> cache->shift];
	return key;
}

static ALWAYS_INLINE bool is_flow(const struct key *key, uint64_t epoch, const struct rte_mbuf *m,
	const struct packet *packet)
{
	const struct flow *flow = key->place;

	if (unlikely(flow->rest != key->rest || flow->epoch != epoch ||
		    flow->address[0] != key->address))
		return false;
	return likely(!(packet->flags & PACKET_IPV6)) ||
		memcmp(flow->address, addresses_of(m, true), sizeof(flow->address)) == 0;
}

static void remember(struct flow *flow, uint64_t epoch, const struct burst *b, uint16_t i,
	enum spd_direction direction)
{
	bool ipv6 = b->packet[i].flags & PACKET_IPV6;

	memset(flow->address, 0, sizeof(flow->address));
	memcpy(flow->address, addresses_of(b->m[i], ipv6), ipv6 ? 32 : 8);
	flow->rest = rest_of(b->m[i], &b->packet[i], direction);
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
	struct burst *asked = &w->asked;

	for (uint16_t k = 0; k < n; k++) {
		asked->m[k] = b->m[unknown[k]];
		asked->packet[k] = b->packet[unknown[k]];
	}
	asked->n = n;
	ask_tables(w, direction, asked);
	for (uint16_t k = 0; k < n; k++) {
		b->match[unknown[k]] = asked->match[k];
		b->next[unknown[k]] = asked->next[k];
		// What a fragment meets depends on more than its flow.
		if (!(asked->packet[k].flags & PACKET_FRAGMENT))
			remember(key[unknown[k]].place, w->tables.epoch, asked, k, direction);
	}
	counter_add(&w->stats.flow_misses, n);
}

bool flow_lookup(struct worker *w, enum spd_direction direction, struct burst *b)
{
	struct flow_cache *cache = w->flows;
	struct key key[BURST_MAX];
	uint16_t unknown[BURST_MAX];
	uint16_t n = 0;
	bool forwardable = true;

	if (unlikely(cache == NULL)) {
		ask_tables(w, direction, b);
		return false;
	}
	for (uint16_t i = 0; i < b->n; i++) {
		key[i] = key_of(cache, b->m[i], &b->packet[i], direction);
		rte_prefetch0(key[i].place);
	}
	for (uint16_t i = 0; i < b->n; i++) {
		const struct packet *packet = &b->packet[i];
		const struct flow *flow = key[i].place;

		if (unlikely(packet->flags & PACKET_FRAGMENT) ||
			unlikely(!is_flow(&key[i], w->tables.epoch, b->m[i], packet))) {
			unknown[n++] = i;
			continue;
		}
		b->match[i] = flow->match;
		b->next[i] = flow->next;
		forwardable &= flow->forwardable && !(packet->flags & PACKET_TO_GROUP);
	}
	if (likely(n == 0))
		return forwardable;
	ask_some(w, direction, b, key, unknown, n);
	return false;
}
