// Metrics of ports: traffic, drops, what went to the kernel.
#include "ctl/devices.h"
#include "ctl/gateway.h"
#include "ctl/host_if.h"
#include "ctl/metrics_families.h"
#include "ctl/show_sum.h"

#include <stddef.h>

struct view {
	const struct port *port;
	const struct host_if *host_if; // NULL: none
	struct port_stats stats;
	struct port_losses losses;
};

struct views {
	unsigned n;
	struct view view[PORTS_MAX];
};

struct row {
	const char *name;
	const char *help;
	size_t offset;
};

static const struct row port_rows[] = {
	{"vped_port_receive_packets", "Frames that arrived at the port.",
		offsetof(struct port_stats, rx_packets)},
	{"vped_port_receive_bytes", "Octets of frames that arrived, without FCS.",
		offsetof(struct port_stats, rx_octets)},
	{"vped_port_receive_full_bursts",
		"Receive bursts that held as many frames as they may: the queue was backed up.",
		offsetof(struct port_stats, rx_full)},
	{"vped_port_transmit_packets", "Frames that left by the port.",
		offsetof(struct port_stats, tx_packets)},
	{"vped_port_transmit_bytes", "Octets of frames that left, without FCS.",
		offsetof(struct port_stats, tx_octets)},
	{"vped_port_injected_packets", "Frames of the host's own kernel for this port.",
		offsetof(struct port_stats, injected)},
	{"vped_port_fragmented_packets", "Packets that arrived here and were split.",
		offsetof(struct port_stats, fragmented)},
	{"vped_port_reassembled_packets", "Tunnel packets put together from fragments.",
		offsetof(struct port_stats, reassembled)},
};

static const struct row loss_rows[] = {
	{"missed", NULL, offsetof(struct port_losses, rx_missed)},
	{"no_buffer", NULL, offsetof(struct port_losses, rx_no_buffer)},
	{"receive_error", NULL, offsetof(struct port_losses, rx_errors)},
	{"transmit_error", NULL, offsetof(struct port_losses, tx_errors)},
};

static const struct row host_rows[] = {
	{"vped_host_interface_to_kernel_packets", "Frames written to the host interface.",
		offsetof(struct host_if_stats, to_kernel_frames)},
	{"vped_host_interface_to_kernel_bytes", "Octets written to the host interface.",
		offsetof(struct host_if_stats, to_kernel_octets)},
	{"vped_host_interface_from_kernel_packets", "Frames read from the host interface.",
		offsetof(struct host_if_stats, from_kernel_frames)},
	{"vped_host_interface_from_kernel_bytes", "Octets read from the host interface.",
		offsetof(struct host_if_stats, from_kernel_octets)},
	{"vped_host_interface_too_long_packets",
		"Frames of the kernel over the port's MTU, dropped.",
		offsetof(struct host_if_stats, too_long)},
	{"vped_host_interface_no_buffer_packets",
		"Frames of the kernel dropped for want of a buffer.",
		offsetof(struct host_if_stats, no_buffer)},
};

static uint64_t value_of(const void *object, const struct row *row)
{
	return *(const uint64_t *)(const void *)((const uint8_t *)object + row->offset);
}

static void look(const struct gateway *gateway, struct views *views)
{
	views->n = gateway->dp->ports;
	for (unsigned i = 0; i < views->n; i++) {
		struct view *view = &views->view[i];

		view->port = &gateway->dp->port[i];
		view->host_if = gateway->host_if[i];
		view->stats = show_sum_port(gateway->dp, i);
		port_losses(view->port, &view->losses);
		if (!view->host_if)
			continue;
		view->stats.drops[DROP_host_write] += host_if_stats(view->host_if)->write_failed;
		view->stats.drops[DROP_inject_full] += host_if_stats(view->host_if)->inject_full;
	}
}

static void state(struct metrics_text *text, const struct views *views)
{
	metrics_family(text, METRICS_INFO, "vped_port", "Ports, by side.");
	for (unsigned i = 0; i < views->n; i++) {
		const struct port *port = views->view[i].port;

		metrics_count(text, 1, "port", port->name, "side",
			port->side == PORT_PROTECTED ? "protected" : "unprotected", "steering",
			port->rss, NULL);
	}
	metrics_family(text, METRICS_GAUGE, "vped_port_link_up",
		"1 while all devices of the port have a link.");
	for (unsigned i = 0; i < views->n; i++)
		metrics_count(text, port_link_up(views->view[i].port), "port",
			views->view[i].port->name, NULL);
	metrics_family(text, METRICS_GAUGE, "vped_port_mtu_bytes", "Octets of the largest packet.");
	for (unsigned i = 0; i < views->n; i++)
		metrics_count(
			text, views->view[i].port->mtu, "port", views->view[i].port->name, NULL);
}

static unsigned active_members(const struct port *port)
{
	unsigned n = 0;

	for (uint16_t i = 0; i < port->members; i++)
		n += port_bond_member(port, i) == PORT_MEMBER_ACTIVE;
	return n;
}

static void bonds(struct metrics_text *text, const struct views *views)
{
	metrics_family(text, METRICS_GAUGE, "vped_port_members", "Devices that are bonded.");
	for (unsigned i = 0; i < views->n; i++)
		if (views->view[i].port->bond != PORT_BOND_NONE)
			metrics_count(text, views->view[i].port->members, "port",
				views->view[i].port->name, NULL);
	metrics_family(text, METRICS_GAUGE, "vped_port_active_members",
		"Of these, those that carry traffic: one with active-backup.");
	for (unsigned i = 0; i < views->n; i++)
		if (views->view[i].port->bond != PORT_BOND_NONE)
			metrics_count(text, active_members(views->view[i].port), "port",
				views->view[i].port->name, NULL);
}

// Ports without a bond have none.
static void members(struct metrics_text *text, const struct views *views)
{
	metrics_family(text, METRICS_GAUGE, "vped_port_member_up",
		"1 while the device carries traffic for its bond, or could if it were its turn.");
	for (unsigned i = 0; i < views->n; i++) {
		const struct port *port = views->view[i].port;

		for (uint16_t k = 0; k < port->members; k++) {
			char name[PORT_DEVICE_NAME];

			metrics_count(text, member_is_up(port, port_bond_member(port, k)), "port",
				port->name, "member", device_name(port->member[k], name), NULL);
		}
	}
}

static void traffic(struct metrics_text *text, const struct views *views)
{
	for (unsigned row = 0; row < RTE_DIM(port_rows); row++) {
		metrics_family(text, METRICS_COUNTER, port_rows[row].name, port_rows[row].help);
		for (unsigned i = 0; i < views->n; i++)
			metrics_count(text, value_of(&views->view[i].stats, &port_rows[row]),
				"port", views->view[i].port->name, NULL);
	}
	metrics_family(text, METRICS_COUNTER, "vped_port_device_lost_packets",
		"Frames that the devices of the port lost, by their own account.");
	for (unsigned i = 0; i < views->n; i++)
		for (unsigned row = 0; row < RTE_DIM(loss_rows); row++)
			metrics_count(text, value_of(&views->view[i].losses, &loss_rows[row]),
				"port", views->view[i].port->name, "reason", loss_rows[row].name,
				NULL);
}

static void drops(struct metrics_text *text, const struct views *views)
{
	metrics_family(text, METRICS_COUNTER, "vped_dropped_packets",
		"Packets that ended, by the port that they arrived at and the reason.");
	for (unsigned i = 0; i < views->n; i++)
		for (unsigned reason = DROP_NONE + 1; reason < DROP_REASONS; reason++)
			metrics_count(text, views->view[i].stats.drops[reason], "port",
				views->view[i].port->name, "reason",
				drop_name((enum drop_reason)reason), NULL);
}

static void punts(struct metrics_text *text, const struct views *views)
{
	metrics_family(text, METRICS_COUNTER, "vped_punted_packets",
		"Packets given to the host's kernel, by class.");
	for (unsigned i = 0; i < views->n; i++)
		for (unsigned class = 0; class < PUNT_CLASS_COUNT; class ++)
			metrics_count(text, views->view[i].stats.punts[class], "port",
				views->view[i].port->name, "class",
				punt_class_name((enum punt_class) class), NULL);
	metrics_family(text, METRICS_COUNTER, "vped_punts_refused_packets",
		"Packets for the host's kernel over the limits of their class, or without room.");
	for (unsigned i = 0; i < views->n; i++)
		for (unsigned class = 0; class < PUNT_CLASS_COUNT; class ++)
			metrics_count(text, views->view[i].stats.punts_refused[class], "port",
				views->view[i].port->name, "class",
				punt_class_name((enum punt_class) class), NULL);
}

static void host_interfaces(struct metrics_text *text, const struct views *views)
{
	for (unsigned row = 0; row < RTE_DIM(host_rows); row++) {
		metrics_family(text, METRICS_COUNTER, host_rows[row].name, host_rows[row].help);
		for (unsigned i = 0; i < views->n; i++)
			if (views->view[i].host_if)
				metrics_count(text,
					value_of(host_if_stats(views->view[i].host_if),
						&host_rows[row]),
					"port", views->view[i].port->name, NULL);
	}
}

void metrics_of_ports(struct metrics_text *text, const struct gateway *gateway)
{
	struct views views;

	look(gateway, &views);
	state(text, &views);
	bonds(text, &views);
	members(text, &views);
	traffic(text, &views);
	drops(text, &views);
	punts(text, &views);
	host_interfaces(text, &views);
}
