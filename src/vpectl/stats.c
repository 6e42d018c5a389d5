// vpectl show-stats.
#include "ctl/api.h"
#include "vpectl/table.h"
#include "vpectl/vpectl.h"

#include <stdio.h>

static void print_uptime(double seconds)
{
	unsigned long whole = (unsigned long)seconds;

	printf("up ");
	if (whole >= 86400)
		printf("%lu d ", whole / 86400);
	printf("%02lu:%02lu:%02lu\n", whole / 3600 % 24, whole / 60 % 60, whole % 60);
}

static void add_side(struct table *table, const json_t *result, const char *side)
{
	const json_t *stats = json_object_get(result, side);

	table_add(table, "%s", side);
	table_add_number(table, json_object_get(stats, "rx_packets"));
	table_add_number(table, json_object_get(stats, "rx_octets"));
	table_add_number(table, json_object_get(stats, "tx_packets"));
	table_add_number(table, json_object_get(stats, "tx_octets"));
}

// {"first_name": 1, "name": 0, "other": 2} as "first name 1, other 2": the first always, others
// where there is something to say; or all of them.
static void print_numbers(const char *title, json_t *object, bool all)
{
	const char *separator = "";
	char buf[TABLE_NUMBER];
	const char *key;
	json_t *value;

	printf("%-14s", title);
	json_object_foreach(object, key, value)
	{
		if (!all && *separator && json_integer_value(value) == 0)
			continue;
		fputs(separator, stdout);
		for (const char *at = key; *at; at++)
			putchar(*at == '_' ? ' ' : *at);
		printf(" %s", table_number(json_integer_value(value), buf));
		separator = ", ";
	}
	putchar('\n');
}

static void print_journal(const json_t *journal)
{
	char used[TABLE_NUMBER], kept[TABLE_NUMBER], all[TABLE_NUMBER];

	if (!json_is_object(journal))
		return;
	printf("%-14s%s of %s records used, %s kept for windows to come%s\n", "journal",
		table_number(json_integer_value(json_object_get(journal, "used")), used),
		table_number(json_integer_value(json_object_get(journal, "records")), all),
		table_number(json_integer_value(json_object_get(journal, "kept")), kept),
		json_is_true(json_object_get(journal, "failed")) ? "; it cannot be written" : "");
}

static void print(const json_t *result)
{
	struct table *table = table_create("side|>rx packets|>rx octets|>tx packets|>tx octets");
	json_t *icmp = json_object_get(result, "icmp");
	const json_t *pool = json_object_get(result, "replay_pool");
	const json_t *buffers = json_object_get(result, "buffers");
	char used[TABLE_NUMBER], all[TABLE_NUMBER];
	const char *kind;
	json_t *counters;

	print_uptime(json_real_value(json_object_get(result, "uptime_s")));
	putchar('\n');
	add_side(table, result, "protected");
	add_side(table, result, "unprotected");
	table_print(table, 0);
	putchar('\n');
	print_numbers("to kernel", json_object_get(result, "punts"), true);
	print_numbers("  refused", json_object_get(result, "punts_refused"), false);
	json_object_foreach(icmp, kind, counters)
	{
		char title[64];

		snprintf(title, sizeof(title), "ICMP %.50s", kind);
		print_numbers(title, counters, false);
	}
	print_numbers("path MTU", json_object_get(result, "path_mtu"), false);
	print_numbers("device losses", json_object_get(result, "device_losses"), false);
	print_numbers("mirror", json_object_get(result, "mirror"), false);
	print_numbers("neighbours", json_object_get(result, "neighbours"), false);
	print_numbers("control", json_object_get(result, "control"), false);
	printf("%-14s%s of %s used\n", "replay pool",
		table_octets(json_integer_value(json_object_get(pool, "used_octets")), used),
		table_octets(json_integer_value(json_object_get(pool, "octets")), all));
	printf("%-14s%s of %s used\n", "buffers",
		table_number(json_integer_value(json_object_get(buffers, "used")), used),
		table_number(json_integer_value(json_object_get(buffers, "count")), all));
	print_journal(json_object_get(result, "journal"));
	if (json_array_size(json_object_get(result, "drops")) > 0)
		putchar('\n');
	table_print_drops(json_object_get(result, "drops"), 0);
}

enum vpectl_exit stats_show(const struct vpectl *ctl, int argc, char **argv)
{
	(void)argv;
	if (!vpectl_no_argument(argc, API_SHOW_STATS))
		return VPECTL_USAGE;
	return vpectl_ask(ctl, API_SHOW_STATS, NULL, print);
}
