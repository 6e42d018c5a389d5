// Ports made of several devices that are bonded: the port's one device is net_bonding's, and theirs
// are its members. Control thread.
#pragma once

#include "dataplane/port.h"

enum port_member_state {
	PORT_MEMBER_DOWN,    // no link
	PORT_MEMBER_STANDBY, // a link, but another member's turn, or a partner that does not agree
	PORT_MEMBER_ACTIVE,  // frames leave and arrive by it
};

// Makes the bonding device of the devices that params names; its name is put into name. The port
// has its index already. 0 or -errno; port_bond_destroy undoes what there is then too.
int port_bond_create(struct port *port, const struct port_params *params,
	char name[PORT_DEVICE_NAME], struct error *err);
// Closes the bonding device and its members. A port without a bond is fine.
void port_bond_destroy(struct port *port);

// Of port->member[i].
enum port_member_state port_bond_member(const struct port *port, uint16_t i);
// A member is active.
bool port_bond_carries(const struct port *port);
