// The kernel's own ways to what policies protect. One that is not by a host interface takes what
// the host says there past the tunnels: in clear, or into the host guard. Told once, for each
// prefix and interface, for as long as it is there.
#include "ctl/mirror_private.h"

#include "base/array.h"
#include "base/log.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#define TOLD_AT_ONCE 8
#define NESTED_MAX 130 // lengths of prefixes around each other

static int compare_way(const void *left, const void *right)
{
	const struct mirror_way *a = left;
	const struct mirror_way *b = right;
	int order = memcmp(&a->prefix, &b->prefix, sizeof(a->prefix));

	if (order == 0)
		order = (a->priority > b->priority) - (a->priority < b->priority);
	if (order == 0)
		order = (a->order > b->order) - (a->order < b->order);
	return order;
}

// 0: one of our host interfaces, or none. Of several next hops the first counts, as for forwarding.
static unsigned leads_elsewhere(
	const struct mirror *mirror, const struct rtmsg *rtm, const struct nlattr *const a[])
{
	const struct rtnexthop *first =
		a[RTA_MULTIPATH] ? mnl_attr_get_payload(a[RTA_MULTIPATH]) : NULL;
	unsigned ifindex = first ? (unsigned)first->rtnh_ifindex : netlink_u32(a[RTA_OIF], 0);

	return rtm->rtm_type == RTN_UNICAST && mirror_port_of(mirror, ifindex) < 0 ? ifindex : 0;
}

int mirror_ways_add(const struct mirror *mirror, struct mirror_ways *ways,
	const struct ip_prefix *prefix, const struct rtmsg *rtm, const struct nlattr *const a[])
{
	struct mirror_way *way;

	if (mirror->protects == 0 || rtm->rtm_flags & RTNH_F_DEAD)
		return 0;
	way = array_room(ways->way, ways->n, &ways->room, sizeof(ways->way[0]));
	if (!way)
		return -ENOMEM;
	ways->way = way;
	ways->way[ways->n] = (struct mirror_way){.prefix = *prefix,
		.priority = netlink_u32(a[RTA_PRIORITY], 0),
		.order = ways->n,
		.elsewhere = leads_elsewhere(mirror, rtm, a)};
	ways->n++;
	return 0;
}

// The best of each prefix, wider prefixes before what is in them.
static void choose(struct mirror_ways *ways)
{
	unsigned n = 0;

	if (ways->n > 0)
		qsort(ways->way, ways->n, sizeof(ways->way[0]), compare_way);
	for (unsigned i = 0; i < ways->n; i++) {
		if (n == 0 ||
			memcmp(&ways->way[n - 1].prefix, &ways->way[i].prefix,
				sizeof(ways->way[i].prefix)) != 0)
			ways->way[n++] = ways->way[i];
	}
	ways->n = n;
}

// A walk along both sorted lists: of the ways before this place, those around it.
struct walk {
	const struct mirror_ways *ways;
	unsigned next;
	unsigned depth;
	const struct mirror_way *around[NESTED_MAX];
};

static void leave(struct walk *walk, const struct ip_prefix *prefix)
{
	while (walk->depth > 0 && !ip_prefix_covers(&walk->around[walk->depth - 1]->prefix, prefix))
		walk->depth--;
}

static void go_to(struct walk *walk, const struct ip_prefix *prefix)
{
	const struct mirror_ways *ways = walk->ways;

	for (; walk->next < ways->n &&
		memcmp(&ways->way[walk->next].prefix, prefix, sizeof(*prefix)) <= 0;
		walk->next++) {
		leave(walk, &ways->way[walk->next].prefix);
		walk->around[walk->depth++] = &ways->way[walk->next];
	}
	leave(walk, prefix);
}

// The one by which the kernel gets to the prefix, or to a part of it; NULL: none leads elsewhere.
static const struct mirror_way *elsewhere(struct walk *walk, const struct ip_prefix *prefix)
{
	const struct mirror_ways *ways = walk->ways;

	go_to(walk, prefix);
	if (walk->depth > 0 && walk->around[walk->depth - 1]->elsewhere != 0)
		return walk->around[walk->depth - 1];
	for (unsigned i = walk->next; i < ways->n && ip_prefix_covers(prefix, &ways->way[i].prefix);
		i++) {
		if (ways->way[i].elsewhere != 0)
			return &ways->way[i];
	}
	return NULL;
}

static void tell(const struct ip_prefix *protects, const struct mirror_way *way)
{
	char to[IP_PREFIX_TEXT], route[IP_PREFIX_TEXT], name[IF_NAMESIZE];

	log_warning(
		"policies protect %s, but the kernel's route to %s leads by %s, which is none of "
		"vped's host interfaces: the host guard drops what the host itself sends there "
		"from protected addresses; without the guard it leaves in clear",
		ip_prefix_format(protects, to), ip_prefix_format(&way->prefix, route),
		if_indextoname(way->elsewhere, name) ? name : "an interface that is gone");
}

void mirror_ways_tell(struct mirror *mirror, struct mirror_ways *ways)
{
	struct walk walk = {.ways = ways};
	unsigned n = 0;

	choose(ways);
	for (unsigned i = 0; i < mirror->protects; i++) {
		struct mirror_protected *to = &mirror->protect[i];
		const struct mirror_way *way = elsewhere(&walk, &to->prefix);
		unsigned told = to->told;

		to->told = way ? way->elsewhere : 0;
		if (to->told == 0 || to->told == told)
			continue;
		if (n < TOLD_AT_ONCE)
			tell(&to->prefix, way);
		n++;
	}
	if (n > TOLD_AT_ONCE)
		log_warning(
			"the same for %u more prefixes that policies protect", n - TOLD_AT_ONCE);
}

static int compare_protected(const void *left, const void *right)
{
	return memcmp(left, right, sizeof(struct ip_prefix));
}

static unsigned told_before(const struct mirror *mirror, const struct mirror_protected *to)
{
	const struct mirror_protected *before = mirror->protects == 0
		? NULL
		: bsearch(to, mirror->protect, mirror->protects, sizeof(*to), compare_protected);

	return before ? before->told : 0;
}

// Sorted, each once.
static unsigned arrange(struct mirror_protected *to, unsigned n)
{
	unsigned kept = 0;

	qsort(to, n, sizeof(to[0]), compare_protected);
	for (unsigned i = 0; i < n; i++) {
		if (kept == 0 || compare_protected(&to[i], &to[kept - 1]) != 0)
			to[kept++] = to[i];
	}
	return kept;
}

int mirror_ways_protect(struct mirror *mirror, const struct ip_prefix *prefix, unsigned n)
{
	const struct mirror_protected *before = mirror->protect;
	struct mirror_protected *to = calloc(n + 1, sizeof(to[0]));
	bool changed;

	if (!to)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++)
		to[i].prefix = prefix[i];
	n = arrange(to, n);
	changed = n != mirror->protects;
	for (unsigned i = 0; i < n; i++) {
		to[i].told = told_before(mirror, &to[i]);
		changed |= !changed && compare_protected(&to[i], &before[i]) != 0;
	}
	free(mirror->protect);
	mirror->protect = to;
	mirror->protects = n;
	return changed;
}
