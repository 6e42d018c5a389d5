// The kernel's neighbours on our host interfaces, in a hash table that is read once and then
// changed one by one: at 10,000 neighbours something changes all the time, mostly nothing of ours.
#include "ctl/mirror_private.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define SLOTS_MIN 64
#define USABLE (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP)

static uint32_t hash_of(const struct fwd_neighbour *n)
{
	uint64_t words[2];
	uint64_t hash = (uint64_t)n->port << 8 | n->addr.family;

	memcpy(words, n->addr.octets, sizeof(words));
	hash = (hash ^ words[0]) * UINT64_C(0x9e3779b97f4a7c15);
	hash = (hash ^ hash >> 32 ^ words[1]) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(hash >> 32);
}

// Its place, or the free one where it belongs.
static struct mirror_neighbour *find(
	const struct mirror_neighbours *table, const struct fwd_neighbour *n)
{
	for (uint32_t i = hash_of(n);; i++) {
		struct mirror_neighbour *slot = &table->slot[i & table->mask];

		if (slot->entry.addr.family == IP_NONE ||
			(slot->entry.port == n->port && ip_addr_equal(&slot->entry.addr, &n->addr)))
			return slot;
	}
}

// At most a quarter full afterwards.
static int grow(struct mirror_neighbours *table)
{
	struct mirror_neighbours grown = {.present = table->present, .taken = table->present};
	uint32_t slots = SLOTS_MIN;

	while (slots / 4 < table->present + 1)
		slots *= 2;
	grown.mask = slots - 1;
	grown.slot = calloc(slots, sizeof(grown.slot[0]));
	if (!grown.slot)
		return -ENOMEM;
	for (uint32_t i = 0; table->slot && i <= table->mask; i++)
		if (table->slot[i].present)
			*find(&grown, &table->slot[i].entry) = table->slot[i];
	free(table->slot);
	*table = grown;
	return 0;
}

// Makes the entry present, or absent. *changed: forwarding can see the difference.
static int set(
	struct mirror_neighbours *table, const struct fwd_neighbour *n, bool present, bool *changed)
{
	struct mirror_neighbour *slot;
	int ret;

	if (!table->slot || (table->taken + 1) * 2 > table->mask) {
		ret = grow(table);
		if (ret < 0)
			return ret;
	}
	slot = find(table, n);
	if (slot->entry.addr.family == IP_NONE) {
		if (!present)
			return 0;
		table->taken++;
	}
	if (slot->present != present ||
		(present &&
			(slot->entry.failed != n->failed ||
				!rte_is_same_ether_addr(&slot->entry.mac, &n->mac))))
		*changed = true;
	table->present += (uint32_t)present - (uint32_t)slot->present;
	slot->entry = *n;
	slot->present = present;
	return 0;
}

// What a message says. false: not about a neighbour of ours.
static bool parse(const struct mirror *mirror, const struct nlmsghdr *message,
	struct fwd_neighbour *n, bool *present)
{
	const struct nlattr *a[NDA_MAX + 1];
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(message);
	int port;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*ndm) || ndm->ndm_flags & NTF_PROXY)
		return false;
	port = mirror_port_of(mirror, (unsigned)ndm->ndm_ifindex);
	if (port < 0)
		return false;
	netlink_attributes(message, sizeof(*ndm), a, NDA_MAX);
	*n = (struct fwd_neighbour){.port = (uint8_t)port};
	n->addr = netlink_addr(a[NDA_DST], ndm->ndm_family);
	if (n->addr.family == IP_NONE || ip_addr_is_multicast(&n->addr))
		return false;
	n->failed = (ndm->ndm_state & NUD_FAILED) != 0;
	*present = n->failed;
	if (ndm->ndm_state & USABLE && a[NDA_LLADDR] &&
		mnl_attr_get_payload_len(a[NDA_LLADDR]) == sizeof(n->mac)) {
		memcpy(&n->mac, mnl_attr_get_payload(a[NDA_LLADDR]), sizeof(n->mac));
		*present = rte_is_valid_assigned_ether_addr(&n->mac);
	}
	if (message->nlmsg_type == RTM_DELNEIGH)
		*present = false;
	return true;
}

int mirror_neighbour_change(struct mirror *mirror, const struct nlmsghdr *message)
{
	struct fwd_neighbour n;
	bool present;

	if (!parse(mirror, message, &n, &present))
		return 0;
	return set(&mirror->neighbours, &n, present, &mirror->neighbours_changed);
}

struct reading {
	const struct mirror *mirror;
	struct mirror_neighbours table;
};

static int each_neighbour(const struct nlmsghdr *message, void *arg)
{
	struct reading *r = arg;
	struct fwd_neighbour n;
	bool present, changed;

	if (message->nlmsg_type != RTM_NEWNEIGH || !parse(r->mirror, message, &n, &present))
		return 0;
	return set(&r->table, &n, present, &changed);
}

int mirror_neighbours_read(struct mirror *mirror)
{
	struct reading r = {.mirror = mirror};
	int ret = netlink_dump(RTM_GETNEIGH, AF_INET, each_neighbour, &r);

	if (ret == 0)
		ret = netlink_dump(RTM_GETNEIGH, AF_INET6, each_neighbour, &r);
	if (ret < 0) {
		free(r.table.slot);
		return ret;
	}
	free(mirror->neighbours.slot);
	mirror->neighbours = r.table;
	mirror->neighbours_changed = true;
	return 0;
}

int mirror_neighbours_list(const struct mirror *mirror, struct fwd_neighbour **list)
{
	const struct mirror_neighbours *table = &mirror->neighbours;
	uint32_t n = 0;

	*list = calloc(table->present + 1, sizeof((*list)[0]));
	if (!*list)
		return -ENOMEM;
	for (uint32_t i = 0; table->slot && i <= table->mask; i++)
		if (table->slot[i].present)
			(*list)[n++] = table->slot[i].entry;
	return 0;
}
