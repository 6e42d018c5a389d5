// By netlink: below /proc/sys only the first namespace has these settings.
#include "ctl/neighbour_room.h"

#include "base/log.h"
#include "ctl/netlink.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#define HOSTS 512 // of the links

struct search {
	const char *table;
	unsigned found;
};

static int each_table(const struct nlmsghdr *message, void *arg)
{
	const struct nlattr *a[NDTA_MAX + 1];
	struct search *search = arg;

	if (message->nlmsg_type != RTM_NEWNEIGHTBL ||
		mnl_nlmsg_get_payload_len(message) < sizeof(struct ndtmsg))
		return 0;
	netlink_attributes(message, sizeof(struct ndtmsg), a, NDTA_MAX);
	// Those of interfaces have the table's name as well, and no limits.
	if (a[NDTA_NAME] && a[NDTA_THRESH3] &&
		strcmp(mnl_attr_get_str(a[NDTA_NAME]), search->table) == 0)
		search->found = netlink_u32(a[NDTA_THRESH3], 0);
	return 0;
}

unsigned neighbour_room(uint8_t family)
{
	struct search search = {.table = family == IP_V4 ? "arp_cache" : "ndisc_cache"};

	netlink_dump(RTM_GETNEIGHTBL, family == IP_V4 ? AF_INET : AF_INET6, each_table, &search);
	return search.found;
}

static unsigned check(uint8_t family, const struct ip_addr *remote, unsigned n)
{
	unsigned room = neighbour_room(family);
	unsigned wanted = HOSTS;

	for (unsigned i = 0; i < n; i++)
		wanted += remote[i].family == family;
	if (room == 0 || room >= wanted)
		return 0;
	log_warning("net.ipv%u.neigh.default.gc_thresh3 is %u: the kernel may have no room for all "
		    "neighbours; %u or more is better, for %u ends of tunnels and the links' hosts",
		family, room, wanted, wanted - HOSTS);
	return 1;
}

unsigned neighbour_room_check(const struct ip_addr *remote, unsigned n)
{
	return check(IP_V4, remote, n) + check(IP_V6, remote, n);
}
