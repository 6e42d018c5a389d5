// Names of devices and of what members of bonds do.
#include "ctl/devices.h"

#include <rte_ethdev.h>
#include <stdio.h>

const char *device_name(uint16_t device, char name[PORT_DEVICE_NAME])
{
	_Static_assert(PORT_DEVICE_NAME >= RTE_ETH_NAME_MAX_LEN, "DPDK's names fit");
	if (rte_eth_dev_get_name_by_port(device, name) != 0)
		snprintf(name, PORT_DEVICE_NAME, "%u", (unsigned)device);
	return name;
}

const char *member_state_name(enum port_member_state state)
{
	static const char *const names[] = {[PORT_MEMBER_DOWN] = "down",
		[PORT_MEMBER_STANDBY] = "standby",
		[PORT_MEMBER_ACTIVE] = "active"};

	return names[state];
}

// With LACP whoever waits does so for a partner that does not agree: nothing could go by it.
bool member_is_up(const struct port *port, enum port_member_state state)
{
	return state == PORT_MEMBER_ACTIVE ||
		(state == PORT_MEMBER_STANDBY && port->bond == PORT_BOND_ACTIVE_BACKUP);
}
