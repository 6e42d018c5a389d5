// vpectl show-tunnels.
#include "ctl/api.h"
#include "vpectl/pages.h"
#include "vpectl/table.h"
#include "vpectl/vpectl.h"

#include <stdio.h>
#include <time.h>

static void add_since(struct table *table, const json_t *probe)
{
	time_t since = (time_t)json_number_value(json_object_get(probe, "since"));
	char text[32] = "-";
	struct tm local;

	if (probe && localtime_r(&since, &local))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local);
	table_add(table, "%s", text);
}

static void add_rtt(struct table *table, const json_t *rtt_ms)
{
	if (rtt_ms)
		table_add(table, "%.1f ms", json_number_value(rtt_ms));
	else
		table_add(table, "-");
}

// "1 of 2": that are there.
static void add_routes(struct table *table, const json_t *routes)
{
	const json_t *route;
	unsigned present = 0;
	size_t i;

	json_array_foreach(routes, i, route) present +=
		json_is_true(json_object_get(route, "present"));
	if (json_array_size(routes) == 0)
		table_add(table, "-");
	else
		table_add(table, "%u of %zu", present, json_array_size(routes));
}

// What keeps a probe or a route from working.
static void print_troubles(const json_t *tunnels)
{
	const json_t *tunnel, *route;
	size_t i, k;

	json_array_foreach(tunnels, i, tunnel)
	{
		const char *name = json_string_value(json_object_get(tunnel, "name"));
		const json_t *probe = json_object_get(tunnel, "probe");
		const char *hindered = json_string_value(json_object_get(probe, "hindered"));

		if (hindered)
			printf("%s: not asked now: %s\n", name, hindered);
		json_array_foreach(json_object_get(probe, "routes"), k, route)
		{
			const char *wrong = json_string_value(json_object_get(route, "wrong"));

			if (wrong)
				printf("%s: route to %s via %s: %s\n", name,
					json_string_value(json_object_get(route, "prefix")),
					json_string_value(json_object_get(route, "via")), wrong);
		}
	}
}

static void print(const json_t *result)
{
	struct table *table = table_create("name|local|remote|port|>path MTU|out|>in|peer|state|"
					   "since|>round trip|>asked|>answered|routes");
	const json_t *tunnels = json_object_get(result, "tunnels");
	const json_t *tunnel;
	size_t i;

	json_array_foreach(tunnels, i, tunnel)
	{
		const json_t *probe = json_object_get(tunnel, "probe");

		if (json_is_null(probe))
			probe = NULL;
		table_add_text(table, json_object_get(tunnel, "name"));
		table_add_text(table, json_object_get(tunnel, "local"));
		table_add_text(table, json_object_get(tunnel, "remote"));
		table_add_text(table, json_object_get(tunnel, "port"));
		table_add_number(table, json_object_get(tunnel, "path_mtu"));
		table_add(table, "%s",
			json_is_true(json_object_get(tunnel, "outbound")) ? "yes" : "no");
		table_add_number(table, json_object_get(tunnel, "inbound"));
		table_add_text(table, json_object_get(probe, "peer"));
		table_add_text(table, json_object_get(probe, "state"));
		add_since(table, probe);
		add_rtt(table, json_object_get(probe, "rtt_ms"));
		table_add_number(table, json_object_get(probe, "asked"));
		table_add_number(table, json_object_get(probe, "answered"));
		add_routes(table, json_object_get(probe, "routes"));
	}
	table_print(table, 0);
	print_troubles(tunnels);
}

enum vpectl_exit tunnels_show(const struct vpectl *ctl, int argc, char **argv)
{
	json_t *arguments;

	if (!vpectl_name_argument(argc, argv, API_SHOW_TUNNELS, &arguments))
		return VPECTL_USAGE;
	return pages_show(ctl, API_SHOW_TUNNELS, "tunnels", arguments, print);
}
