// Route netlink (rtnetlink(7)) over libmnl: whole dumps, a socket that hears of changes, and the
// reading of attributes. For the control thread.
#pragma once

#include "base/addr.h"

#include <libmnl/libmnl.h>

// Reads a whole table: type is RTM_GETROUTE and the like, family AF_*. each() sees every message
// and returns 0 or -errno, which ends the dump. The kernel answers at once; a dump that changed
// under our eyes is -EINTR: do it again. 0 or -errno.
int netlink_dump(uint16_t type, uint8_t family,
	int (*each)(const struct nlmsghdr *message, void *arg), void *arg);

// A non-blocking socket that is told of the changes of these groups (RTNLGRP_*). The caller's, to
// be closed with mnl_socket_close. 0 or -errno.
int netlink_listen(const unsigned *groups, unsigned n, struct mnl_socket **opened);

// A socket for netlink_request. The caller's, to be closed with mnl_socket_close. 0 or -errno.
int netlink_open_requests(struct mnl_socket **opened);
// Asks the kernel for one change and waits for its word, which comes at once. message: with
// NLM_F_REQUEST; flags and number are seen to here. 0, or -errno: the kernel's, or ours.
int netlink_request(struct mnl_socket *socket, struct nlmsghdr *message);

// found[type] becomes the attribute of this type, or NULL; found has max + 1 places. header: octets
// of the family's own header in front of the attributes.
void netlink_attributes(
	const struct nlmsghdr *message, size_t header, const struct nlattr *found[], unsigned max);
// The attribute's 32 bits (host byte order), or fallback where it is missing.
uint32_t netlink_u32(const struct nlattr *attribute, uint32_t fallback);
// An address of this AF_* family, or family IP_NONE where it is missing or has another length.
struct ip_addr netlink_addr(const struct nlattr *attribute, uint8_t family);
// RTA_VIA: a next hop that names its own family; IP_NONE where it is missing or of another one.
struct ip_addr netlink_via(const struct nlattr *attribute);
