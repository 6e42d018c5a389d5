// Metrics of the process and of the control thread.
#include "ctl/audit.h"
#include "ctl/gateway.h"
#include "ctl/icmp.h"
#include "ctl/journal_service.h"
#include "ctl/metrics.h"
#include "ctl/metrics_families.h"
#include "ctl/mirror.h"
#include "ctl/path_mtu.h"
#include "ctl/server.h"
#include "ctl/show.h"
#include "ctl/unresolved.h"
#include "ctl/used_keys.h"

#include <rte_cycles.h>

void metrics_of_process(struct metrics_text *text, const struct gateway *gateway)
{
	metrics_family(
		text, METRICS_GAUGE, "vped_uptime_seconds", "Time since the daemon started.");
	metrics_real(text, show_uptime_s(gateway), NULL);
	metrics_alone(text, METRICS_GAUGE, "vped_tsc_hertz",
		"Cycles of the time stamp counter in a second.", rte_get_tsc_hz());
	metrics_alone(text, METRICS_GAUGE, "vped_policies", "Policies in force.",
		spd_policies(atomic_load_explicit(&gateway->dp->spd, memory_order_relaxed)));
}

static void memory(struct metrics_text *text, const struct dataplane *dp)
{
	metrics_alone(text, METRICS_GAUGE, "vped_buffers_used",
		"Packet buffers in use, those that devices keep in their rings among them.",
		rte_mempool_in_use_count(dp->pool));
	metrics_alone(
		text, METRICS_GAUGE, "vped_buffers", "Packet buffers in all.", dp->pool->size);
	metrics_alone(text, METRICS_GAUGE, "vped_replay_pool_used_bytes",
		"Memory that replay windows use.", window_pool_used(&dp->windows));
	metrics_alone(text, METRICS_GAUGE, "vped_replay_pool_bytes",
		"Memory that replay windows may use.", window_pool_octets(&dp->windows));
}

static void icmp(struct metrics_text *text, const struct icmp *icmp)
{
	metrics_family(text, METRICS_COUNTER, "vped_icmp_errors",
		"ICMP errors that were due, by kind and by what became of them.");
	for (unsigned i = 0; i < ICMP_KIND_COUNT; i++) {
		const char *kind = icmp_kind_name((enum icmp_kind)i);
		const struct icmp_stats *stats = icmp_stats(icmp, (enum icmp_kind)i);

		metrics_count(text, stats->sent, "kind", kind, "outcome", "sent", NULL);
		metrics_count(text, stats->limited, "kind", kind, "outcome", "limited", NULL);
		metrics_count(text, stats->suppressed, "kind", kind, "outcome", "suppressed", NULL);
		metrics_count(text, stats->no_source, "kind", kind, "outcome", "no_source", NULL);
		metrics_count(text, stats->no_buffer, "kind", kind, "outcome", "no_buffer", NULL);
	}
}

static void path_mtu(struct metrics_text *text, const struct path_mtu_stats *stats)
{
	metrics_family(text, METRICS_COUNTER, "vped_path_mtu_messages",
		"What routers said of tunnel packets (heard: all of it), and what became of it.");
#define X(id) metrics_count(text, stats->id, "outcome", #id, NULL);
	PATH_MTU_COUNTERS(X)
#undef X
}

static void mirror(struct metrics_text *text, const struct mirror_stats *stats)
{
	metrics_alone(text, METRICS_GAUGE, "vped_routes", "Routes mirrored from the kernel.",
		stats->routes);
	metrics_alone(
		text, METRICS_GAUGE, "vped_neighbours", "Neighbours known.", stats->neighbours);
	metrics_alone(text, METRICS_GAUGE, "vped_neighbours_kept",
		"Neighbours kept alive as next hops.", stats->next_hops);
	metrics_alone(text, METRICS_COUNTER, "vped_netlink_changes",
		"Changes that the kernel told of.", stats->changes);
	metrics_alone(text, METRICS_COUNTER, "vped_netlink_overruns",
		"Times that changes were lost, and everything was read again.", stats->overruns);
	metrics_alone(text, METRICS_COUNTER, "vped_netlink_failures",
		"Times that the kernel's tables could not be read, published or asked for.",
		stats->failures);
}

static void unresolved(struct metrics_text *text, const struct unresolved_stats *stats)
{
	metrics_alone(text, METRICS_GAUGE, "vped_unresolved_waiting_packets",
		"Packets that wait for their neighbour's link address.", stats->kept);
	metrics_family(text, METRICS_COUNTER, "vped_unresolved_packets",
		"Packets that waited for a neighbour, by what became of them.");
	metrics_count(text, stats->resumed, "outcome", "resumed", NULL);
	metrics_count(text, stats->replaced, "outcome", "replaced", NULL);
	metrics_count(text, stats->expired, "outcome", "expired", NULL);
	metrics_count(text, stats->failed, "outcome", "failed", NULL);
	metrics_count(text, stats->homeless, "outcome", "without_host_interface", NULL);
}

static void control_sockets(struct metrics_text *text, const struct gateway *gateway)
{
	const struct server_stats *read = server_stats(gateway->server);
	const struct server_stats *admin = server_stats(gateway->admin);

	metrics_family(text, METRICS_GAUGE, "vped_control_clients", "Clients of a control socket.");
	metrics_count(text, read->now, "socket", "read", NULL);
	metrics_count(text, admin->now, "socket", "admin", NULL);
	metrics_family(
		text, METRICS_COUNTER, "vped_control_requests", "Requests to a control socket.");
	metrics_count(text, read->requests, "socket", "read", NULL);
	metrics_count(text, admin->requests, "socket", "admin", NULL);
	metrics_family(text, METRICS_COUNTER, "vped_control_clients_closed",
		"Clients of a control socket that were refused or thrown out.");
	metrics_count(text, read->refused + read->closed, "socket", "read", NULL);
	metrics_count(text, admin->refused + admin->closed, "socket", "admin", NULL);
}

static void own(struct metrics_text *text, const struct metrics_stats *stats)
{
	metrics_alone(text, METRICS_COUNTER, "vped_metrics_requests", "Requests for these metrics.",
		stats->requests);
	metrics_alone(text, METRICS_COUNTER, "vped_metrics_clients_closed",
		"Clients of the metrics that were too slow.", stats->closed);
}

static void used_keys(struct metrics_text *text, const struct used_keys *keys)
{
	metrics_alone(text, METRICS_GAUGE, "vped_used_keys",
		"Keys that were in use since the daemon started, which it remembers.",
		used_keys_count(keys));
	metrics_alone(text, METRICS_GAUGE, "vped_used_keys_limit",
		"Keys that it can remember; then new ones are refused.", used_keys_most(keys));
}

static void journal(struct metrics_text *text, const struct journal_service *service)
{
	struct leases_usage usage;

	if (!journal_service_usage(service, &usage))
		return;
	metrics_alone(text, METRICS_GAUGE, "vped_journal_records",
		"Records that the journal has room for.", usage.records);
	metrics_alone(text, METRICS_GAUGE, "vped_journal_records_used",
		"Records of the journal that keys, counters and replay windows use.", usage.used);
	metrics_alone(text, METRICS_GAUGE, "vped_journal_records_kept",
		"Records of the journal that are kept for replay windows to come.", usage.kept);
	metrics_alone(text, METRICS_GAUGE, "vped_journal_failed",
		"Whether the journal cannot be written any more.", usage.failed);
}

void metrics_of_control(struct metrics_text *text, const struct gateway *gateway)
{
	memory(text, gateway->dp);
	used_keys(text, gateway->used_keys);
	metrics_alone(text, METRICS_COUNTER, "vped_audit_records",
		"Auditable events and their repetitions that were recorded.",
		audit_newest(gateway->audit));
	icmp(text, gateway->icmp);
	path_mtu(text, path_mtu_stats(gateway->path_mtu));
	journal(text, gateway->journal);
	mirror(text, mirror_stats(gateway->mirror));
	unresolved(text, unresolved_stats(gateway->unresolved));
	control_sockets(text, gateway);
	if (gateway->metrics)
		own(text, metrics_stats(gateway->metrics));
}
