// Keeping neighbours known that are in use. Next hops of routes and tunnels are managed by the
// kernel where it can do that, else asked for again and again. Hosts on a link are looked for
// whenever the kernel begins to doubt: those that live stay, the dead fail and go. Whether the data
// path really sends to such a host we cannot see, for the kernel learns many without being asked.
#include "ctl/mirror_private.h"

#include "base/log.h"
#include "ctl/limiter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NEXT_HOPS_MAX 1024
#define ASK_AGAIN_MS 15000
#define ASK_LOST_MS 5000 // the kernel's own pace with managed neighbours
#define PROBES_PER_TICK 256
// Beside the ports, for the limiter: each kind of request has its own right to be made.
#define SCOPE_PROBE 0x40
#define SCOPE_RESTORE 0x80

static_assert(PORTS_MAX <= SCOPE_PROBE);
static_assert(sizeof(struct mirror_hop_key) == sizeof(struct ip_addr) + 1); // compared as octets

static int compare(const void *left, const void *right)
{
	return memcmp(left, right, sizeof(struct mirror_hop_key));
}

static struct mirror_hop *hop_of(
	const struct mirror_hops *hops, uint8_t port, const struct ip_addr *addr)
{
	const struct mirror_hop_key key = {.addr = *addr, .port = port};

	if (hops->n == 0)
		return NULL;
	return bsearch(&key, hops->hop, hops->n, sizeof(hops->hop[0]), compare);
}

static void add(struct mirror_hops *hops, uint8_t port, const struct ip_addr *addr)
{
	const struct mirror_hop_key key = {.addr = *addr, .port = port};
	unsigned low = 0;
	unsigned high = hops->n;

	while (low < high) {
		unsigned middle = (low + high) / 2;
		int order = compare(&key, &hops->hop[middle].key);

		if (order == 0)
			return;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	if (hops->n == NEXT_HOPS_MAX) {
		hops->left_out++;
		return;
	}
	memmove(&hops->hop[low + 1], &hops->hop[low], (hops->n - low) * sizeof(hops->hop[0]));
	hops->hop[low] = (struct mirror_hop){.key = key};
	hops->n++;
}

static void gather(const struct mirror *mirror, struct mirror_hops *hops)
{
	const struct fwd_route *before = NULL;

	for (unsigned i = 0; i < mirror->routes.n; i++) {
		const struct fwd_route *route = &mirror->routes.route[i];

		if (route->kind != ADJACENCY_FORWARD)
			continue;
		// Neighbours in the table mostly share their gateway.
		if (!before || before->port != route->port ||
			!ip_addr_equal(&before->gateway, &route->gateway))
			add(hops, route->port, &route->gateway);
		before = route;
	}
	for (unsigned i = 0; i < mirror->remotes; i++) {
		const struct fwd_route *route = mirror_route_of(mirror, &mirror->remote[i]);

		if (route && route->kind == ADJACENCY_LINK)
			add(hops, route->port, &mirror->remote[i]);
	}
}

static void ask_for(struct mirror *mirror, struct mirror_hop *hop, uint64_t now_ms)
{
	const struct mirror_hop_key *key = &hop->key;

	if (mirror_neighbour_fixed(mirror, key->port, &key->addr))
		return;
	hop->asked_ms = now_ms;
	mirror->stats.resolves++;
	if (!hop->refused && mirror_ask_use(mirror, key->port, &key->addr, true))
		return;
	hop->refused = true;
	mirror_ask_use(mirror, key->port, &key->addr, false);
}

int mirror_keep_routes(struct mirror *mirror)
{
	struct mirror_hops hops = {.hop = calloc(NEXT_HOPS_MAX, sizeof(hops.hop[0]))};
	struct mirror_hops before = mirror->hops;
	uint64_t now_ms = limiter_now_ms();

	if (!hops.hop)
		return -ENOMEM;
	gather(mirror, &hops);
	for (unsigned i = 0; i < hops.n; i++) {
		struct mirror_hop *hop = &hops.hop[i];
		const struct mirror_hop *same = hop_of(&before, hop->key.port, &hop->key.addr);

		if (same)
			*hop = *same;
		else
			ask_for(mirror, hop, now_ms);
	}
	for (unsigned i = 0; i < before.n; i++) {
		const struct mirror_hop_key *key = &before.hop[i].key;

		if (!hop_of(&hops, key->port, &key->addr) &&
			mirror_neighbour_managed(mirror, key->port, &key->addr))
			mirror_ask_use(mirror, key->port, &key->addr, false);
	}
	if (hops.left_out > 0 && before.left_out == 0)
		log_warning("more than %u next hops: the others are not kept alive",
			(unsigned)NEXT_HOPS_MAX);
	free(before.hop);
	mirror->hops = hops;
	mirror_grace_routes(mirror);
	return 0;
}

static bool is_on_link(const struct mirror *mirror, uint8_t port, const struct ip_addr *addr)
{
	const struct fwd_route *route = mirror_route_of(mirror, addr);

	return route && route->kind == ADJACENCY_LINK && route->port == port;
}

bool mirror_keep_uses(const struct mirror *mirror, uint8_t port, const struct ip_addr *addr)
{
	return hop_of(&mirror->hops, port, addr) || is_on_link(mirror, port, addr);
}

void mirror_keep_ask(struct mirror *mirror, uint8_t port, const struct ip_addr *addr)
{
	struct mirror_hop *hop = hop_of(&mirror->hops, port, addr);

	if (hop)
		ask_for(mirror, hop, limiter_now_ms());
	else if (mirror_ask_use(mirror, port, addr, false))
		mirror->stats.resolves++;
}

// Looks for a neighbour that the kernel doubts, if it is in use. False: not now.
static bool probe(struct mirror *mirror, const struct mirror_neighbour *n)
{
	uint8_t port = n->entry.port;
	const struct ip_addr *addr = &n->entry.addr;
	const struct mirror_hop *hop = hop_of(&mirror->hops, port, addr);

	if (!hop && !is_on_link(mirror, port, addr))
		return true;
	if (!limiter_take(mirror->resolves, addr, port | SCOPE_PROBE, limiter_now_ms()))
		return false;
	mirror->stats.probes++;
	return mirror_ask_use(mirror, port, addr, n->managed || (hop && !hop->refused));
}

void mirror_keep_stale(struct mirror *mirror, struct mirror_neighbour *n)
{
	n->stale = !probe(mirror, n);
}

// The kernel collects what it thinks that nobody uses. What was usable comes back, to be doubted
// and looked for, before any forwarding table has missed it: the kernel's word of that is read
// first.
void mirror_keep_deleted(struct mirror *mirror, const struct fwd_neighbour *n, bool usable)
{
	struct mirror_hop *hop = hop_of(&mirror->hops, n->port, &n->addr);
	uint64_t now_ms = limiter_now_ms();

	if (hop)
		hop->asked_ms = now_ms - (ASK_AGAIN_MS - ASK_LOST_MS);
	else if (!usable || !is_on_link(mirror, n->port, &n->addr) ||
		!limiter_take(mirror->resolves, &n->addr, n->port | SCOPE_RESTORE, now_ms))
		return;
	if (usable)
		mirror->stats.restores += mirror_ask_restore(mirror, n);
}

void mirror_keep_refused(struct mirror *mirror, const struct nlmsghdr *message)
{
	struct mirror_hop *hop;
	struct ip_addr addr;
	uint8_t port;

	if (!mirror_ask_refused(mirror, message, &port, &addr))
		return;
	hop = hop_of(&mirror->hops, port, &addr);
	if (!hop || hop->refused)
		return;
	hop->refused = true;
	ask_for(mirror, hop, limiter_now_ms());
}

// A few of those that could not be asked for when the kernel told of them.
static void sweep(struct mirror *mirror)
{
	struct mirror_neighbours *table = &mirror->neighbours;
	unsigned probes = 0;

	for (uint32_t i = 0; table->slot && i <= table->mask && probes < PROBES_PER_TICK; i++) {
		if (!table->slot[i].stale)
			continue;
		mirror_keep_stale(mirror, &table->slot[i]);
		probes++;
	}
}

void mirror_keep_tick(struct mirror *mirror)
{
	uint64_t now_ms = limiter_now_ms();
	unsigned managed = 0;

	for (unsigned i = 0; i < mirror->hops.n; i++) {
		struct mirror_hop *hop = &mirror->hops.hop[i];

		if (mirror_neighbour_managed(mirror, hop->key.port, &hop->key.addr))
			managed++;
		else if (now_ms - hop->asked_ms >= ASK_AGAIN_MS)
			ask_for(mirror, hop, now_ms);
	}
	mirror->stats.next_hops = mirror->hops.n;
	mirror->stats.managed = managed;
	sweep(mirror);
	mirror_grace_tick(mirror);
	mirror_neighbours_install(mirror);
}

bool mirror_resolve(struct mirror *mirror, uint8_t port, const struct ip_addr *addr)
{
	if (mirror_ifindex_of(mirror, port) == 0 || addr->family == IP_NONE ||
		ip_addr_is_multicast(addr))
		return false;
	if (!limiter_take(mirror->resolves, addr, port, limiter_now_ms())) {
		mirror->stats.resolves_limited++;
		return true;
	}
	mirror_keep_ask(mirror, port, addr);
	return true;
}
