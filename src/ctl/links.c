// What ports and members of bonds were when they were last looked at, and what has changed since.
#include "ctl/links.h"

#include "base/log.h"
#include "ctl/carrier.h"
#include "ctl/devices.h"
#include "ctl/gateway.h"
#include "ctl/notify.h"

#include <errno.h>
#include <stdlib.h>

struct links {
	const struct gateway *gateway;
	struct carrier *carrier;
	bool up[PORTS_MAX];
	enum port_member_state member[PORTS_MAX][PORT_DEVICES_MAX];
};

static void ask_for_carriers(struct links *links)
{
	struct dataplane *dp = links->gateway->dp;

	for (unsigned i = 0; i < dp->ports; i++)
		dp->port[i].no_carrier = !carrier_is_there(links->carrier, i);
}

static void look_at_port(struct links *links, const struct port *port, bool *before)
{
	bool up = port_link_up(port);

	if (up == *before)
		return;
	*before = up;
	log_notice("port %s: the link is %s", port->name, up ? "up" : "down");
	notify(links->gateway,
		json_pack("{s:s, s:s, s:b}", "kind", "link", "port", port->name, "up", (int)up));
}

static void tell_member(const struct gateway *gateway, const struct port *port, uint16_t i,
	const char *state, bool up)
{
	char name[PORT_DEVICE_NAME];

	device_name(port->member[i], name);
	log_notice("port %s: member %s is %s", port->name, name, state);
	notify(gateway,
		json_pack("{s:s, s:s, s:s, s:s, s:b}", "kind", "member", "port", port->name,
			"member", name, "state", state, "up", (int)up));
}

static void look_at_members(
	struct links *links, const struct port *port, enum port_member_state *before)
{
	for (uint16_t i = 0; i < port->members; i++) {
		enum port_member_state state = port_bond_member(port, i);

		if (state == before[i])
			continue;
		before[i] = state;
		tell_member(links->gateway, port, i, member_state_name(state),
			member_is_up(port, state));
	}
}

void links_look(struct links *links)
{
	const struct dataplane *dp = links->gateway->dp;

	ask_for_carriers(links);
	for (unsigned i = 0; i < dp->ports; i++) {
		look_at_members(links, &dp->port[i], links->member[i]);
		look_at_port(links, &dp->port[i], &links->up[i]);
	}
}

static void remember(struct links *links)
{
	const struct dataplane *dp = links->gateway->dp;

	ask_for_carriers(links);
	for (unsigned i = 0; i < dp->ports; i++) {
		links->up[i] = port_link_up(&dp->port[i]);
		for (uint16_t k = 0; k < dp->port[i].members; k++)
			links->member[i][k] = port_bond_member(&dp->port[i], k);
	}
}

int links_create(const struct gateway *gateway, struct links **created)
{
	struct links *links = calloc(1, sizeof(*links));
	int ret = links ? carrier_create(gateway->config, &links->carrier) : -ENOMEM;

	if (ret < 0) {
		free(links);
		return ret;
	}
	links->gateway = gateway;
	remember(links);
	*created = links;
	return 0;
}

void links_destroy(struct links *links)
{
	if (!links)
		return;
	carrier_destroy(links->carrier);
	free(links);
}
