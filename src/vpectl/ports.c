// vpectl show-ports.
#include "ctl/api.h"
#include "vpectl/member.h"
#include "vpectl/table.h"
#include "vpectl/vpectl.h"

#include <stdio.h>

static void print_queues(const char *what, const json_t *queues)
{
	const json_t *queue;
	size_t i;

	printf("  %-16s", what);
	json_array_foreach(queues, i, queue)
	{
		printf("%s%" JSON_INTEGER_FORMAT "/%" JSON_INTEGER_FORMAT
		       " by worker %" JSON_INTEGER_FORMAT,
			i ? ", " : "", member_number(queue, "device"),
			member_number(queue, "queue"), member_number(queue, "worker"));
	}
	putchar('\n');
}

static void print_host_interface(const json_t *host)
{
	static const char *const losses[] = {
		"write_failed", "too_long", "no_buffer", "inject_full"};
	char in[TABLE_NUMBER], out[TABLE_NUMBER];

	if (!json_is_object(host)) {
		printf("  %-16snone\n", "host interface");
		return;
	}
	printf("  %-16s%s, %s frames to the kernel, %s from it", "host interface",
		member_text(host, "name"),
		table_number(member_number(host, "to_kernel_frames"), in),
		table_number(member_number(host, "from_kernel_frames"), out));
	for (unsigned i = 0; i < sizeof(losses) / sizeof(losses[0]); i++)
		if (member_number(host, losses[i]) != 0)
			printf(", %s %s", losses[i],
				table_number(member_number(host, losses[i]), in));
	putchar('\n');
}

// Only where there is something to say.
static void print_losses(json_t *losses)
{
	const char *separator = "";
	char count[TABLE_NUMBER];
	const char *what;
	json_t *value;

	json_object_foreach(losses, what, value)
	{
		if (json_integer_value(value) == 0)
			continue;
		if (*separator == '\0')
			printf("  %-16s", "device losses");
		printf("%s%s %s", separator, what, table_number(json_integer_value(value), count));
		separator = ", ";
	}
	if (*separator != '\0')
		putchar('\n');
}

// all: those of which there were none, too.
static void print_punts(const char *title, json_t *punts, bool all)
{
	const char *separator = "";
	char packets[TABLE_NUMBER];
	const char *class;
	json_t *count;

	json_object_foreach(punts, class, count)
	{
		if (!all && json_integer_value(count) == 0)
			continue;
		if (*separator == '\0')
			printf("  %-16s", title);
		printf("%s%s %s", separator, class,
			table_number(json_integer_value(count), packets));
		separator = ", ";
	}
	if (*separator != '\0')
		putchar('\n');
}

static void print_traffic(const json_t *port)
{
	char packets[TABLE_NUMBER], octets[TABLE_NUMBER];
	printf("  %-16s%s packets, %s\n", "received",
		table_number(member_number(port, "rx_packets"), packets),
		table_octets(member_number(port, "rx_octets"), octets));
	printf("  %-16s%s packets, %s\n", "sent",
		table_number(member_number(port, "tx_packets"), packets),
		table_octets(member_number(port, "tx_octets"), octets));
	printf("  %-16s%s\n", "split", table_number(member_number(port, "fragmented"), packets));
	printf("  %-16s%s\n", "reassembled",
		table_number(member_number(port, "reassembled"), packets));
	print_punts("to kernel", json_object_get(port, "punts"), true);
	print_punts("  refused", json_object_get(port, "punts_refused"), false);
	printf("  %-16s%s\n", "senders untold",
		table_number(member_number(port, "untold"), packets));
	printf("  %-16s%s\n", "from control",
		table_number(member_number(port, "injected"), packets));
}

static void print_bond(const json_t *bond)
{
	const json_t *member;
	size_t i;

	printf("\n  %-16s%s:", "bond", member_text(bond, "mode"));
	json_array_foreach(json_object_get(bond, "members"), i, member)
	{
		printf("%s %s %s", i ? "," : "", member_text(member, "device"),
			member_text(member, "state"));
	}
}

static void print_port(const json_t *port)
{
	const json_t *device;
	size_t i;

	printf("%s: %s, link %s, MTU %" JSON_INTEGER_FORMAT ", %s, NUMA node %" JSON_INTEGER_FORMAT
	       "\n",
		member_text(port, "name"), member_text(port, "side"),
		json_is_true(json_object_get(port, "link")) ? "up" : "down",
		member_number(port, "mtu"), member_text(port, "mac"),
		member_number(port, "numa_node"));
	printf("  %-16s", "devices");
	json_array_foreach(json_object_get(port, "devices"), i, device)
	{
		printf("%s%s", i ? ", " : "", json_string_value(device));
	}
	if (json_object_get(port, "vlan"))
		printf("those of %s, VLAN %" JSON_INTEGER_FORMAT, member_text(port, "parent"),
			member_number(port, "vlan"));
	if (json_object_get(port, "bond"))
		print_bond(json_object_get(port, "bond"));
	printf("\n  %-16s%s\n", "steering", member_text(port, "rss"));
	print_queues("receive queues", json_object_get(port, "rx_queues"));
	print_queues("transmit queues", json_object_get(port, "tx_queues"));
	print_host_interface(json_object_get(port, "host_interface"));
	print_traffic(port);
	print_losses(json_object_get(port, "device_losses"));
	table_print_drops(json_object_get(port, "drops"), 2);
	putchar('\n');
}

static void print(const json_t *result)
{
	const json_t *port;
	size_t i;

	json_array_foreach(json_object_get(result, "ports"), i, port)
	{
		print_port(port);
	}
}

enum vpectl_exit ports_show(const struct vpectl *ctl, int argc, char **argv)
{
	(void)argv;
	if (!vpectl_no_argument(argc, API_SHOW_PORTS))
		return VPECTL_USAGE;
	return vpectl_ask(ctl, API_SHOW_PORTS, NULL, print);
}
