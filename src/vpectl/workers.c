// vpectl show-workers.
#include "ctl/api.h"
#include "vpectl/member.h"
#include "vpectl/table.h"
#include "vpectl/vpectl.h"

#include <stdio.h>

static void add_worker(struct table *table, const json_t *worker)
{
	json_int_t turns = member_number(worker, "turns");
	json_int_t packets = member_number(worker, "rx_packets");

	table_add_number(table, json_object_get(worker, "worker"));
	table_add_number(table, json_object_get(worker, "lcore"));
	table_add_text(table, json_object_get(worker, "role"));
	table_add_text(table, json_object_get(worker, "idle"));
	table_add_number(table, json_object_get(worker, "rx_packets"));
	table_add_number(table, json_object_get(worker, "tx_packets"));
	if (turns > 0)
		table_add(table, "%.1f %%",
			100.0 * (double)member_number(worker, "busy_turns") / (double)turns);
	else
		table_add(table, "-");
	if (packets > 0)
		table_add(table, "%.0f",
			(double)member_number(worker, "busy_cycles") / (double)packets);
	else
		table_add(table, "-");
	table_add_number(table, json_object_get(worker, "handed_out"));
	table_add_number(table, json_object_get(worker, "handed_in"));
	table_add_number(table, json_object_get(worker, "encap_out"));
	table_add_number(table, json_object_get(worker, "encap_in"));
	table_add_number(table, json_object_get(worker, "flow_misses"));
}

static void print_details(const json_t *worker)
{
	const json_t *queue;
	size_t i;

	printf("worker %" JSON_INTEGER_FORMAT " polls ", member_number(worker, "worker"));
	json_array_foreach(json_object_get(worker, "rx_queues"), i, queue)
	{
		const char *port = json_string_value(json_object_get(queue, "port"));

		printf("%s%s %" JSON_INTEGER_FORMAT "/%" JSON_INTEGER_FORMAT, i ? ", " : "",
			port ? port : "-", member_number(queue, "device"),
			member_number(queue, "queue"));
	}
	puts(i ? "" : "nothing");
	table_print_drops(json_object_get(worker, "drops"), 2);
}

static void print(const json_t *result)
{
	const json_t *workers = json_object_get(result, "workers");
	struct table *table = table_create(
		">worker|>lcore|role|idle|>rx packets|>tx packets|>busy turns|"
		">cycles/packet|>handed out|>handed in|>encap out|>encap in|>flow misses");
	const json_t *worker;
	size_t i;

	json_array_foreach(workers, i, worker)
	{
		add_worker(table, worker);
	}
	table_print(table, 0);
	putchar('\n');
	json_array_foreach(workers, i, worker)
	{
		print_details(worker);
	}
}

enum vpectl_exit workers_show(const struct vpectl *ctl, int argc, char **argv)
{
	(void)argv;
	if (!vpectl_no_argument(argc, API_SHOW_WORKERS))
		return VPECTL_USAGE;
	return vpectl_ask(ctl, API_SHOW_WORKERS, NULL, print);
}
