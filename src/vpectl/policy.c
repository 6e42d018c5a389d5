// vpectl show-policy.
#include "ctl/api.h"
#include "vpectl/pages.h"
#include "vpectl/table.h"
#include "vpectl/vpectl.h"

#include <stdio.h>

static void add_protocol(struct table *table, const json_t *protocol)
{
	static const struct {
		int number;
		const char *name;
	} known[] = {{1, "icmp"}, {6, "tcp"}, {17, "udp"}, {58, "icmpv6"}, {132, "sctp"}};

	if (json_is_string(protocol)) {
		table_add_text(table, protocol);
		return;
	}
	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (json_integer_value(protocol) == known[i].number) {
			table_add(table, "%s", known[i].name);
			return;
		}
	}
	table_add_number(table, protocol);
}

static void add_ports(struct table *table, const json_t *ports)
{
	json_int_t first = json_integer_value(json_array_get(ports, 0));
	json_int_t last = json_integer_value(json_array_get(ports, 1));

	if (!ports || (first == 0 && last == 65535))
		table_add(table, "any");
	else if (first == last)
		table_add(table, "%" JSON_INTEGER_FORMAT, first);
	else
		table_add(table, "%" JSON_INTEGER_FORMAT "-%" JSON_INTEGER_FORMAT, first, last);
}

static void print(const json_t *result)
{
	struct table *table = table_create(
		">order|name|source|port|destination|port|protocol|action|tunnel|>hits");
	const char *otherwise = json_string_value(json_object_get(result, "otherwise"));
	const json_t *policy;
	size_t i;

	json_array_foreach(json_object_get(result, "policies"), i, policy)
	{
		table_add_number(table, json_object_get(policy, "order"));
		table_add_text(table, json_object_get(policy, "name"));
		table_add_text(table, json_object_get(policy, "source"));
		add_ports(table, json_object_get(policy, "source_ports"));
		table_add_text(table, json_object_get(policy, "destination"));
		add_ports(table, json_object_get(policy, "destination_ports"));
		add_protocol(table, json_object_get(policy, "protocol"));
		table_add_text(table, json_object_get(policy, "action"));
		table_add_text(table, json_object_get(policy, "tunnel"));
		table_add_number(table, json_object_get(policy, "hits"));
	}
	table_print(table, 0);
	printf("otherwise: %s\n", otherwise ? otherwise : "-");
}

enum vpectl_exit policy_show(const struct vpectl *ctl, int argc, char **argv)
{
	json_t *arguments;

	if (!vpectl_name_argument(argc, argv, API_SHOW_POLICY, &arguments))
		return VPECTL_USAGE;
	return pages_show(ctl, API_SHOW_POLICY, "policies", arguments, print);
}
