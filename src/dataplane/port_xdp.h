// What AF_XDP lost, by the kernel's own account. DPDK's driver (22.11) reports what was dropped for
// want of buffers, and leaves out what was dropped because nobody took what was there.
#pragma once

#include "dataplane/port.h"

// Finds the sockets of a port that has just been opened: those that no port before it has. The
// drivers own them.
void port_xdp_find(struct port *port, const struct port *before, unsigned n);
// Packets that found their receive ring full.
uint64_t port_xdp_ring_full(const struct port *port);
