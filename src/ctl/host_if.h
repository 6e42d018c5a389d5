// A port's host interface: the TAP by which the kernel sees the port. Frames that are the kernel's
// go in, frames that the kernel sends come out and leave through the port. Belongs to the control
// thread; gone with the process.
#pragma once

#include "base/error.h"
#include "dataplane/port.h"

#include <stdint.h>

struct dataplane;
struct event_base;
struct host_if;
struct rte_mbuf;

struct host_if_stats {
	uint64_t to_kernel_frames;
	uint64_t to_kernel_octets;
	uint64_t from_kernel_frames; // that went on to the port
	uint64_t from_kernel_octets;
	// Frames that ended here.
	uint64_t write_failed; // the kernel took no more
	uint64_t too_long;     // over the port's MTU
	uint64_t no_buffer;
	uint64_t inject_full; // ring to the worker
};

// Makes the interface with the port's MAC address and MTU, closed (ctl/sysctl.h), and brings it up.
// port and dp outlive it. 0 or -errno: -ENOENT no /dev/net/tun, -EPERM no CAP_NET_ADMIN, -EEXIST
// the name is taken.
int host_if_create(struct event_base *events, struct dataplane *dp, const struct port *port,
	const char *name, struct host_if **created, struct error *err);
// NULL is fine.
void host_if_destroy(struct host_if *host_if);

// A whole frame for the kernel. Takes the mbuf.
void host_if_write(struct host_if *host_if, struct rte_mbuf *m);

const char *host_if_name(const struct host_if *host_if);
unsigned host_if_ifindex(const struct host_if *host_if);
const struct host_if_stats *host_if_stats(const struct host_if *host_if);
