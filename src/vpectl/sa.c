// vpectl show-sa.
#include "ctl/api.h"
#include "vpectl/member.h"
#include "vpectl/pages.h"
#include "vpectl/table.h"
#include "vpectl/vpectl.h"

#include <stdio.h>

static void print_out_lanes(const json_t *sa)
{
	const json_t *lanes = json_object_get(sa, "lanes");
	struct table *table =
		table_create(">worker|>window|>next sequence number|>packets|>octets");
	const json_t *lane;
	size_t i;

	json_array_foreach(lanes, i, lane)
	{
		table_add_number(table, json_object_get(lane, "worker"));
		table_add_number(table, json_object_get(lane, "window_id"));
		table_add_text(table, json_object_get(lane, "next"));
		table_add_number(table, json_object_get(lane, "packets"));
		table_add_number(table, json_object_get(lane, "octets"));
	}
	table_print(table, 2);
}

static void print_in_lanes(const json_t *sa)
{
	const json_t *lanes = json_object_get(sa, "lanes");
	struct table *table;
	const json_t *lane;
	size_t i;

	if (json_array_size(lanes) == 0)
		return;
	table = table_create(">worker|>packets|>octets|>handed over");
	json_array_foreach(lanes, i, lane)
	{
		table_add_number(table, json_object_get(lane, "worker"));
		table_add_number(table, json_object_get(lane, "packets"));
		table_add_number(table, json_object_get(lane, "octets"));
		table_add_number(table, json_object_get(lane, "handed_over"));
	}
	table_print(table, 2);
}

static void print_windows(const json_t *sa)
{
	const json_t *windows = json_object_get(sa, "windows");
	const json_t *list = json_object_get(windows, "list");
	json_int_t used = member_number(windows, "used");
	struct table *table;
	const json_t *window;
	size_t i;

	printf("  windows: %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
	       " in use, %" JSON_INTEGER_FORMAT " packets each\n",
		used, member_number(windows, "max"), member_number(windows, "size"));
	if (json_array_size(list) == 0)
		return;
	table = table_create(">sender|>window|>worker|>top|>accepted|>old|>seen");
	json_array_foreach(list, i, window)
	{
		table_add_number(table, json_object_get(window, "sender_id"));
		table_add_number(table, json_object_get(window, "window_id"));
		table_add_number(table, json_object_get(window, "worker"));
		table_add_text(table, json_object_get(window, "top"));
		table_add_number(table, json_object_get(window, "accepted"));
		table_add_number(table, json_object_get(window, "replay_old"));
		table_add_number(table, json_object_get(window, "replay_seen"));
	}
	table_print(table, 4);
	if ((size_t)used > json_array_size(list))
		printf("    ... and %" JSON_INTEGER_FORMAT " more\n",
			used - (json_int_t)json_array_size(list));
}

static void print_limit(
	const char **separator, const char *used, const char *limit, const char *unit)
{
	printf("%s%s of %s%s", *separator, used, limit, unit);
	*separator = ", ";
}

// What is used, of what is limited.
static void print_lifetime(const json_t *sa, const char *title, const char *name)
{
	const json_t *limits = json_object_get(sa, name);
	char used[TABLE_NUMBER], limit[TABLE_NUMBER];
	const char *separator = "";

	if (!limits)
		return;
	printf("  %s: ", title);
	if (json_object_get(limits, "seconds"))
		print_limit(&separator, table_number(member_number(sa, "age_s"), used),
			table_number(member_number(limits, "seconds"), limit), " s");
	if (json_object_get(limits, "octets"))
		print_limit(&separator, table_octets(member_number(sa, "octets"), used),
			table_octets(member_number(limits, "octets"), limit), "");
	if (json_object_get(limits, "packets"))
		print_limit(&separator, table_number(member_number(sa, "packets"), used),
			table_number(member_number(limits, "packets"), limit), " packets");
	putchar('\n');
}

static void print_sa(const json_t *sa)
{
	char packets[TABLE_NUMBER], octets[TABLE_NUMBER];

	printf("%s: %s %s, SPI 0x%08llx, %s -> %s\n", member_text(sa, "name"),
		member_text(sa, "protocol"), member_text(sa, "direction"),
		(unsigned long long)member_number(sa, "spi"),
		member_text(sa, member_text(sa, "direction")[0] == 'i' ? "remote" : "local"),
		member_text(sa, member_text(sa, "direction")[0] == 'i' ? "local" : "remote"));
	printf("  tunnel %s, %s by %s%s", member_text(sa, "tunnel"), member_text(sa, "algorithm"),
		member_text(sa, "engine"), json_is_true(json_object_get(sa, "esn")) ? ", ESN" : "");
	if (json_object_get(sa, "sender_id"))
		printf(", Sender ID %" JSON_INTEGER_FORMAT, member_number(sa, "sender_id"));
	if (json_object_get(sa, "inner_mtu"))
		printf(", inner MTU %" JSON_INTEGER_FORMAT ", path MTU %" JSON_INTEGER_FORMAT
		       " of %" JSON_INTEGER_FORMAT,
			member_number(sa, "inner_mtu"), member_number(sa, "path_mtu"),
			member_number(sa, "port_mtu"));
	printf("\n  %s packets, %s\n", table_number(member_number(sa, "packets"), packets),
		table_octets(member_number(sa, "octets"), octets));
	print_lifetime(sa, "soft lifetime", "soft_lifetime");
	print_lifetime(sa, "hard lifetime", "hard_lifetime");
	if (json_is_true(json_object_get(sa, "expired")))
		puts("  at the end of its life: carries nothing, and is to be removed");
	if (json_object_get(sa, "windows")) {
		print_in_lanes(sa);
		print_windows(sa);
	} else {
		print_out_lanes(sa);
	}
	table_print_drops(json_object_get(sa, "drops"), 2);
	putchar('\n');
}

static void print_page(const json_t *result, void *to)
{
	const json_t *pool = json_object_get(result, "replay_pool");
	char used[TABLE_NUMBER], all[TABLE_NUMBER];
	const json_t *sa;
	size_t i;

	(void)to;
	json_array_foreach(json_object_get(result, "sas"), i, sa)
	{
		print_sa(sa);
	}
	if (json_object_get(result, "more"))
		return;
	printf("replay pool: %s of %s used\n",
		table_octets(member_number(pool, "used_octets"), used),
		table_octets(member_number(pool, "octets"), all));
}

enum vpectl_exit sa_show(const struct vpectl *ctl, int argc, char **argv)
{
	json_t *arguments;

	if (!vpectl_name_argument(argc, argv, API_SHOW_SA, &arguments))
		return VPECTL_USAGE;
	if (!ctl->json)
		return pages_ask(ctl->socket, API_SHOW_SA, arguments, print_page, NULL);
	return pages_show(ctl, API_SHOW_SA, "sas", arguments, NULL);
}
