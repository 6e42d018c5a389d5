// Forwarding tables: rte_fib gives the number of a next hop; next hops on the link are looked up
// among the neighbours by the packet's destination.
#include "dataplane/fwd.h"

#include "base/addr_hash.h"
#include "proto/ip_hdr.h"

#include <rte_errno.h>
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_malloc.h>
#include <stdio.h>
#include <stdlib.h>

// rte_fib's next hops of two octets hold 15 bits.
#define NEXTHOPS_MAX 32767
#define TBL8_MAX 32767
// Groups of 8 bits behind an IPv6 prefix's first 24.
#define TBL8_PER_ROUTE6 13

struct fwd_routes {
	unsigned references;
	struct rte_fib *fib4;
	struct rte_fib6 *fib6;
	unsigned nexthops; // [0] is "no route"
	struct fwd_route *nexthop;
};

struct neighbour_slot {
	struct ip_addr addr; // family IP_NONE: free
	struct adjacency adjacency;
};

struct fwd {
	struct fwd_routes *routes;
	struct adjacency pending[PORTS_MAX]; // a destination on the link that nobody knows
	struct adjacency *nexthop;	     // [routes->nexthops], neighbours filled in
	struct addr_hash hash; // of the neighbours, whose addresses are their own choice
	uint32_t mask;
	struct neighbour_slot *neighbour; // [mask + 1]
};

static bool same_nexthop(const struct fwd_route *a, const struct fwd_route *b)
{
	return a->kind == b->kind && a->port == b->port && a->tunnel_end == b->tunnel_end &&
		a->mtu == b->mtu && ip_addr_equal(&a->gateway, &b->gateway);
}

// The number of a route's next hop; routes to one gateway share it.
static int nexthop_of(struct fwd_routes *routes, const struct fwd_route *route)
{
	for (unsigned i = routes->nexthops; i-- > 0;) {
		if (same_nexthop(&routes->nexthop[i], route))
			return (int)i;
	}
	if (routes->nexthops > NEXTHOPS_MAX)
		return -E2BIG;
	routes->nexthop[routes->nexthops] = *route;
	return (int)routes->nexthops++;
}

static int add_route(struct fwd_routes *routes, const struct fwd_route *route)
{
	const struct ip_prefix *prefix = &route->prefix;
	int nexthop = nexthop_of(routes, route);
	uint8_t octets[16];

	if (nexthop < 0)
		return nexthop;
	memcpy(octets, prefix->addr.octets, sizeof(octets));
	if (prefix->addr.family == IP_V4)
		return rte_fib_add(
			routes->fib4, load_be32(octets), prefix->length, (uint64_t)nexthop);
	return rte_fib6_add(routes->fib6, octets, prefix->length, (uint64_t)nexthop);
}

// Whatever rte_fib says of a table that it cannot make, only memory can be missing.
static int create_fibs(
	struct fwd_routes *routes, unsigned n, unsigned long4, int socket, struct error *err)
{
	static unsigned serial; // names must differ, over both families
	char name[32];
	struct rte_fib_conf conf4 = {
		.type = RTE_FIB_DIR24_8,
		.max_routes = (int)n + 1,
		.dir24_8 = {.nh_sz = RTE_FIB_DIR24_8_2B, .num_tbl8 = RTE_MIN(long4 + 1, TBL8_MAX)},
	};
	struct rte_fib6_conf conf6 = {
		.type = RTE_FIB6_TRIE,
		.max_routes = (int)n + 1,
		.trie = {.nh_sz = RTE_FIB6_TRIE_2B,
			.num_tbl8 = RTE_MIN(n * TBL8_PER_ROUTE6 + 1, TBL8_MAX)},
	};

	snprintf(name, sizeof(name), "fwd4-%u", serial);
	routes->fib4 = rte_fib_create(name, socket, &conf4);
	snprintf(name, sizeof(name), "fwd6-%u", serial++);
	if (routes->fib4 != NULL)
		routes->fib6 = rte_fib6_create(name, socket, &conf6);
	if (routes->fib6 != NULL)
		return 0;
	return error_set(err, ENOMEM,
		"no memory for a table of %u routes, which takes 64 MiB or more: eal.memory_mb is "
		"too small",
		n);
}

static void routes_free(struct fwd_routes *routes)
{
	rte_fib_free(routes->fib4);
	rte_fib6_free(routes->fib6);
	free(routes->nexthop);
	free(routes);
}

static unsigned count_long4(const struct fwd_route *routes, unsigned n)
{
	unsigned count = 0;

	for (unsigned i = 0; i < n; i++)
		count += routes[i].prefix.addr.family == IP_V4 && routes[i].prefix.length > 24;
	return count;
}

static int add_failed(const struct fwd_route *route, unsigned n, int rc, struct error *err)
{
	char text[IP_PREFIX_TEXT];

	ip_prefix_format(&route->prefix, text);
	if (rc == -ENOSPC)
		return error_set(err, ENOSPC,
			"%u routes, with %s: prefixes longer than /24 are in more than %u groups, "
			"which IPv%u has at most; announce shorter ones",
			n, text, TBL8_MAX, route->prefix.addr.family);
	if (rc == -E2BIG)
		return error_set(err, E2BIG, "%u routes, with %s: more than %u different next hops",
			n, text, NEXTHOPS_MAX);
	return error_set(err, -rc, "%u routes, with %s: %s", n, text, strerror(-rc));
}

// Short prefixes go in first: rte_fib (22.11) loses groups of its second table when one is added
// over longer ones. Of two equal prefixes it lets the later win.
static int add_routes(struct fwd_routes *r, const struct fwd_route *routes, unsigned n,
	unsigned length, struct error *err)
{
	for (unsigned i = n; i-- > 0;) {
		int rc = routes[i].prefix.length == length ? add_route(r, &routes[i]) : 0;

		if (rc != 0)
			return add_failed(&routes[i], n, rc, err);
	}
	return 0;
}

int fwd_routes_build(const struct fwd_route *routes, unsigned n, int socket,
	struct fwd_routes **built, struct error *err)
{
	struct fwd_routes *r = calloc(1, sizeof(*r));
	int rc;

	if (r == NULL)
		return error_set(err, ENOMEM, "no memory for %u routes", n);
	r->references = 1;
	r->nexthops = 1;
	r->nexthop = calloc((size_t)n + 1, sizeof(r->nexthop[0]));
	if (r->nexthop != NULL)
		rc = create_fibs(r, n, count_long4(routes, n), socket, err);
	else
		rc = error_set(err, ENOMEM, "no memory for %u routes", n);
	for (unsigned length = 0; length <= 128 && rc == 0; length++)
		rc = add_routes(r, routes, n, length, err);
	if (rc != 0) {
		routes_free(r);
		return rc;
	}
	*built = r;
	return 0;
}

void fwd_routes_put(struct fwd_routes *routes)
{
	if (routes != NULL && --routes->references == 0)
		routes_free(routes);
}

static ALWAYS_INLINE const struct adjacency *find_neighbour(
	const struct fwd *fwd, uint8_t port, uint8_t family, const uint8_t *addr)
{
	size_t octets = family == IP_V4 ? 4 : 16;

	for (uint32_t i = addr_hash_of(&fwd->hash, addr, octets, port);; i++) {
		const struct neighbour_slot *slot = &fwd->neighbour[i & fwd->mask];

		if (slot->addr.family == IP_NONE)
			return NULL;
		if (slot->addr.family == family && slot->adjacency.port == port &&
			memcmp(slot->addr.octets, addr, octets) == 0)
			return &slot->adjacency;
	}
}

static uint64_t nexthop_towards(const struct fwd_routes *routes, const struct ip_addr *addr)
{
	uint64_t nexthop;

	if (addr->family == IP_V4) {
		uint32_t ip4 = load_be32(addr->octets);

		rte_fib_lookup_bulk(routes->fib4, &ip4, &nexthop, 1);
	} else {
		uint8_t ip6[1][RTE_FIB6_IPV6_ADDR_SIZE];

		memcpy(ip6[0], addr->octets, sizeof(ip6[0]));
		rte_fib6_lookup_bulk(routes->fib6, ip6, &nexthop, 1);
	}
	return nexthop;
}

static uint16_t mtu_of(const struct fwd_route *route, const struct port *ports)
{
	uint16_t most = ports[route->port].mtu;

	return route->mtu != 0 && route->mtu < most ? route->mtu : most;
}

// Of packets for the neighbour itself; what goes through it has routes of its own.
static uint16_t mtu_to_neighbour(const struct fwd_routes *routes,
	const struct fwd_neighbour *neighbour, const struct port *ports)
{
	const struct fwd_route *route = &routes->nexthop[nexthop_towards(routes, &neighbour->addr)];

	if (route->kind == ADJACENCY_LINK && route->port == neighbour->port)
		return mtu_of(route, ports);
	return ports[neighbour->port].mtu;
}

static void add_neighbour(
	struct fwd *fwd, const struct fwd_neighbour *neighbour, const struct port *ports)
{
	const struct ip_addr *addr = &neighbour->addr;
	uint32_t i = addr_hash_of(
		&fwd->hash, addr->octets, ip_addr_octets(addr->family), neighbour->port);
	struct neighbour_slot *slot = &fwd->neighbour[i & fwd->mask];

	while (slot->addr.family != IP_NONE)
		slot = &fwd->neighbour[++i & fwd->mask];
	slot->addr = *addr;
	slot->adjacency = (struct adjacency){
		.kind = neighbour->failed ? ADJACENCY_FAILED : ADJACENCY_FORWARD,
		.port = neighbour->port,
		.mtu = mtu_to_neighbour(fwd->routes, neighbour, ports),
		.via = *addr,
	};
	memcpy(slot->adjacency.ether, neighbour->mac.addr_bytes, 6);
	memcpy(slot->adjacency.ether + 6, ports[neighbour->port].mac.addr_bytes, 6);
}

// What a next hop means while these neighbours are known.
static struct adjacency resolve_nexthop(
	const struct fwd *fwd, const struct fwd_route *route, const struct port *ports)
{
	struct adjacency adjacency = {
		.kind = route->kind, .port = route->port, .tunnel_end = route->tunnel_end};
	const struct adjacency *known;

	if (route->kind == ADJACENCY_FORWARD) {
		known = find_neighbour(
			fwd, route->port, route->gateway.family, route->gateway.octets);
		adjacency = known != NULL ? *known
					  : (struct adjacency){.kind = ADJACENCY_PENDING,
						    .port = route->port,
						    .via = route->gateway};
	}
	if (route->kind == ADJACENCY_FORWARD || route->kind == ADJACENCY_LINK)
		adjacency.mtu = mtu_of(route, ports);
	return adjacency;
}

int fwd_build(struct fwd_routes *routes, const struct fwd_neighbour *neighbours, unsigned n,
	const struct port *ports, struct fwd **built, struct error *err)
{
	uint32_t slots = rte_align32pow2(RTE_MAX(2 * n, 16u));
	struct fwd *fwd = rte_zmalloc("fwd", sizeof(*fwd), CACHE_LINE);
	int rc;

	if (fwd != NULL) {
		fwd->neighbour = rte_zmalloc(
			"fwd-neighbours", slots * sizeof(fwd->neighbour[0]), CACHE_LINE);
		fwd->nexthop = rte_zmalloc(
			"fwd-nexthops", routes->nexthops * sizeof(fwd->nexthop[0]), CACHE_LINE);
	}
	if (fwd == NULL || fwd->neighbour == NULL || fwd->nexthop == NULL) {
		fwd_free(fwd);
		return error_set(err, ENOMEM, "no memory for %u neighbours", n);
	}
	rc = addr_hash_seed(&fwd->hash);
	if (rc != 0) {
		fwd_free(fwd);
		return error_set(err, -rc, "no random numbers: %s", strerror(-rc));
	}
	fwd->mask = slots - 1;
	fwd->routes = routes;
	routes->references++;
	for (unsigned i = 0; i < n; i++)
		add_neighbour(fwd, &neighbours[i], ports);
	for (unsigned i = 0; i < routes->nexthops; i++)
		fwd->nexthop[i] = resolve_nexthop(fwd, &routes->nexthop[i], ports);
	for (uint8_t i = 0; i < PORTS_MAX; i++)
		fwd->pending[i] = (struct adjacency){.kind = ADJACENCY_PENDING, .port = i};
	*built = fwd;
	return 0;
}

void fwd_free(struct fwd *fwd)
{
	if (fwd == NULL)
		return;
	fwd_routes_put(fwd->routes);
	rte_free(fwd->neighbour);
	rte_free(fwd->nexthop);
	rte_free(fwd);
}

static ALWAYS_INLINE const struct adjacency *adjacency_of(
	const struct fwd *fwd, uint64_t nexthop, uint8_t family, const uint8_t *destination)
{
	const struct adjacency *adjacency = &fwd->nexthop[nexthop];

	if (adjacency->kind != ADJACENCY_LINK)
		return adjacency;
	adjacency = find_neighbour(fwd, adjacency->port, family, destination);
	return adjacency != NULL ? adjacency : &fwd->pending[fwd->nexthop[nexthop].port];
}

static ALWAYS_INLINE const uint8_t *destination_of(const struct burst *b, uint16_t i)
{
	bool ipv6 = b->packet[i].flags & PACKET_IPV6;

	return rte_pktmbuf_mtod_offset(
		b->m[i], const uint8_t *, ipv6 ? IPV6_DESTINATION : IPV4_DESTINATION);
}

void fwd_lookup(const struct fwd *fwd, const struct burst *b, uint16_t first, uint16_t n,
	const struct adjacency *result[])
{
	uint32_t ip4[BURST_MAX];
	uint8_t ip6[BURST_MAX][RTE_FIB6_IPV6_ADDR_SIZE];
	uint64_t nexthop4[BURST_MAX];
	uint64_t nexthop6[BURST_MAX];
	unsigned n4 = 0;
	unsigned n6 = 0;

	for (uint16_t i = first; i < first + n; i++) {
		if (b->packet[i].flags & PACKET_IPV6)
			memcpy(ip6[n6++], destination_of(b, i), sizeof(ip6[0]));
		else
			ip4[n4++] = load_be32(destination_of(b, i));
	}
	if (n4 > 0)
		rte_fib_lookup_bulk(fwd->routes->fib4, ip4, nexthop4, (int)n4);
	if (n6 > 0)
		rte_fib6_lookup_bulk(fwd->routes->fib6, ip6, nexthop6, (int)n6);
	n4 = 0;
	n6 = 0;
	for (uint16_t i = first; i < first + n; i++) {
		if (b->packet[i].flags & PACKET_IPV6)
			result[i - first] =
				adjacency_of(fwd, nexthop6[n6++], IP_V6, destination_of(b, i));
		else
			result[i - first] =
				adjacency_of(fwd, nexthop4[n4++], IP_V4, destination_of(b, i));
	}
}

const struct adjacency *fwd_lookup_addr(const struct fwd *fwd, const struct ip_addr *addr)
{
	return adjacency_of(fwd, nexthop_towards(fwd->routes, addr), addr->family, addr->octets);
}

uint16_t fwd_mtu(const struct fwd *fwd, const struct ip_addr *addr)
{
	return fwd->nexthop[nexthop_towards(fwd->routes, addr)].mtu;
}

bool fwd_knows(const struct fwd *fwd, uint8_t port, const struct ip_addr *addr,
	const uint8_t mac[RTE_ETHER_ADDR_LEN])
{
	const struct adjacency *known = find_neighbour(fwd, port, addr->family, addr->octets);

	return known != NULL && known->kind == ADJACENCY_FORWARD &&
		memcmp(known->ether, mac, RTE_ETHER_ADDR_LEN) == 0;
}
