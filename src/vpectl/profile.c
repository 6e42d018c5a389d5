// vpectl profile.
#include "ctl/api.h"
#include "vpectl/member.h"
#include "vpectl/table.h"
#include "vpectl/vpectl.h"

#include <stdio.h>
#include <string.h>

static double real(const json_t *object, const char *name)
{
	return json_number_value(json_object_get(object, name));
}

static void print_switched(const json_t *result)
{
	printf("profile is %s\n", json_is_true(json_object_get(result, "on")) ? "on" : "off");
}

// "<8: 12 <16: 900": bursts by their cycles a packet.
static void add_histogram(struct table *table, const json_t *histogram)
{
	char text[512] = "";
	size_t used = 0;
	const json_t *bucket;
	size_t i;

	json_array_foreach(histogram, i, bucket)
	{
		json_int_t below = member_number(bucket, "below");
		int n = snprintf(text + used, sizeof(text) - used,
			below > 0 ? "%s<%" JSON_INTEGER_FORMAT ": %" JSON_INTEGER_FORMAT
				  : "%smore%.0" JSON_INTEGER_FORMAT ": %" JSON_INTEGER_FORMAT,
			i ? "  " : "", below, member_number(bucket, "bursts"));

		if (n < 0 || (size_t)n >= sizeof(text) - used)
			break;
		used += (size_t)n;
	}
	table_add(table, "%s", text);
}

static void print_worker(const json_t *worker)
{
	const json_t *stages = json_object_get(worker, "stages");
	struct table *table =
		table_create("stage|>packets|>bursts|>min|>average|>max|bursts by cycles a packet");
	const json_t *stage;
	size_t i;

	printf("worker %" JSON_INTEGER_FORMAT " on lcore %" JSON_INTEGER_FORMAT
	       ", TSC cycles a packet\n",
		member_number(worker, "worker"), member_number(worker, "lcore"));
	json_array_foreach(stages, i, stage)
	{
		table_add_text(table, json_object_get(stage, "stage"));
		table_add_number(table, json_object_get(stage, "packets"));
		table_add_number(table, json_object_get(stage, "bursts"));
		table_add(table, "%.1f", real(stage, "min"));
		table_add(table, "%.1f", real(stage, "average"));
		table_add(table, "%.1f", real(stage, "max"));
		add_histogram(table, json_object_get(stage, "histogram"));
	}
	table_print(table, 2);
}

static void print_profile(const json_t *result)
{
	const json_t *worker;
	size_t i;

	print_switched(result);
	json_array_foreach(json_object_get(result, "workers"), i, worker)
	{
		print_worker(worker);
	}
}

enum vpectl_exit profile(const struct vpectl *ctl, int argc, char **argv)
{
	struct vpectl admin = *ctl;

	admin.socket = ctl->admin_socket;
	if (argc == 1 && strcmp(argv[0], "on") == 0)
		return vpectl_ask(&admin, API_PROFILE_ON, NULL, print_switched);
	if (argc == 1 && strcmp(argv[0], "off") == 0)
		return vpectl_ask(&admin, API_PROFILE_OFF, NULL, print_switched);
	if (argc == 1 && strcmp(argv[0], "show") == 0)
		return vpectl_ask(ctl, API_PROFILE_SHOW, NULL, print_profile);
	fputs("vpectl: profile takes one of on, off, show\n", stderr);
	return VPECTL_USAGE;
}
