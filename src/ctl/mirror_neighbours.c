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
// Of a neighbour that the kernel found out, and may forget.
#define LEARNED (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE)

static uint32_t hash_of(const struct mirror_neighbours *table, const struct fwd_neighbour *n)
{
	return addr_hash_of(&table->hash, n->addr.octets, ip_addr_octets(n->addr.family), n->port);
}

// Its place, or the free one where it belongs.
static struct mirror_neighbour *find(
	const struct mirror_neighbours *table, const struct fwd_neighbour *n)
{
	for (uint32_t i = hash_of(table, n);; i++) {
		struct mirror_neighbour *slot = &table->slot[i & table->mask];

		if (slot->entry.addr.family == IP_NONE ||
			(slot->entry.port == n->port && ip_addr_equal(&slot->entry.addr, &n->addr)))
			return slot;
	}
}

static bool is_kept(const struct mirror_neighbour *n)
{
	return n->present || n->managed || n->fixed;
}

// At most a quarter full afterwards.
static int grow(struct mirror_neighbours *table)
{
	struct mirror_neighbours grown = {.hash = table->hash, .present = table->present};
	uint32_t slots = SLOTS_MIN;
	uint32_t kept = 0;

	for (uint32_t i = 0; table->slot && i <= table->mask; i++)
		kept += is_kept(&table->slot[i]);
	while (slots / 4 < kept + 1)
		slots *= 2;
	grown.mask = slots - 1;
	grown.taken = kept;
	grown.slot = calloc(slots, sizeof(grown.slot[0]));
	if (!grown.slot)
		return -ENOMEM;
	for (uint32_t i = 0; table->slot && i <= table->mask; i++)
		if (is_kept(&table->slot[i]))
			*find(&grown, &table->slot[i].entry) = table->slot[i];
	free(table->slot);
	*table = grown;
	return 0;
}

// The entry's place, taken by it. NULL: no memory.
static struct mirror_neighbour *place_of(
	struct mirror_neighbours *table, const struct fwd_neighbour *n)
{
	struct mirror_neighbour *slot;

	if ((!table->slot || (table->taken + 1) * 2 > table->mask) && grow(table) < 0)
		return NULL;
	slot = find(table, n);
	if (slot->entry.addr.family == IP_NONE) {
		table->taken++;
		slot->entry = *n;
	}
	return slot;
}

// What the kernel says of a neighbour.
struct told {
	struct mirror_neighbour n;
	bool deleted;
	bool learned;
	bool permanent;
};

static bool same_mac(const struct fwd_neighbour *a, const struct fwd_neighbour *b)
{
	return rte_is_same_ether_addr(&a->mac, &b->mac);
}

// Writes it down. *changed: forwarding can see the difference. NULL: no memory.
static struct mirror_neighbour *set(
	struct mirror_neighbours *table, const struct told *told, bool *changed)
{
	struct mirror_neighbour *slot = place_of(table, &told->n.entry);
	const struct mirror_neighbour *n = &told->n;

	if (!slot)
		return NULL;
	if (slot->fixed) {
		slot->installed =
			!told->deleted && told->permanent && same_mac(&slot->entry, &n->entry);
		return slot;
	}
	if (slot->present != n->present ||
		(n->present &&
			(slot->entry.failed != n->entry.failed ||
				!same_mac(&slot->entry, &n->entry))))
		*changed = true;
	table->present += (uint32_t)n->present - (uint32_t)slot->present;
	*slot = *n;
	return slot;
}

static void parse_state(const struct nlmsghdr *message, const struct ndmsg *ndm,
	const struct nlattr *mac, struct told *told)
{
	struct mirror_neighbour *n = &told->n;
	bool learned_elsewhere = ndm->ndm_flags & NTF_EXT_LEARNED && !n->managed;

	n->entry.failed = (ndm->ndm_state & NUD_FAILED) != 0;
	n->present = n->entry.failed;
	if (ndm->ndm_state & USABLE && mac &&
		mnl_attr_get_payload_len(mac) == sizeof(n->entry.mac)) {
		memcpy(&n->entry.mac, mnl_attr_get_payload(mac), sizeof(n->entry.mac));
		n->present = rte_is_valid_assigned_ether_addr(&n->entry.mac);
	}
	told->deleted = message->nlmsg_type == RTM_DELNEIGH;
	told->permanent = (ndm->ndm_state & NUD_PERMANENT) != 0;
	told->learned = n->present && ndm->ndm_state & LEARNED && !learned_elsewhere;
	n->stale = told->learned && ndm->ndm_state & NUD_STALE && !told->deleted;
	if (told->deleted)
		n->present = n->managed = false;
}

// false: not about a neighbour of ours.
static bool parse(const struct mirror *mirror, const struct nlmsghdr *message, struct told *told)
{
	const struct nlattr *a[NDA_MAX + 1];
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(message);
	struct fwd_neighbour *n = &told->n.entry;
	int port;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*ndm) || ndm->ndm_flags & NTF_PROXY)
		return false;
	port = mirror_port_of(mirror, (unsigned)ndm->ndm_ifindex);
	if (port < 0)
		return false;
	netlink_attributes(message, sizeof(*ndm), a, NDA_MAX);
	*told = (struct told){.n.entry.port = (uint8_t)port};
	n->addr = netlink_addr(a[NDA_DST], ndm->ndm_family);
	if (n->addr.family == IP_NONE || ip_addr_is_multicast(&n->addr))
		return false;
	told->n.managed = netlink_u32(a[NDA_FLAGS_EXT], 0) & NTF_EXT_MANAGED;
	parse_state(message, ndm, a[NDA_LLADDR], told);
	return true;
}

// The kernel says neither that it is usable nor that it fails: has taken it away, or asks anew.
static bool is_silent(const struct mirror_neighbour *known, const struct told *told)
{
	return !told->n.present && !told->n.entry.failed && (told->learned || known->grace_ms != 0);
}

int mirror_neighbour_change(struct mirror *mirror, const struct nlmsghdr *message)
{
	struct mirror_neighbour *slot;
	struct told told;

	if (!parse(mirror, message, &told))
		return 0;
	slot = place_of(&mirror->neighbours, &told.n.entry);
	if (!slot)
		return -ENOMEM;
	if (is_silent(slot, &told) && mirror_grace_begin(mirror, slot)) {
		slot->managed = told.n.managed;
		slot->stale = false;
	} else {
		slot = set(&mirror->neighbours, &told, &mirror->neighbours_changed);
		if (!slot)
			return -ENOMEM;
	}
	if (slot->stale)
		mirror_keep_stale(mirror, slot);
	if (told.deleted && !slot->fixed)
		mirror_keep_deleted(mirror, &told.n.entry, told.learned);
	return 0;
}

struct reading {
	const struct mirror *mirror;
	struct mirror_neighbours table;
};

static int each_neighbour(const struct nlmsghdr *message, void *arg)
{
	struct reading *r = arg;
	struct told told;
	bool changed;

	if (message->nlmsg_type != RTM_NEWNEIGH || !parse(r->mirror, message, &told))
		return 0;
	return set(&r->table, &told, &changed) ? 0 : -ENOMEM;
}

static int add_fixed(const struct mirror *mirror, struct mirror_neighbours *table)
{
	for (unsigned i = 0; i < mirror->fixed; i++) {
		struct mirror_neighbour *slot = place_of(table, &mirror->fixed_neighbour[i]);

		if (!slot)
			return -ENOMEM;
		table->present += !slot->present;
		slot->present = slot->fixed = true;
	}
	return 0;
}

// What was usable and is gone, its end among the changes that were lost.
static int carry_over(const struct mirror *mirror, struct mirror_neighbours *table)
{
	const struct mirror_neighbours *before = &mirror->neighbours;

	for (uint32_t i = 0; before->slot && i <= before->mask; i++) {
		struct mirror_neighbour old = before->slot[i];
		struct mirror_neighbour *slot;

		if (!old.present || old.fixed || old.entry.failed)
			continue;
		slot = place_of(table, &old.entry);
		if (!slot)
			return -ENOMEM;
		if (slot->present || !mirror_grace_begin(mirror, &old))
			continue;
		old.managed = slot->managed;
		old.stale = false;
		*slot = old;
		table->present++;
	}
	return 0;
}

// Those that are stale are looked for by the next tick.
int mirror_neighbours_read(struct mirror *mirror)
{
	struct reading r = {.mirror = mirror, .table.hash = mirror->neighbours.hash};
	int ret = add_fixed(mirror, &r.table);

	if (ret == 0)
		ret = netlink_dump(RTM_GETNEIGH, AF_INET, each_neighbour, &r);
	if (ret == 0)
		ret = netlink_dump(RTM_GETNEIGH, AF_INET6, each_neighbour, &r);
	if (ret == 0)
		ret = carry_over(mirror, &r.table);
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

static const struct mirror_neighbour *known(
	const struct mirror *mirror, uint8_t port, const struct ip_addr *addr)
{
	const struct fwd_neighbour n = {.addr = *addr, .port = port};

	return mirror->neighbours.slot ? find(&mirror->neighbours, &n) : NULL;
}

bool mirror_neighbour_fixed(const struct mirror *mirror, uint8_t port, const struct ip_addr *addr)
{
	const struct mirror_neighbour *n = known(mirror, port, addr);

	return n && n->fixed;
}

bool mirror_neighbour_managed(const struct mirror *mirror, uint8_t port, const struct ip_addr *addr)
{
	const struct mirror_neighbour *n = known(mirror, port, addr);

	return n && n->managed;
}

void mirror_neighbours_install(struct mirror *mirror)
{
	for (unsigned i = 0; i < mirror->fixed; i++) {
		const struct fwd_neighbour *n = &mirror->fixed_neighbour[i];
		const struct mirror_neighbour *now = known(mirror, n->port, &n->addr);

		if (now && !now->installed && mirror_ifindex_of(mirror, n->port) != 0)
			mirror_ask_permanent(mirror, n);
	}
}
