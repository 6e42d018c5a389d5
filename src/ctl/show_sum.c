// Adding up statistics.
#include "ctl/show_sum.h"

#include "base/counter.h"

struct port_stats show_sum_port(const struct dataplane *dp, unsigned port)
{
	struct port_stats sum = {.rx_packets = 0};

	for (unsigned i = 0; i < dp->workers; i++) {
		const struct port_stats *stats = &dp->worker[i]->stats.port[port];

		sum.rx_packets += counter_read(&stats->rx_packets);
		sum.rx_octets += counter_read(&stats->rx_octets);
		sum.rx_full += counter_read(&stats->rx_full);
		sum.tx_packets += counter_read(&stats->tx_packets);
		sum.tx_octets += counter_read(&stats->tx_octets);
		sum.untold += counter_read(&stats->untold);
		sum.injected += counter_read(&stats->injected);
		sum.fragmented += counter_read(&stats->fragmented);
		sum.reassembled += counter_read(&stats->reassembled);
		for (unsigned j = 0; j < PUNT_CLASS_COUNT; j++) {
			sum.punts[j] += counter_read(&stats->punts[j]);
			sum.punts_refused[j] += counter_read(&stats->punts_refused[j]);
		}
		for (unsigned j = 0; j < DROP_REASONS; j++)
			sum.drops[j] += counter_read(&stats->drops[j]);
	}
	for (unsigned j = 0; j < DROP_REASONS; j++)
		sum.drops[j] += counter_read(&dp->control_drops[port][j]);
	return sum;
}

void show_sum_worker_drops(
	const struct dataplane *dp, const struct worker *worker, uint64_t drops[DROP_REASONS])
{
	for (unsigned reason = 0; reason < DROP_REASONS; reason++) {
		drops[reason] = 0;
		for (unsigned port = 0; port < dp->ports; port++)
			drops[reason] += counter_read(&worker->stats.port[port].drops[reason]);
	}
}
