// What is remembered holds while the worker sees the same tables (worker.h). Where one policy
// decides about all packets between two networks, all that go to one address are one wide flow
// (flow_wide.h). Others are remembered one by one: a flow has one cache line of two, side by side,
// that a hash names.
#include "dataplane/flow.h"

#include "base/secret.h"
#include "dataplane/flow_wide.h"
#include "dataplane/fwd.h"
#include "dataplane/worker.h"
#include "proto/four.h"
#include "proto/ip_hdr.h"

#include <errno.h>
#include <rte_malloc.h>

// Of so many packets that find others in all places of their flow one takes a place: else flows
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

struct flow_cache {
	struct place_hash by;
	unsigned contenders;
	unsigned wide_contenders;
	unsigned pause; // bursts still to come
	struct wide_flow *wide;
	struct flow flow[];
};

// Packets of a burst of which nothing is known yet.
struct rest {
	uint16_t n;
	uint16_t at[BURST_MAX];
	struct key key[BURST_MAX];
};

int flow_cache_create(unsigned flows, int socket, struct flow_cache **created)
{
	struct flow_cache *cache;
	int ret;

	*created = NULL;
	if (flows == 0)
		return 0;
	cache = rte_zmalloc_socket("flows",
		sizeof(*cache) + flows * (sizeof(cache->flow[0]) + sizeof(cache->wide[0])),
		CACHE_LINE, socket);
	if (cache == NULL)
		return -ENOMEM;
	cache->wide = (struct wide_flow *)&cache->flow[flows];
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

static bool is_contenders_turn(unsigned *contenders)
{
	return ++*contenders % CONTENDERS == 0;
}

// Packet i's flow, where it has a place, for now.
static void remember(struct flow_cache *cache, uint64_t epoch, const struct burst *b, uint16_t i,
	const struct key *key, bool forwardable)
{
	struct flow *place = key->place;
	bool ipv6 = b->packet[i].flags & PACKET_IPV6;

	if (place->epoch == epoch)
		place = place_beside(cache, place);
	if (place->epoch == epoch && !is_contenders_turn(&cache->contenders))
		return;
	memset(place->address, 0, sizeof(place->address));
	memcpy(place->address, addresses_of(b->m[i], ipv6), ipv6 ? 32 : 8);
	place->rest = key->rest;
	place->epoch = epoch;
	place->next = b->next[i];
	place->match = b->match[i];
	place->forwardable = forwardable;
}

// Packet i is one of a wide flow, which is known from now on, perhaps.
static bool remember_wide(struct worker *w, enum spd_direction direction, const struct burst *b,
	uint16_t i, bool forwardable)
{
	struct flow_cache *cache = w->flows;
	uint64_t addresses = word(addresses_of(b->m[i], false));
	uint64_t stamp = wide_stamp(w->tables.epoch, direction);
	struct wide_flow *place = wide_place(cache->wide, cache->by, addresses);

	if (!forwardable || (b->packet[i].flags & PACKET_IPV6) || b->match[i] == SPD_NO_MATCH ||
		(b->match[i] & SPD_FRAGMENT) || !spd_decides_alone(w->tables.spd, b->match[i]))
		return false;
	// Of the same burst.
	if (wide_is(place, addresses, stamp))
		return true;
	if (wide_has_epoch(place, w->tables.epoch) && !is_contenders_turn(&cache->wide_contenders))
		return false;
	*place = (struct wide_flow){
		.addresses = addresses,
		.stamp = stamp,
		.source_mask = wide_source_mask(spd_policy(w->tables.spd, b->match[i]), direction),
		.match = b->match[i],
		.next = b->next[i],
	};
	return true;
}

static void remember_rest(struct worker *w, enum spd_direction direction, const struct burst *b,
	const struct rest *rest)
{
	struct flow_cache *cache = w->flows;
	unsigned contenders = cache->contenders;

	for (uint16_t k = 0; k < rest->n; k++) {
		uint16_t i = rest->at[k];
		bool forwardable = !adjacency_is_local(b->next[i]) &&
			ip_source_forwardable(rte_pktmbuf_mtod(b->m[i], const uint8_t *));

		if (remember_wide(w, direction, b, i, forwardable))
			continue;
		if (!(b->packet[i].flags & PACKET_FRAGMENT))
			remember(cache, w->tables.epoch, b, i, &rest->key[k], forwardable);
	}
	contenders = cache->contenders - contenders;
	if (contenders >= CONTENDERS && 2 * contenders > b->n)
		cache->pause = PAUSE;
}

static void ask_tables(const struct worker *w, enum spd_direction direction, struct burst *b)
{
	spd_lookup(w->tables.spd, direction, b, 0, b->n, b->match);
	fwd_lookup(w->tables.fwd, b, 0, b->n, b->next);
}

// For the packets of b of which nothing is known.
static void ask_rest(
	struct worker *w, enum spd_direction direction, struct burst *b, const struct rest *rest)
{
	struct burst *asked = &w->asked;

	counter_add(&w->stats.flow_misses, rest->n);
	if (rest->n == b->n) {
		ask_tables(w, direction, b);
		return;
	}
	for (uint16_t k = 0; k < rest->n; k++) {
		asked->m[k] = b->m[rest->at[k]];
		asked->packet[k] = b->packet[rest->at[k]];
	}
	asked->n = rest->n;
	ask_tables(w, direction, asked);
	for (uint16_t k = 0; k < rest->n; k++) {
		b->match[rest->at[k]] = asked->match[k];
		b->next[rest->at[k]] = asked->next[k];
	}
}

// The four are of the flow: so are addresses that differ from its own where any of theirs do.
static ALWAYS_INLINE bool are_of_wide(
	const struct wide_flow *flow, struct rte_mbuf *const m[4], uint64_t stamp)
{
	uint64_t differ = 0;

	for (unsigned i = 0; i < 4; i++)
		differ |= word(addresses_of(m[i], false)) ^ flow->addresses;
	return wide_is(flow, flow->addresses ^ differ, stamp);
}

// What is known of a wide flow, for four packets at once.
struct known_four {
	four match;
	__m128i next; // two
};

static ALWAYS_INLINE void tell_four(struct burst *b, unsigned first, const struct known_four *known)
{
	memcpy(&b->match[first], &known->match, sizeof(known->match));
	memcpy(&b->next[first], &known->next, sizeof(known->next));
	memcpy(&b->next[first + 2], &known->next, sizeof(known->next));
}

// How many packets of b, which is plain and not empty, are of one known wide flow from the first
// on: what goes to one address often comes in trains. Tells what is known of them. Apart, so that
// the loops beside it stay as short as they are.
static __rte_noinline unsigned recall_train(
	const struct worker *w, enum spd_direction direction, struct burst *b)
{
	uint64_t first = word(addresses_of(b->m[0], false));
	uint64_t stamp = wide_stamp(w->tables.epoch, direction);
	const struct wide_flow *flow = wide_place(w->flows->wide, w->flows->by, first);
	const struct known_four known = {
		.match = four_same(flow->match),
		.next = _mm_set1_epi64x((int64_t)(uintptr_t)flow->next),
	};
	unsigned packets = b->n;
	unsigned n = 0;

	for (; n + 4 <= packets && are_of_wide(flow, &b->m[n], stamp); n += 4)
		tell_four(b, n, &known);
	for (; n < packets && wide_is(flow, word(addresses_of(b->m[n], false)), stamp); n++) {
		b->match[n] = flow->match;
		b->next[n] = flow->next;
	}
	return n;
}

// What is known of the packets of b, from number `first` on, as wide flows; the others are the
// rest. Wide flows are forwardable ones: returns false if some must not be forwarded all the same.
static ALWAYS_INLINE bool recall_wide(const struct worker *w, enum spd_direction direction,
	struct burst *b, unsigned first, struct rest *rest, const bool plain)
{
	struct wide_flow *wide = w->flows->wide;
	const struct place_hash by = w->flows->by;
	uint64_t stamp = wide_stamp(w->tables.epoch, direction);
	unsigned packets = b->n;
	uint8_t to_group = 0;
	uint16_t n = 0;

	for (unsigned i = first; i < packets; i++) {
		uint64_t addresses = word(addresses_of(b->m[i], false));
		uint8_t flags = plain ? 0 : b->packet[i].flags;
		const struct wide_flow *flow = wide_place(wide, by, addresses);

		if (unlikely((flags & PACKET_IPV6) || !wide_is(flow, addresses, stamp))) {
			rest->at[n++] = (uint16_t)i;
			continue;
		}
		b->match[i] = flow->match;
		b->next[i] = flow->next;
		to_group |= flags & PACKET_TO_GROUP;
	}
	rest->n = n;
	return to_group == 0;
}

static void take_all(const struct burst *b, struct rest *rest)
{
	for (uint16_t i = 0; i < b->n; i++)
		rest->at[i] = i;
	rest->n = b->n;
}

// What is known of the rest's packets as flows of their own; the others stay, with their keys.
// Returns false if a known one must not be forwarded.
static ALWAYS_INLINE bool recall(const struct worker *w, enum spd_direction direction,
	struct burst *b, struct rest *rest, const bool plain)
{
	struct flow_cache *cache = w->flows;
	const struct place_hash by = cache->by;
	uint64_t epoch = w->tables.epoch;
	unsigned packets = rest->n;
	bool forwardable = true;
	uint16_t n = 0;

	for (unsigned k = 0; k < packets; k++) {
		uint16_t i = rest->at[k];

		rest->key[k] = key_of(cache, by, b->m[i], &b->packet[i], direction, plain);
		rte_prefetch0(rest->key[k].place);
	}
	for (unsigned k = 0; k < packets; k++) {
		uint16_t i = rest->at[k];
		uint8_t flags = plain ? 0 : b->packet[i].flags;
		const struct flow *flow = find(cache, &rest->key[k], epoch, b->m[i], flags);

		if (unlikely(flow == NULL)) {
			rest->key[n] = rest->key[k];
			rest->at[n++] = i;
			continue;
		}
		b->match[i] = flow->match;
		b->next[i] = flow->next;
		forwardable &= flow->forwardable && !(flags & PACKET_TO_GROUP);
	}
	rest->n = n;
	return forwardable;
}

// Of a burst all of which is known.
static ALWAYS_INLINE struct flow_all compare(const struct burst *b, bool forwardable)
{
	uint64_t hops = 0;
	uint32_t policies = 0;

	for (unsigned i = 1; i < b->n; i++)
		policies |= b->match[i] ^ b->match[0];
	for (unsigned i = 1; i < b->n; i++)
		hops |= (uintptr_t)b->next[i] ^ (uintptr_t)b->next[0];
	return (struct flow_all){forwardable, policies == 0, hops == 0};
}

static ALWAYS_INLINE struct flow_all lookup(
	struct worker *w, enum spd_direction direction, struct burst *b, const bool plain)
{
	static const struct flow_all none, all_alike = {true, true, true};
	struct flow_cache *cache = w->flows;
	bool forwardable = true;
	struct rest rest;
	unsigned known;

	if (likely(spd_some_alone(w->tables.spd))) {
		known = plain ? recall_train(w, direction, b) : 0;
		if (known == b->n)
			return all_alike;
		forwardable = recall_wide(w, direction, b, known, &rest, plain);
	} else {
		take_all(b, &rest);
	}
	if (likely(rest.n == 0))
		return compare(b, forwardable);
	if (unlikely(cache->pause > 0)) {
		cache->pause--;
		ask_rest(w, direction, b, &rest);
		return none;
	}
	forwardable &= recall(w, direction, b, &rest, plain);
	if (likely(rest.n == 0))
		return compare(b, forwardable);
	ask_rest(w, direction, b, &rest);
	remember_rest(w, direction, b, &rest);
	return none;
}

struct flow_all flow_lookup(
	struct worker *w, enum spd_direction direction, struct burst *b, bool plain)
{
	static const struct flow_all none;

	if (unlikely(w->flows == NULL)) {
		ask_tables(w, direction, b);
		return none;
	}
	if (likely(plain))
		return lookup(w, direction, b, true);
	return lookup(w, direction, b, false);
}
