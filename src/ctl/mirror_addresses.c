// The gateway's own addresses on its host interfaces, to choose the source of what it says itself.
#include "ctl/mirror_private.h"

#include "base/array.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

struct reading {
	const struct mirror *mirror;
	struct mirror_addresses addresses;
};

static int add(struct mirror_addresses *addresses, const struct mirror_address *address)
{
	struct mirror_address *room = array_room(
		addresses->address, addresses->n, &addresses->room, sizeof(addresses->address[0]));

	if (!room)
		return -ENOMEM;
	addresses->address = room;
	addresses->address[addresses->n++] = *address;
	return 0;
}

static int each_address(const struct nlmsghdr *message, void *arg)
{
	struct reading *r = arg;
	const struct nlattr *a[IFA_MAX + 1];
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(message);
	struct mirror_address address;
	int port;

	if (message->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(message) < sizeof(*ifa))
		return 0;
	port = mirror_port_of(r->mirror, ifa->ifa_index);
	if (port < 0)
		return 0;
	netlink_attributes(message, sizeof(*ifa), a, IFA_MAX);
	if (netlink_u32(a[IFA_FLAGS], ifa->ifa_flags) & (IFA_F_TENTATIVE | IFA_F_DADFAILED))
		return 0;
	// On point-to-point links IFA_ADDRESS is the other end's.
	address.prefix.addr =
		netlink_addr(a[IFA_LOCAL] ? a[IFA_LOCAL] : a[IFA_ADDRESS], ifa->ifa_family);
	address.prefix.length = ifa->ifa_prefixlen;
	address.port = (uint8_t)port;
	address.global = ifa->ifa_scope == RT_SCOPE_UNIVERSE;
	if (address.prefix.addr.family == IP_NONE || ifa->ifa_scope >= RT_SCOPE_HOST)
		return 0;
	return add(&r->addresses, &address);
}

int mirror_addresses_read(struct mirror *mirror)
{
	struct reading r = {.mirror = mirror};
	int ret = netlink_dump(RTM_GETADDR, AF_INET, each_address, &r);

	if (ret == 0)
		ret = netlink_dump(RTM_GETADDR, AF_INET6, each_address, &r);
	if (ret < 0) {
		free(r.addresses.address);
		return ret;
	}
	free(mirror->addresses.address);
	mirror->addresses = r.addresses;
	return 0;
}

// Larger is better; 0: never.
static unsigned worth(
	const struct mirror_address *address, uint8_t port, const struct ip_addr *near)
{
	unsigned value = 1;

	if (address->prefix.addr.family != near->family)
		return 0;
	if (address->port == port) {
		value += 1024;
		if (ip_prefix_contains(&address->prefix, near))
			value += address->prefix.length;
	}
	// A link-local address means nothing on another link.
	else if (!address->global)
		return 0;
	if (address->global)
		value += 512;
	return value;
}

bool mirror_source(const struct mirror *mirror, uint8_t port, const struct ip_addr *near,
	mirror_fits *fits, void *arg, struct ip_addr *source)
{
	const struct mirror_address *best = NULL;
	unsigned most = 0;

	for (unsigned i = 0; i < mirror->addresses.n; i++) {
		const struct mirror_address *address = &mirror->addresses.address[i];
		unsigned value = worth(address, port, near);

		if (value > most && (!fits || fits(arg, &address->prefix.addr))) {
			most = value;
			best = address;
		}
	}
	if (best)
		*source = best->prefix.addr;
	return best != NULL;
}
