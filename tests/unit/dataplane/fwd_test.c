// Routes and neighbours against a linear longest-prefix reference.
#include "fixture.h"

#include "base/bytes.h"
#include "proto/ip_hdr.h"

#include <errno.h>

struct world {
	unsigned routes;
	unsigned neighbours;
	struct fwd_route *route;
	struct fwd_neighbour *neighbour;
};

static struct ip_addr random_addr(struct random *r, bool ipv6)
{
	struct ip_addr addr = {.family = ipv6 ? IP_V6 : IP_V4};

	for (unsigned i = 0; i < (ipv6 ? 16 : 4); i++)
		addr.octets[i] =
			(uint8_t)(random_below(r, 4) == 0 ? random_next(r) : random_below(r, 3));
	if (ipv6)
		addr.octets[0] = 0x20;
	return addr;
}

static struct fwd_route random_route(struct random *r, const struct world *world)
{
	static const uint8_t kinds[] = {ADJACENCY_LINK, ADJACENCY_LINK, ADJACENCY_LOCAL,
		ADJACENCY_UNREACHABLE, ADJACENCY_MULTICAST, ADJACENCY_FORWARD, ADJACENCY_FORWARD,
		ADJACENCY_FORWARD};
	static const uint16_t mtus[] = {0, 0, 1280, 1400, 1401, 9000};
	bool ipv6 = random_below(r, 2) == 1;
	struct fwd_route route = {
		.kind = kinds[random_below(r, COUNT(kinds))],
		.port = (uint8_t)random_below(r, LAB_PORTS),
		.mtu = mtus[random_below(r, COUNT(mtus))],
	};

	route.prefix.addr = random_addr(r, ipv6);
	route.prefix.length = (uint8_t)random_below(r, ipv6 ? 129 : 33);
	if (random_below(r, 10) == 0)
		route.prefix.length = ipv6 ? 128 : 32;
	ip_prefix_mask(&route.prefix);
	if (route.kind == ADJACENCY_FORWARD) {
		if (random_below(r, 2) == 1)
			route.gateway = random_addr(r, ipv6);
		else
			route.gateway = world->neighbour[random_below(r, world->neighbours)].addr;
	}
	return route;
}

static struct world random_world(struct random *r, unsigned routes, unsigned neighbours)
{
	struct world world = {
		.route = calloc(routes, sizeof(struct fwd_route)),
		.neighbour = calloc(neighbours, sizeof(struct fwd_neighbour)),
	};

	while (world.neighbours < neighbours) {
		struct fwd_neighbour n = {
			.addr = random_addr(r, random_below(r, 2) == 1),
			.port = (uint8_t)random_below(r, LAB_PORTS),
			.failed = random_below(r, 4) == 0,
		};

		store_be32(n.mac.addr_bytes + 2, world.neighbours);
		world.neighbour[world.neighbours++] = n;
	}
	while (world.routes < routes)
		world.route[world.routes++] = random_route(r, &world);
	return world;
}

static void world_free(struct world *world)
{
	free(world->route);
	free(world->neighbour);
}

static const struct fwd_route *longest(const struct world *world, const struct ip_addr *addr)
{
	const struct fwd_route *best = NULL;

	for (unsigned i = 0; i < world->routes; i++) {
		const struct fwd_route *route = &world->route[i];

		if (ip_prefix_contains(&route->prefix, addr) &&
			(best == NULL || route->prefix.length > best->prefix.length))
			best = route;
	}
	return best;
}

static const struct fwd_neighbour *known(
	const struct world *world, const struct ip_addr *addr, uint8_t port)
{
	for (unsigned i = 0; i < world->neighbours; i++) {
		const struct fwd_neighbour *n = &world->neighbour[i];

		if (n->port == port && ip_addr_equal(&n->addr, addr))
			return n;
	}
	return NULL;
}

// Of the link that a packet to this address takes; 0: it takes none.
static uint16_t link_mtu(
	const struct lab *lab, const struct world *world, const struct ip_addr *addr)
{
	const struct fwd_route *route = longest(world, addr);
	uint16_t most;

	if (route == NULL || (route->kind != ADJACENCY_LINK && route->kind != ADJACENCY_FORWARD))
		return 0;
	most = lab->dp->port[route->port].mtu;
	return route->mtu != 0 && route->mtu < most ? route->mtu : most;
}

static void assert_adjacency(const struct lab *lab, const struct world *world,
	const struct ip_addr *addr, const struct adjacency *is)
{
	const struct fwd_route *route = longest(world, addr);
	const struct fwd_neighbour *n;

	assert_non_null(is);
	if (route == NULL) {
		assert_int_equal(is->kind, ADJACENCY_NO_ROUTE);
		return;
	}
	if (route->kind != ADJACENCY_LINK && route->kind != ADJACENCY_FORWARD) {
		assert_int_equal(is->kind, route->kind);
		assert_int_equal(is->port, route->port);
		return;
	}
	n = known(world, route->kind == ADJACENCY_LINK ? addr : &route->gateway, route->port);
	assert_int_equal(is->port, route->port);
	if (n == NULL) {
		assert_int_equal(is->kind, ADJACENCY_PENDING);
		if (route->kind == ADJACENCY_FORWARD)
			assert_true(ip_addr_equal(&is->via, &route->gateway));
		else
			assert_int_equal(is->via.family, IP_NONE);
		return;
	}
	assert_int_equal(is->kind, n->failed ? ADJACENCY_FAILED : ADJACENCY_FORWARD);
	assert_true(ip_addr_equal(&is->via, &n->addr));
	assert_int_equal(is->mtu, link_mtu(lab, world, addr));
	assert_memory_equal(is->ether, n->mac.addr_bytes, 6);
	assert_memory_equal(is->ether + 6, lab->dp->port[n->port].mac.addr_bytes, 6);
}

// A destination inside a route, next to one, a neighbour, or anywhere.
static struct ip_addr probe(struct random *r, const struct world *world)
{
	struct ip_addr addr;
	unsigned bits;

	if (random_below(r, 5) == 0 || world->routes == 0)
		return random_addr(r, random_below(r, 2) == 1);
	if (random_below(r, 3) == 0)
		return world->neighbour[random_below(r, world->neighbours)].addr;
	addr = world->route[random_below(r, world->routes)].prefix.addr;
	bits = addr.family == IP_V6 ? 128 : 32;
	for (unsigned i = (unsigned)random_below(r, 4); i > 0; i--) {
		unsigned bit = (unsigned)random_below(r, bits);

		addr.octets[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
	}
	return addr;
}

static struct fwd_routes *routes_of(const struct world *world)
{
	struct error err = {.text = ""};
	struct fwd_routes *routes;

	if (fwd_routes_build(world->route, world->routes, SOCKET_ID_ANY, &routes, &err) != 0)
		fail_msg("%s", err.text);
	return routes;
}

static struct fwd *fwd_of(
	const struct lab *lab, struct fwd_routes *routes, const struct world *world)
{
	struct error err = {.text = ""};
	struct fwd *fwd;

	if (fwd_build(routes, world->neighbour, world->neighbours, lab->dp->port, &fwd, &err) != 0)
		fail_msg("%s", err.text);
	return fwd;
}

static void set_destination(struct burst *b, uint16_t i, const struct ip_addr *addr)
{
	bool ipv6 = addr->family == IP_V6;

	memcpy(rte_pktmbuf_mtod_offset(
		       b->m[i], uint8_t *, ipv6 ? IPV6_DESTINATION : IPV4_DESTINATION),
		addr->octets, ip_addr_octets(addr->family));
	b->packet[i].flags = ipv6 ? PACKET_IPV6 : 0;
}

static void probe_all(struct lab *lab, struct random *r, const struct world *world,
	const struct fwd *fwd, unsigned n)
{
	static struct burst b;

	for (unsigned i = 0; i < BURST_MAX; i++) {
		b.m[i] = rte_pktmbuf_alloc(lab->dp->pool);
		append_zeros(b.m[i], 40);
	}
	while (n-- > 0) {
		struct ip_addr addr[BURST_MAX];
		const struct adjacency *result[BURST_MAX];
		uint16_t first = (uint16_t)random_below(r, BURST_MAX);
		uint16_t count = (uint16_t)random_below(r, BURST_MAX + 1u - first);

		for (uint16_t i = first; i < first + count; i++) {
			addr[i] = probe(r, world);
			set_destination(&b, i, &addr[i]);
		}
		fwd_lookup(fwd, &b, first, count, result);
		for (uint16_t i = first; i < first + count; i++) {
			assert_adjacency(lab, world, &addr[i], result[i - first]);
			assert_ptr_equal(fwd_lookup_addr(fwd, &addr[i]), result[i - first]);
			assert_int_equal(fwd_mtu(fwd, &addr[i]), link_mtu(lab, world, &addr[i]));
		}
	}
	for (unsigned i = 0; i < BURST_MAX; i++)
		rte_pktmbuf_free(b.m[i]);
}

static void random_worlds(void **state)
{
	static const unsigned sizes[] = {0, 1, 2, 10, 100, 1000};
	unsigned rounds = full_run() ? 40 : 4;
	struct random r = {4};

	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned i = 0; i < COUNT(sizes); i++) {
			struct world world = random_world(&r, sizes[i], sizes[i] / 2 + 1);
			struct fwd_routes *routes = routes_of(&world);
			struct fwd *fwd = fwd_of(*state, routes, &world);

			fwd_routes_put(routes);
			probe_all(*state, &r, &world, fwd, 60);
			fwd_free(fwd);
			world_free(&world);
		}
	}
}

// Neighbours change far more often than routes, which are shared.
static void shared_routes(void **state)
{
	struct random r = {14};
	struct world a = random_world(&r, 200, 60);
	struct world b = random_world(&r, 1, 90);
	struct fwd_routes *routes = routes_of(&a);
	struct fwd *first = fwd_of(*state, routes, &a);
	struct fwd *second;

	free(b.route);
	b.route = a.route;
	b.routes = a.routes;
	second = fwd_of(*state, routes, &b);
	fwd_routes_put(routes);
	probe_all(*state, &r, &a, first, 50);
	probe_all(*state, &r, &b, second, 50);
	fwd_free(first);
	probe_all(*state, &r, &b, second, 50);
	fwd_free(second);
	b.route = NULL;
	world_free(&a);
	world_free(&b);
}

static void first_of_two_wins(void **state)
{
	struct lab *lab = *state;
	struct ip_addr to4 = addr_of("198.51.100.7");
	struct ip_addr to6 = addr_of("2001:db8:7::7");

	lab_route(lab, "198.51.100.0/24", ADJACENCY_UNREACHABLE, WAN, NULL);
	lab_route(lab, "198.51.100.0/24", ADJACENCY_LINK, LAN, NULL);
	lab_route(lab, "198.51.100.0/24", ADJACENCY_LOCAL, LAN, NULL);
	lab_route(lab, "2001:db8:7::/48", ADJACENCY_LOCAL, LAN, NULL);
	lab_route(lab, "2001:db8:7::/48", ADJACENCY_UNREACHABLE, LAN, NULL);
	lab_publish(lab);
	assert_int_equal(fwd_lookup_addr(lab->dp->fwd, &to4)->kind, ADJACENCY_UNREACHABLE);
	assert_int_equal(fwd_lookup_addr(lab->dp->fwd, &to6)->kind, ADJACENCY_LOCAL);
}

// As many next hops as routes; then one more than numbers for them.
static void many_nexthops(void **state)
{
	struct random r = {24};
	unsigned n = 8000;
	struct world world = {
		.routes = n,
		.neighbours = n,
		.route = calloc(32768, sizeof(struct fwd_route)),
		.neighbour = calloc(n, sizeof(struct fwd_neighbour)),
	};
	struct error err = {.text = ""};
	struct fwd_routes *routes;
	struct fwd *fwd;

	for (unsigned i = 0; i < 32768; i++) {
		struct fwd_route *route = &world.route[i];

		route->kind = ADJACENCY_FORWARD;
		route->port = WAN;
		route->prefix = (struct ip_prefix){.addr.family = IP_V4, .length = 24};
		store_be32(route->prefix.addr.octets, 0x20000000 + (i << 8));
		route->gateway = addr_of("192.0.0.0");
		store_be32(route->gateway.octets, 0xc0000000 + i);
	}
	for (unsigned i = 0; i < n; i++)
		world.neighbour[i] = (struct fwd_neighbour){
			.addr = world.route[i].gateway, .port = WAN, .mac = {{2, 0, 0, 0, 1, 2}}};
	routes = routes_of(&world);
	fwd = fwd_of(*state, routes, &world);
	fwd_routes_put(routes);
	probe_all(*state, &r, &world, fwd, 5);
	fwd_free(fwd);
	if (full_run())
		assert_int_equal(
			fwd_routes_build(world.route, 32768, SOCKET_ID_ANY, &routes, &err), -E2BIG);
	world_free(&world);
}

// More groups of long prefixes than a table has: the routes are refused, the reason is told.
static void too_many_long_prefixes(void **state)
{
	unsigned n = 32800;
	struct fwd_route *route = calloc(n, sizeof(*route));
	struct fwd_routes *routes;
	struct error err;

	(void)state;
	assert_non_null(route);
	for (unsigned family = IP_V4; family <= IP_V6; family += IP_V6 - IP_V4) {
		for (unsigned i = 0; i < n; i++) {
			route[i] = (struct fwd_route){.kind = ADJACENCY_LINK, .port = WAN};
			route[i].prefix.addr.family = (uint8_t)family;
			route[i].prefix.length = family == IP_V4 ? 25 : 32;
			store_be32(route[i].prefix.addr.octets, 0x20000000 + (i << 8));
		}
		assert_int_equal(fwd_routes_build(route, n, SOCKET_ID_ANY, &routes, &err), -ENOSPC);
		assert_non_null(strstr(err.text, "more than 32767 groups"));
		assert_int_equal(fwd_routes_build(route, 1000, SOCKET_ID_ANY, &routes, &err), 0);
		fwd_routes_put(routes);
	}
	free(route);
}

// Memory for one more table every time, until there is none.
static void no_memory(void **state)
{
	struct fwd_routes *routes[16];
	struct error err = {.text = ""};
	unsigned n = 0;
	int rc = 0;

	(void)state;
	while (n < COUNT(routes) && rc == 0)
		rc = fwd_routes_build(NULL, 0, SOCKET_ID_ANY, &routes[n++], &err);
	assert_int_equal(rc, -ENOMEM);
	assert_non_null(strstr(err.text, "eal.memory_mb is too small"));
	for (unsigned i = 0; i + 1 < n; i++)
		fwd_routes_put(routes[i]);
}

// A table swapped in between two turns is used in the second.
static void swapped(void **state)
{
	struct lab *lab = *state;
	struct flow flow = {.source = "10.1.0.10", .destination = "203.0.113.5", .number = 3};
	uint8_t packet[PACKET_MAX];

	lab_policy(lab, "10.1.0.0/16", "0.0.0.0/0", POLICY_BYPASS, 0);
	lab_neighbour(lab, "192.0.2.253", WAN, false);
	lab_publish(lab);
	for (unsigned i = 0; i < 6; i++) {
		lab_receive_flow(lab, LAN, 0, &flow);
		lab_turn(lab, 0);
		packet_make(&flow, packet);
		packet_hop(packet);
		expect_sent(lab, WAN, 0, i % 2 == 0 ? "192.0.2.254" : "192.0.2.253", packet, 100);
		for (unsigned j = 0; j < lab->routes; j++) {
			struct fwd_route *route = &lab->route[j];

			if (route->kind == ADJACENCY_FORWARD && route->gateway.family == IP_V4)
				route->gateway =
					addr_of(i % 2 == 0 ? "192.0.2.253" : "192.0.2.254");
		}
		lab_publish(lab);
	}
}

// IPv4 through a link-local IPv6 neighbour: an IPv4 frame to its MAC address.
static void next_hop_of_the_other_family(void **state)
{
	struct lab *lab = *state;
	static const char *const destinations[] = {"100.64.0.5", "2001:db9::5"};
	uint8_t packet[PACKET_MAX];

	lab_policy(lab, "10.1.0.0/16", "0.0.0.0/0", POLICY_BYPASS, 0);
	lab_policy(lab, "fd01::/16", "::/0", POLICY_BYPASS, 0);
	lab_route(lab, "100.64.0.0/10", ADJACENCY_FORWARD, WAN, "fe80::fe");
	lab_route(lab, "2001:db9::/32", ADJACENCY_FORWARD, WAN, "fe80::fe");
	lab_neighbour(lab, "fe80::fe", WAN, false);
	lab_publish(lab);
	for (unsigned i = 0; i < COUNT(destinations); i++) {
		struct flow flow = {.source = i == 0 ? "10.1.0.10" : "fd01::10",
			.destination = destinations[i]};
		uint32_t octets = packet_make(&flow, packet);

		lab_receive_flow(lab, LAN, 0, &flow);
		lab_turn(lab, 0);
		packet_hop(packet);
		expect_sent(lab, WAN, 0, "fe80::fe", packet, octets);
	}
	expect_nothing_sent(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(random_worlds, NULL),
		LAB_TEST(shared_routes, NULL),
		LAB_TEST(first_of_two_wins, NULL),
		LAB_TEST(many_nexthops, NULL),
		LAB_TEST(too_many_long_prefixes, NULL),
		LAB_TEST(no_memory, NULL),
		LAB_TEST(swapped, NULL),
		LAB_TEST(next_hop_of_the_other_family, NULL),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
