// show-workers: what each worker polls, how busy it is, and what it passes on.
#include "base/counter.h"
#include "ctl/gateway.h"
#include "ctl/show.h"
#include "ctl/show_sum.h"

#include <errno.h>
#include <rte_cycles.h>

static const char *const roles[] = {
	[WORKER_ENCRYPT] = "encrypt", [WORKER_DECRYPT] = "decrypt", [WORKER_BOTH] = "both"};

static json_t *queues(const struct dataplane *dp, const struct worker *worker)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < worker->rxqs; i++) {
		const struct rx_queue *rxq = &worker->rxq[i];

		json_array_append_new(list,
			json_pack("{s:s, s:i, s:i}", "port", dp->port[rxq->port].name, "device",
				(int)rxq->device, "queue", (int)rxq->queue));
	}
	return list;
}

static json_t *one(const struct dataplane *dp, const struct worker *worker)
{
	const struct worker_stats *stats = &worker->stats;
	uint64_t drops[DROP_REASONS];
	uint64_t rx = 0;
	uint64_t tx = 0;

	for (unsigned i = 0; i < dp->ports; i++) {
		rx += counter_read(&stats->port[i].rx_packets);
		tx += counter_read(&stats->port[i].tx_packets);
	}
	show_sum_worker_drops(dp, worker, drops);
	return json_pack("{s:i, s:i, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
			 "s:o, s:o}",
		"worker", (int)worker->index, "lcore", (int)worker->lcore, "role",
		roles[worker->role], "idle", worker->idle == WORKER_POLL ? "poll" : "backoff",
		"turns", (json_int_t)counter_read(&stats->turns), "busy_turns",
		(json_int_t)counter_read(&stats->busy_turns), "busy_cycles",
		(json_int_t)counter_read(&stats->busy_cycles), "rx_packets", (json_int_t)rx,
		"tx_packets", (json_int_t)tx, "handed_out",
		(json_int_t)counter_read(&stats->handed_out), "handed_in",
		(json_int_t)counter_read(&stats->handed_in), "encap_out",
		(json_int_t)counter_read(&stats->encap_out), "encap_in",
		(json_int_t)counter_read(&stats->encap_in), "flow_misses",
		(json_int_t)counter_read(&stats->flow_misses), "rx_queues", queues(dp, worker),
		"drops", show_drops(drops, DROP_REASONS));
}

int show_workers(
	struct gateway *gateway, const json_t *arguments, json_t **result, struct error *err)
{
	json_t *list = json_array();

	(void)arguments;
	(void)err;
	for (unsigned i = 0; i < gateway->dp->workers; i++)
		json_array_append_new(list, one(gateway->dp, gateway->dp->worker[i]));
	*result = json_pack("{s:I, s:o}", "tsc_hz", (json_int_t)rte_get_tsc_hz(), "workers", list);
	return *result ? 0 : -ENOMEM;
}
