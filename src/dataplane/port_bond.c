// Bonding devices: made of their members, asked which of these carry traffic, taken apart.
#include "dataplane/port_bond.h"

#include "dataplane/port_lacp.h"

#include <errno.h>
#include <rte_eth_bond.h>
#include <rte_ethdev.h>
#include <stdio.h>

static const uint8_t modes[] = {
	[PORT_BOND_ACTIVE_BACKUP] = BONDING_MODE_ACTIVE_BACKUP,
	[PORT_BOND_BALANCE_XOR] = BONDING_MODE_BALANCE,
	[PORT_BOND_LACP] = BONDING_MODE_8023AD,
};

static const uint8_t policies[] = {
	[PORT_BOND_LAYER2] = BALANCE_XMIT_POLICY_LAYER2,
	[PORT_BOND_LAYER23] = BALANCE_XMIT_POLICY_LAYER23,
	[PORT_BOND_LAYER34] = BALANCE_XMIT_POLICY_LAYER34,
};

static void name_bond(const struct port *port, char name[PORT_DEVICE_NAME])
{
	snprintf(name, PORT_DEVICE_NAME, "net_bonding%u", port->index);
}

static int find_member(
	const struct port *port, const char *name, uint16_t *member, struct error *err)
{
	int rc = rte_eth_dev_get_port_by_name(name, member);

	if (rc == 0)
		return 0;
	return error_set(err, -rc,
		"port %s: device %s: device not found; is its name right, its driver there?",
		port->name, name);
}

static int add_members(
	struct port *port, uint16_t bond, const struct port_params *params, struct error *err)
{
	for (uint16_t i = 0; i < params->devices; i++) {
		uint16_t member;
		int rc = find_member(port, params->device[i], &member, err);

		if (rc != 0)
			return rc;
		if (rte_eth_bond_slave_add(bond, member) != 0)
			return error_set(err, EINVAL,
				"port %s: device %s cannot be a member of a bond; DPDK's own "
				"messages are above",
				port->name, params->device[i]);
		port->member[port->members++] = member;
	}
	return 0;
}

int port_bond_create(struct port *port, const struct port_params *params,
	char name[PORT_DEVICE_NAME], struct error *err)
{
	uint16_t first;
	int rc = find_member(port, params->device[0], &first, err);
	int bond;

	if (rc != 0)
		return rc;
	name_bond(port, name);
	// It wants a node; of devices without one any is as good.
	bond = rte_eth_bond_create(
		name, modes[params->bond.mode], (uint8_t)RTE_MAX(0, rte_eth_dev_socket_id(first)));
	if (bond < 0)
		return error_set(err, ENODEV,
			"port %s: no bonding device; is DPDK's driver net_bonding there?",
			port->name);
	port->bond = params->bond.mode;
	rte_eth_bond_xmit_policy_set((uint16_t)bond, policies[params->bond.hash]);
	return add_members(port, (uint16_t)bond, params, err);
}

void port_bond_destroy(struct port *port)
{
	char name[PORT_DEVICE_NAME];
	uint16_t bond;

	if (port->bond == PORT_BOND_NONE)
		return;
	name_bond(port, name);
	// Where it was never opened it has its members still, and cannot go.
	if (rte_eth_dev_get_port_by_name(name, &bond) == 0)
		rte_eth_dev_close(bond);
	rte_eth_bond_free(name);
	while (port->members > 0)
		rte_eth_dev_close(port->member[--port->members]);
	port->bond = PORT_BOND_NONE;
}

static bool has_link(const struct port *port, uint16_t member)
{
	uint16_t active[PORT_DEVICES_MAX];
	int n = rte_eth_bond_active_slaves_get(port->device[0], active, RTE_DIM(active));

	for (int i = 0; i < n; i++)
		if (active[i] == member)
			return true;
	return false;
}

enum port_member_state port_bond_member(const struct port *port, uint16_t i)
{
	uint16_t member = port->member[i];
	bool active = true;

	if (!has_link(port, member))
		return PORT_MEMBER_DOWN;
	if (port->bond == PORT_BOND_ACTIVE_BACKUP)
		active = rte_eth_bond_primary_get(port->device[0]) == member;
	else if (port->bond == PORT_BOND_LACP)
		active = port_lacp_distributes(port->device[0], member);
	return active ? PORT_MEMBER_ACTIVE : PORT_MEMBER_STANDBY;
}

bool port_bond_carries(const struct port *port)
{
	for (uint16_t i = 0; i < port->members; i++)
		if (port_bond_member(port, i) == PORT_MEMBER_ACTIVE)
			return true;
	return false;
}
