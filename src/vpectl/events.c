// vpectl show-events.
#include "ctl/api.h"
#include "vpectl/table.h"
#include "vpectl/vpectl.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static void add_time(struct table *table, const json_t *number)
{
	double seconds = json_number_value(number);
	time_t whole = (time_t)seconds;
	char text[32] = "";
	struct tm local;

	if (localtime_r(&whole, &local))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local);
	table_add(table, "%s.%03d", text, (int)((seconds - (double)whole) * 1000));
}

static void add_endpoint(struct table *table, const json_t *addr, const json_t *port)
{
	if (port)
		table_add(table, "%s %" JSON_INTEGER_FORMAT, json_string_value(addr),
			json_integer_value(port));
	else
		table_add_text(table, addr);
}

static void add_hex(struct table *table, const json_t *number, int digits)
{
	if (number)
		table_add(
			table, "0x%0*llx", digits, (unsigned long long)json_integer_value(number));
	else
		table_add(table, "-");
}

static void add_event(struct table *table, const json_t *event)
{
	const json_t *more = json_object_get(event, "more");

	add_time(table, json_object_get(event, "time"));
	if (more)
		table_add(table, "%s, %" JSON_INTEGER_FORMAT " more",
			json_string_value(json_object_get(event, "kind")),
			json_integer_value(more));
	else
		table_add_text(table, json_object_get(event, "kind"));
	table_add_text(table, json_object_get(event, "port"));
	table_add_text(table, json_object_get(event, "tunnel"));
	add_hex(table, json_object_get(event, "spi"), 8);
	table_add_text(table, json_object_get(event, "sequence"));
	add_endpoint(
		table, json_object_get(event, "source"), json_object_get(event, "source_port"));
	add_endpoint(table, json_object_get(event, "destination"),
		json_object_get(event, "destination_port"));
	table_add_number(table, json_object_get(event, "protocol"));
	add_hex(table, json_object_get(event, "flow_label"), 5);
}

static void print(const json_t *result)
{
	struct table *table = table_create("time|event|port|tunnel|SPI|>sequence|source|"
					   "destination|>protocol|flow label");
	const json_t *event;
	size_t i;

	json_array_foreach(json_object_get(result, "events"), i, event) add_event(table, event);
	table_print(table, 0);
}

enum vpectl_exit events_show(const struct vpectl *ctl, int argc, char **argv)
{
	(void)argv;
	if (!vpectl_no_argument(argc, API_SHOW_EVENTS))
		return VPECTL_USAGE;
	return vpectl_ask(ctl, API_SHOW_EVENTS, NULL, print);
}
