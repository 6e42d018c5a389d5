// Whether there is a link behind the network interfaces that a port's virtual devices are made of.
// DPDK's drivers do not tell: AF_XDP and AF_PACKET always say up. Belongs to the control thread.
#pragma once

#include "ctl/config.h"

struct carrier;

// Finds the interfaces of a configuration by their names, once: they may get others later. 0 or
// -errno.
int carrier_create(const struct config *config, struct carrier **created);
// NULL is fine.
void carrier_destroy(struct carrier *carrier);

// Asks the kernel. False: an interface of this port is down, has no link or is gone; of a bond, all
// are. A port without such interfaces has all that can be asked for.
bool carrier_is_there(const struct carrier *carrier, unsigned port);
