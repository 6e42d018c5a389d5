// Devices of ports, and the members of bonds among them, in words. Belongs to the control thread.
#pragma once

#include "dataplane/port_bond.h"

// DPDK's name of a device, or its number where that has none; into name, which is returned.
const char *device_name(uint16_t device, char name[PORT_DEVICE_NAME]);
const char *member_state_name(enum port_member_state state);
// A member in this state carries traffic, or would if it were its turn.
bool member_is_up(const struct port *port, enum port_member_state state);
