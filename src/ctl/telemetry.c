// DPDK's telemetry thread looks at what workers count, and at nothing that the control thread
// changes.
#include "ctl/telemetry.h"

#include "base/counter.h"
#include "ctl/show_sum.h"

#include <errno.h>
#include <pthread.h>
#include <rte_telemetry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// DPDK gives a command no argument of ours, and never forgets it.
static const struct dataplane *shown;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int add_drops(const struct dataplane *dp, const char *params, struct rte_tel_data *data)
{
	uint64_t drops[DROP_REASONS] = {0};

	(void)params;
	for (unsigned i = 0; i < dp->ports; i++) {
		struct port_stats sum = show_sum_port(dp, i);

		for (unsigned reason = 0; reason < DROP_REASONS; reason++)
			drops[reason] += sum.drops[reason];
	}
	for (unsigned reason = DROP_NONE + 1; reason < DROP_REASONS; reason++)
		rte_tel_data_add_dict_u64(data, drop_name((enum drop_reason)reason), drops[reason]);
	return 0;
}

static int add_port(const struct dataplane *dp, const char *params, struct rte_tel_data *data)
{
	struct port_stats sum;
	unsigned i = 0;

	while (i < dp->ports && (!params || strcmp(dp->port[i].name, params) != 0))
		i++;
	if (i == dp->ports)
		return -EINVAL;
	sum = show_sum_port(dp, i);
	rte_tel_data_add_dict_u64(data, "rx_packets", sum.rx_packets);
	rte_tel_data_add_dict_u64(data, "rx_octets", sum.rx_octets);
	rte_tel_data_add_dict_u64(data, "rx_full_bursts", sum.rx_full);
	rte_tel_data_add_dict_u64(data, "tx_packets", sum.tx_packets);
	rte_tel_data_add_dict_u64(data, "tx_octets", sum.tx_octets);
	rte_tel_data_add_dict_u64(data, "injected", sum.injected);
	for (unsigned class = 0; class < PUNT_CLASS_COUNT; class ++) {
		char name[RTE_TEL_MAX_STRING_LEN];

		snprintf(name, sizeof(name), "punts_%s", punt_class_name((enum punt_class) class));
		rte_tel_data_add_dict_u64(data, name, sum.punts[class]);
	}
	return 0;
}

static int add_worker(const struct dataplane *dp, const char *params, struct rte_tel_data *data)
{
	const struct worker_stats *stats;
	unsigned long index;
	char *end;

	if (!params)
		return -EINVAL;
	index = strtoul(params, &end, 10);
	if (end == params || *end != '\0' || index >= dp->workers)
		return -EINVAL;
	stats = &dp->worker[index]->stats;
	rte_tel_data_add_dict_u64(data, "lcore", dp->worker[index]->lcore);
	rte_tel_data_add_dict_u64(data, "turns", counter_read(&stats->turns));
	rte_tel_data_add_dict_u64(data, "busy_turns", counter_read(&stats->busy_turns));
	rte_tel_data_add_dict_u64(data, "busy_cycles", counter_read(&stats->busy_cycles));
	rte_tel_data_add_dict_u64(data, "idle_cycles", counter_read(&stats->idle_cycles));
	rte_tel_data_add_dict_u64(data, "handed_out", counter_read(&stats->handed_out));
	rte_tel_data_add_dict_u64(data, "handed_in", counter_read(&stats->handed_in));
	rte_tel_data_add_dict_u64(data, "encap_out", counter_read(&stats->encap_out));
	rte_tel_data_add_dict_u64(data, "encap_in", counter_read(&stats->encap_in));
	rte_tel_data_add_dict_u64(data, "flow_misses", counter_read(&stats->flow_misses));
	return 0;
}

static const struct {
	const char *name;
	int (*add)(const struct dataplane *dp, const char *params, struct rte_tel_data *data);
	const char *help;
} commands[] = {
	{"/vped/drops", add_drops, "Packets dropped, by reason. No parameters"},
	{"/vped/port", add_port, "Counters of a port. Parameters: its name"},
	{"/vped/worker", add_worker, "Counters of a worker. Parameters: its number"},
};

static int answer(const char *name, const char *params, struct rte_tel_data *data)
{
	int rc = -EINVAL;

	pthread_mutex_lock(&lock);
	for (unsigned i = 0; shown && i < RTE_DIM(commands); i++) {
		if (strcmp(commands[i].name, name) != 0)
			continue;
		rte_tel_data_start_dict(data);
		rc = commands[i].add(shown, params, data);
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

int telemetry_open(const struct dataplane *dp, struct error *err)
{
	pthread_mutex_lock(&lock);
	shown = dp;
	pthread_mutex_unlock(&lock);
	for (unsigned i = 0; i < RTE_DIM(commands); i++) {
		int rc = rte_telemetry_register_cmd(commands[i].name, answer, commands[i].help);

		if (rc != 0)
			return error_set(
				err, -rc, "telemetry: %s: %s", commands[i].name, strerror(-rc));
	}
	return 0;
}

void telemetry_close(void)
{
	pthread_mutex_lock(&lock);
	shown = NULL;
	pthread_mutex_unlock(&lock);
}
