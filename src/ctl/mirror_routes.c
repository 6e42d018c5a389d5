// The routes that count for forwarding: all local addresses, and the main table's routes over our
// host interfaces. Always read as a whole: the kernel does not tell of every route it takes away.
#include "ctl/mirror_private.h"

#include "base/array.h"
#include "base/log.h"
#include "ctl/path_mtu.h"
#include "proto/ip_hdr.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define RANK_LOCAL 0
#define RANK_MAIN 1

// A route with what decides between several for one prefix, the smallest first.
struct candidate {
	struct fwd_route route;
	uint8_t rank;
	uint32_t priority;
	uint32_t order;
};

struct reading {
	const struct mirror *mirror;
	unsigned n;
	unsigned room;
	struct candidate *candidate;
	struct mirror_ways ways;
};

// Never forwarded whatever the routes say. RFC 1812 5.3.7, RFC 4291 2.5.2, 2.5.3, 2.7.
static const struct {
	uint8_t kind;
	struct ip_prefix prefix;
} fixed[] = {
	{ADJACENCY_MULTICAST, {{IP_V4, {224}}, 4}},
	{ADJACENCY_MULTICAST, {{IP_V4, {255, 255, 255, 255}}, 32}},
	{ADJACENCY_MULTICAST, {{IP_V6, {0xff}}, 8}},
	{ADJACENCY_BLACKHOLE, {{IP_V4, {0}}, 8}},
	{ADJACENCY_BLACKHOLE, {{IP_V4, {127}}, 8}},
	{ADJACENCY_BLACKHOLE, {{IP_V6, {0}}, 128}},
	{ADJACENCY_BLACKHOLE, {{IP_V6, {[15] = 1}}, 128}},
};

static const struct ip_prefix loopback4 = {{IP_V4, {127}}, 8};
static const struct ip_prefix loopback6 = {{IP_V6, {[15] = 1}}, 128};
static const struct ip_prefix link_local6 = {{IP_V6, {0xfe, 0x80}}, 10};

int mirror_port_of(const struct mirror *mirror, unsigned ifindex)
{
	for (unsigned i = 0; i < mirror->ports; i++)
		if (mirror->port[i].ifindex == ifindex)
			return mirror->port[i].port;
	return -1;
}

static int add(struct reading *r, const struct fwd_route *route, uint8_t rank, uint32_t priority)
{
	struct candidate *candidate =
		array_room(r->candidate, r->n, &r->room, sizeof(r->candidate[0]));

	if (!candidate)
		return -ENOMEM;
	r->candidate = candidate;
	r->candidate[r->n] = (struct candidate){
		.route = *route, .rank = rank, .priority = priority, .order = r->n};
	r->n++;
	return 0;
}

static int add_own(struct reading *r)
{
	struct fwd_route route;
	int ret = 0;

	for (unsigned i = 0; ret == 0 && i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		route = (struct fwd_route){.prefix = fixed[i].prefix, .kind = fixed[i].kind};
		ret = add(r, &route, RANK_LOCAL, 0);
	}
	for (unsigned i = 0; ret == 0 && i < r->mirror->locals; i++) {
		const struct mirror_local *local = &r->mirror->local[i];

		route = (struct fwd_route){.prefix = {.addr = local->addr},
			.kind = ADJACENCY_LOCAL,
			.port = local->port,
			.tunnel_end = true};
		route.prefix.length = (uint8_t)(ip_addr_octets(local->addr.family) * 8);
		ret = add(r, &route, RANK_LOCAL, 0);
	}
	return ret;
}

static int add_local(struct reading *r, struct fwd_route *route, uint8_t type, unsigned ifindex)
{
	int port = mirror_port_of(r->mirror, ifindex);

	if (ip_prefix_covers(&loopback4, &route->prefix) ||
		ip_prefix_covers(&loopback6, &route->prefix))
		return 0;
	switch (type) {
	case RTN_LOCAL:
	case RTN_ANYCAST:
		route->kind = ADJACENCY_LOCAL;
		break;
	case RTN_BROADCAST:
	case RTN_MULTICAST:
		route->kind = ADJACENCY_MULTICAST;
		break;
	default:
		return 0;
	}
	route->port = port < 0 ? 0 : (uint8_t)port;
	return add(r, route, RANK_LOCAL, 0);
}

struct next_hop {
	int port;		// -1: none of ours
	struct ip_addr gateway; // family IP_NONE: the destination is on the link
};

// The kernel writes RTA_VIA for a gateway of the other family (RFC 8950).
static struct ip_addr gateway_of(const struct nlattr *const a[], uint8_t family)
{
	return a[RTA_VIA] ? netlink_via(a[RTA_VIA]) : netlink_addr(a[RTA_GATEWAY], family);
}

static bool is_understood(const struct nlattr *const a[], const struct ip_addr *gateway)
{
	return gateway->family != IP_NONE || (!a[RTA_GATEWAY] && !a[RTA_VIA]);
}

static struct next_hop single_hop(
	const struct mirror *mirror, const struct nlattr *const a[], uint8_t family, uint8_t flags)
{
	struct next_hop hop = {.port = -1};

	if (flags & RTNH_F_DEAD)
		return hop;
	hop.gateway = gateway_of(a, family);
	if (is_understood(a, &hop.gateway))
		hop.port = mirror_port_of(mirror, netlink_u32(a[RTA_OIF], 0));
	return hop;
}

static struct next_hop one_hop(
	const struct mirror *mirror, const struct rtnexthop *at, uint8_t family)
{
	const char *attributes = (const char *)at + RTNH_LENGTH(0);
	const struct nlattr *a[RTA_MAX + 1] = {NULL};
	struct next_hop hop = {.port = -1};
	const struct nlattr *attr;

	if (at->rtnh_flags & RTNH_F_DEAD)
		return hop;
	for (attr = (const void *)attributes;
		mnl_attr_ok(attr, (int)((const char *)at + at->rtnh_len - (const char *)attr));
		attr = mnl_attr_next(attr)) {
		if (mnl_attr_get_type(attr) <= RTA_MAX)
			a[mnl_attr_get_type(attr)] = attr;
	}
	hop.gateway = gateway_of(a, family);
	if (is_understood(a, &hop.gateway))
		hop.port = mirror_port_of(mirror, (unsigned)at->rtnh_ifindex);
	return hop;
}

// The first next hop of several that is alive and ours.
static struct next_hop first_hop(
	const struct mirror *mirror, const struct nlattr *multipath, uint8_t family)
{
	const char *at = mnl_attr_get_payload(multipath);
	int left = mnl_attr_get_payload_len(multipath);
	struct next_hop hop = {.port = -1};

	while (hop.port < 0) {
		const struct rtnexthop *next = (const void *)at;
		int octets;

		if (left < (int)sizeof(*next) || !RTNH_OK(next, left))
			break;
		hop = one_hop(mirror, next, family);
		octets = (int)RTNH_ALIGN(next->rtnh_len);
		left -= octets;
		at += octets;
	}
	return hop;
}

// The kernel forwards nothing larger by such a route, whatever the interface takes. It can be told
// less than anything here works with.
static uint16_t mtu_of(const struct nlattr *metrics, uint8_t family)
{
	uint32_t least = family == AF_INET6 ? IPV6_MTU_MIN : PATH_MTU_MIN4;
	uint32_t mtu = 0;
	const struct nlattr *attr;

	if (!metrics)
		return 0;
	mnl_attr_for_each_nested(attr, metrics)
	{
		if (mnl_attr_get_type(attr) == RTAX_MTU)
			mtu = netlink_u32(attr, 0);
	}
	if (mtu == 0 || mtu > UINT16_MAX)
		return 0;
	return (uint16_t)(mtu < least ? least : mtu);
}

static int add_unicast(struct reading *r, struct fwd_route *route, const struct rtmsg *rtm,
	const struct nlattr *const a[], uint32_t priority)
{
	struct next_hop hop = a[RTA_MULTIPATH]
		? first_hop(r->mirror, a[RTA_MULTIPATH], rtm->rtm_family)
		: single_hop(r->mirror, a, rtm->rtm_family, (uint8_t)rtm->rtm_flags);

	if (hop.port < 0)
		return 0;
	// Routers do not forward to link-local addresses (RFC 4291 section 2.5.6).
	if (ip_prefix_covers(&link_local6, &route->prefix))
		return 0;
	route->port = (uint8_t)hop.port;
	route->kind = ADJACENCY_LINK;
	route->mtu = mtu_of(a[RTA_METRICS], rtm->rtm_family);
	if (hop.gateway.family != IP_NONE) {
		route->kind = ADJACENCY_FORWARD;
		route->gateway = hop.gateway;
	}
	return add(r, route, RANK_MAIN, priority);
}

static int each_route(const struct nlmsghdr *message, void *arg)
{
	struct reading *r = arg;
	const struct nlattr *a[RTA_MAX + 1];
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(message);
	struct fwd_route route = {.kind = ADJACENCY_NO_ROUTE};
	uint32_t table, priority;
	int ret;

	if (message->nlmsg_type != RTM_NEWROUTE ||
		mnl_nlmsg_get_payload_len(message) < sizeof(*rtm))
		return 0;
	netlink_attributes(message, sizeof(*rtm), a, RTA_MAX);
	table = netlink_u32(a[RTA_TABLE], rtm->rtm_table);
	priority = netlink_u32(a[RTA_PRIORITY], 0);
	route.prefix.addr = netlink_addr(a[RTA_DST], rtm->rtm_family);
	route.prefix.length = rtm->rtm_dst_len;
	if (!a[RTA_DST])
		route.prefix.addr.family = rtm->rtm_family == AF_INET ? IP_V4 : IP_V6;
	// Not routes that a lookup by destination alone would use.
	if (route.prefix.addr.family == IP_NONE || rtm->rtm_flags & RTM_F_CLONED ||
		rtm->rtm_tos != 0 || rtm->rtm_src_len != 0)
		return 0;
	if (table == RT_TABLE_LOCAL)
		return add_local(r, &route, rtm->rtm_type, netlink_u32(a[RTA_OIF], 0));
	if (table != RT_TABLE_MAIN)
		return 0;
	ret = mirror_ways_add(r->mirror, &r->ways, &route.prefix, rtm, a);
	if (ret < 0)
		return ret;
	switch (rtm->rtm_type) {
	case RTN_UNICAST:
		return add_unicast(r, &route, rtm, a, priority);
	case RTN_UNREACHABLE:
		route.kind = ADJACENCY_UNREACHABLE;
		break;
	case RTN_PROHIBIT:
		route.kind = ADJACENCY_PROHIBIT;
		break;
	case RTN_BLACKHOLE:
		route.kind = ADJACENCY_BLACKHOLE;
		break;
	default:
		return 0;
	}
	return add(r, &route, RANK_MAIN, priority);
}

static int compare_prefix(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return memcmp(a, b, sizeof(*a));
}

static int compare(const void *left, const void *right)
{
	const struct candidate *a = left;
	const struct candidate *b = right;
	int order = compare_prefix(&a->route.prefix, &b->route.prefix);

	if (order == 0)
		order = (a->rank > b->rank) - (a->rank < b->rank);
	if (order == 0)
		order = (a->priority > b->priority) - (a->priority < b->priority);
	if (order == 0)
		order = (a->order > b->order) - (a->order < b->order);
	return order;
}

static void note_length(struct mirror_routes *routes, const struct ip_prefix *prefix)
{
	routes->has_length[prefix->addr.family == IP_V6][prefix->length] = true;
}

// The best of each prefix.
static int choose(struct reading *r, struct mirror_routes *routes)
{
	qsort(r->candidate, r->n, sizeof(r->candidate[0]), compare);
	routes->route = calloc(r->n, sizeof(routes->route[0]));
	if (!routes->route)
		return -ENOMEM;
	for (unsigned i = 0; i < r->n; i++) {
		const struct fwd_route *route = &r->candidate[i].route;

		if (routes->n == 0 ||
			compare_prefix(&routes->route[routes->n - 1].prefix, &route->prefix) != 0)
			routes->route[routes->n++] = *route;
		note_length(routes, &route->prefix);
	}
	return 0;
}

static_assert(sizeof(struct fwd_route) ==
	sizeof(struct ip_prefix) + 3 + sizeof(struct ip_addr) + sizeof(uint16_t));

static bool routes_equal(const struct mirror_routes *a, const struct mirror_routes *b)
{
	return a->n == b->n && a->n != 0 &&
		memcmp(a->route, b->route, a->n * sizeof(a->route[0])) == 0;
}

int mirror_routes_read(struct mirror *mirror)
{
	struct reading r = {.mirror = mirror};
	struct mirror_routes routes = {.n = 0};
	bool same;
	int ret = add_own(&r);

	if (ret == 0)
		ret = netlink_dump(RTM_GETROUTE, AF_INET, each_route, &r);
	if (ret == 0)
		ret = netlink_dump(RTM_GETROUTE, AF_INET6, each_route, &r);
	if (ret == 0)
		ret = choose(&r, &routes);
	free(r.candidate);
	if (ret == 0)
		mirror_ways_tell(mirror, &r.ways);
	free(r.ways.way);
	if (ret < 0)
		return ret;
	same = routes_equal(&mirror->routes, &routes);
	free(mirror->routes.route);
	mirror->routes = routes;
	if (same)
		return 0;
	mirror_routes_new(mirror);
	return mirror_keep_routes(mirror);
}

static int compare_route(const void *prefix, const void *route)
{
	return compare_prefix(prefix, &((const struct fwd_route *)route)->prefix);
}

const struct fwd_route *mirror_route_of(const struct mirror *mirror, const struct ip_addr *addr)
{
	const struct mirror_routes *routes = &mirror->routes;
	const struct fwd_route *found = NULL;

	for (unsigned length = (unsigned)ip_addr_octets(addr->family) * 8 + 1;
		!found && length-- > 0;) {
		struct ip_prefix prefix = {.addr = *addr, .length = (uint8_t)length};

		if (!routes->has_length[addr->family == IP_V6][length])
			continue;
		ip_prefix_mask(&prefix);
		found = bsearch(
			&prefix, routes->route, routes->n, sizeof(routes->route[0]), compare_route);
	}
	return found;
}
