// show-ports: ports, their queues and workers, host interfaces and counters.
#include "ctl/devices.h"
#include "ctl/gateway.h"
#include "ctl/host_if.h"
#include "ctl/show.h"
#include "ctl/show_sum.h"

#include <errno.h>
#include <rte_ether.h>

static json_t *mac(const struct rte_ether_addr *addr)
{
	char text[RTE_ETHER_ADDR_FMT_SIZE];

	rte_ether_format_addr(text, sizeof(text), addr);
	for (char *at = text; *at; at++)
		if (*at >= 'A' && *at <= 'F')
			*at = (char)(*at - 'A' + 'a');
	return json_string(text);
}

static json_t *device(uint16_t id)
{
	char name[PORT_DEVICE_NAME];

	return json_string(device_name(id, name));
}

static json_t *devices(const struct port *port)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < port->devices; i++)
		json_array_append_new(list, device(port->device[i]));
	return list;
}

static json_t *member(const struct port *port, uint16_t i)
{
	enum port_member_state state = port_bond_member(port, i);

	return json_pack("{s:o, s:s, s:b}", "device", device(port->member[i]), "state",
		member_state_name(state), "up", (int)member_is_up(port, state));
}

static json_t *bond(const struct port *port)
{
	json_t *members = json_array();

	for (uint16_t i = 0; i < port->members; i++)
		json_array_append_new(members, member(port, i));
	return json_pack("{s:s, s:o}", "mode", bond_mode_name(port->bond), "members", members);
}

static json_t *queues(const struct port_queue *queue, unsigned n)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < n; i++)
		json_array_append_new(list,
			json_pack("{s:i, s:i, s:i}", "device", (int)queue[i].device, "queue",
				(int)queue[i].queue, "worker", (int)queue[i].worker));
	return list;
}

static json_t *host_interface(const struct host_if *host_if)
{
	const struct host_if_stats *stats;

	if (!host_if)
		return json_null();
	stats = host_if_stats(host_if);
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "name",
		host_if_name(host_if), "to_kernel_frames", (json_int_t)stats->to_kernel_frames,
		"to_kernel_octets", (json_int_t)stats->to_kernel_octets, "from_kernel_frames",
		(json_int_t)stats->from_kernel_frames, "from_kernel_octets",
		(json_int_t)stats->from_kernel_octets, "write_failed",
		(json_int_t)stats->write_failed, "too_long", (json_int_t)stats->too_long,
		"no_buffer", (json_int_t)stats->no_buffer, "inject_full",
		(json_int_t)stats->inject_full);
}

static json_t *one(const struct gateway *gateway, unsigned index)
{
	const struct port *port = &gateway->dp->port[index];
	struct port_stats sum = show_sum_port(gateway->dp, index);
	struct port_losses losses;
	json_t *shown = json_pack("{s:s, s:s, s:o, s:o, s:i, s:b, s:i, s:s}", "name", port->name,
		"side", port->side == PORT_PROTECTED ? "protected" : "unprotected", "devices",
		devices(port), "mac", mac(&port->mac), "mtu", (int)port->mtu, "link",
		(int)port_link_up(port), "numa_node", port->socket, "rss", port->rss);

	port_losses(port, &losses);
	if (port->trunk) {
		json_object_set_new(shown, "parent", json_string(port->trunk->name));
		json_object_set_new(shown, "vlan", json_integer(port->vlan.id));
	}
	if (port->bond != PORT_BOND_NONE)
		json_object_set_new(shown, "bond", bond(port));
	json_object_set_new(shown, "rx_queues", queues(port->rxq, port->rxqs));
	json_object_set_new(shown, "tx_queues", queues(port->txq, port->txqs));
	json_object_set_new(shown, "host_interface", host_interface(gateway->host_if[index]));
	json_object_set_new(shown, "rx_packets", show_counter(sum.rx_packets));
	json_object_set_new(shown, "rx_octets", show_counter(sum.rx_octets));
	json_object_set_new(shown, "tx_packets", show_counter(sum.tx_packets));
	json_object_set_new(shown, "tx_octets", show_counter(sum.tx_octets));
	json_object_set_new(shown, "untold", show_counter(sum.untold));
	json_object_set_new(shown, "injected", show_counter(sum.injected));
	json_object_set_new(shown, "fragmented", show_counter(sum.fragmented));
	json_object_set_new(shown, "reassembled", show_counter(sum.reassembled));
	json_object_set_new(shown, "punts", show_punts(sum.punts));
	json_object_set_new(shown, "punts_refused", show_punts(sum.punts_refused));
	json_object_set_new(shown, "device_losses", show_losses(&losses));
	json_object_set_new(shown, "drops", show_drops(sum.drops, DROP_REASONS));
	return shown;
}

int show_ports(struct gateway *gateway, const json_t *arguments, json_t **result, struct error *err)
{
	json_t *list = json_array();

	(void)arguments;
	(void)err;
	for (unsigned i = 0; i < gateway->dp->ports; i++)
		json_array_append_new(list, one(gateway, i));
	*result = json_pack("{s:o}", "ports", list);
	return *result ? 0 : -ENOMEM;
}
