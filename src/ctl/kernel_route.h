// Routes that vped gives to the kernel and takes away again. They carry a protocol number of their
// own, so that nobody else's is taken for one of them. For the control thread.
#pragma once

#include "base/addr.h"

#define KERNEL_ROUTE_PROTOCOL 86 // rtm_protocol; of no routing daemon

struct mnl_socket;

struct kernel_route {
	struct ip_prefix prefix;
	struct ip_addr via; // of the same family
	uint32_t metric;    // 0: the kernel's own choice
	unsigned ifindex;
};

// socket: of netlink_open_requests. 0, or -errno: -EEXIST there is one for this prefix and metric,
// whoever's.
int kernel_route_add(struct mnl_socket *socket, const struct kernel_route *route);
// -ESRCH: there is none of ours.
int kernel_route_remove(struct mnl_socket *socket, const struct kernel_route *route);
