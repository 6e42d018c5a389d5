// Routes of the main table, as messages.
#include "ctl/kernel_route.h"

#include "ctl/netlink.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#define MESSAGE_OCTETS 256

static int ask(
	struct mnl_socket *socket, const struct kernel_route *route, uint16_t type, uint16_t flags)
{
	char request[MESSAGE_OCTETS] __attribute__((aligned(8)));
	struct nlmsghdr *message = mnl_nlmsg_put_header(request);
	size_t octets = ip_addr_octets(route->prefix.addr.family);
	struct rtmsg *rtm;

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	rtm = mnl_nlmsg_put_extra_header(message, sizeof(*rtm));
	rtm->rtm_family = route->prefix.addr.family == IP_V4 ? AF_INET : AF_INET6;
	rtm->rtm_dst_len = route->prefix.length;
	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_protocol = KERNEL_ROUTE_PROTOCOL;
	rtm->rtm_scope = RT_SCOPE_UNIVERSE;
	rtm->rtm_type = RTN_UNICAST;
	mnl_attr_put(message, RTA_DST, octets, route->prefix.addr.octets);
	mnl_attr_put(message, RTA_GATEWAY, octets, route->via.octets);
	mnl_attr_put_u32(message, RTA_OIF, route->ifindex);
	if (route->metric != 0)
		mnl_attr_put_u32(message, RTA_PRIORITY, route->metric);
	return netlink_request(socket, message);
}

int kernel_route_add(struct mnl_socket *socket, const struct kernel_route *route)
{
	return ask(socket, route, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
}

int kernel_route_remove(struct mnl_socket *socket, const struct kernel_route *route)
{
	return ask(socket, route, RTM_DELROUTE, 0);
}
