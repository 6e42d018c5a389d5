// show-stats: the gateway's totals.
#include "ctl/gateway.h"
#include "ctl/host_if.h"
#include "ctl/icmp.h"
#include "ctl/journal_service.h"
#include "ctl/mirror.h"
#include "ctl/path_mtu.h"
#include "ctl/punt_service.h"
#include "ctl/server.h"
#include "ctl/show.h"
#include "ctl/show_sum.h"
#include "ctl/unresolved.h"

#include <errno.h>

struct totals {
	struct port_stats side[2]; // by enum port_side
	uint64_t drops[DROP_REASONS];
	uint64_t punts[PUNT_CLASS_COUNT];
	uint64_t punts_refused[PUNT_CLASS_COUNT];
	uint64_t untold;
	struct host_if_stats host_if;
	struct port_losses losses;
};

static void add_losses(struct port_losses *to, const struct port *port)
{
	struct port_losses losses;

	port_losses(port, &losses);
	to->rx_missed += losses.rx_missed;
	to->rx_no_buffer += losses.rx_no_buffer;
	to->rx_errors += losses.rx_errors;
	to->tx_errors += losses.tx_errors;
}

static void add_port(struct totals *totals, const struct gateway *gateway, unsigned index)
{
	struct port_stats sum = show_sum_port(gateway->dp, index);
	struct port_stats *side = &totals->side[gateway->dp->port[index].side];
	const struct host_if *host_if = gateway->host_if[index];

	side->rx_packets += sum.rx_packets;
	side->rx_octets += sum.rx_octets;
	side->tx_packets += sum.tx_packets;
	side->tx_octets += sum.tx_octets;
	add_losses(&totals->losses, &gateway->dp->port[index]);
	for (unsigned i = 0; i < DROP_REASONS; i++)
		totals->drops[i] += sum.drops[i];
	for (unsigned i = 0; i < PUNT_CLASS_COUNT; i++) {
		totals->punts[i] += sum.punts[i];
		totals->punts_refused[i] += sum.punts_refused[i];
	}
	totals->untold += sum.untold;
	if (!host_if)
		return;
	// The control thread's own drops.
	totals->drops[DROP_host_write] += host_if_stats(host_if)->write_failed;
	totals->drops[DROP_inject_full] += host_if_stats(host_if)->inject_full;
	totals->host_if.to_kernel_frames += host_if_stats(host_if)->to_kernel_frames;
	totals->host_if.from_kernel_frames += host_if_stats(host_if)->from_kernel_frames;
	totals->host_if.too_long += host_if_stats(host_if)->too_long;
	totals->host_if.no_buffer += host_if_stats(host_if)->no_buffer;
}

static json_t *side(const struct port_stats *stats)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "rx_packets", (json_int_t)stats->rx_packets,
		"rx_octets", (json_int_t)stats->rx_octets, "tx_packets",
		(json_int_t)stats->tx_packets, "tx_octets", (json_int_t)stats->tx_octets);
}

static json_t *icmp(const struct gateway *gateway)
{
	json_t *shown = json_object();

	for (unsigned i = 0; gateway->icmp && i < ICMP_KIND_COUNT; i++) {
		const struct icmp_stats *stats = icmp_stats(gateway->icmp, (enum icmp_kind)i);

		json_object_set_new(shown, icmp_kind_name((enum icmp_kind)i),
			json_pack("{s:I, s:I, s:I, s:I, s:I}", "sent", (json_int_t)stats->sent,
				"limited", (json_int_t)stats->limited, "suppressed",
				(json_int_t)stats->suppressed, "no_source",
				(json_int_t)stats->no_source, "no_buffer",
				(json_int_t)stats->no_buffer));
	}
	return shown;
}

static json_t *path_mtu(const struct gateway *gateway)
{
	json_t *shown = json_object();

#define X(id)                        \
	if (gateway->path_mtu)       \
		json_object_set_new( \
			shown, #id, show_counter(path_mtu_stats(gateway->path_mtu)->id));
	PATH_MTU_COUNTERS(X)
#undef X
	return shown;
}

static json_t *mirror(const struct gateway *gateway)
{
	const struct mirror_stats *stats;

	if (!gateway->mirror)
		return json_null();
	stats = mirror_stats(gateway->mirror);
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "routes", (json_int_t)stats->routes,
		"changes", (json_int_t)stats->changes, "overruns", (json_int_t)stats->overruns,
		"publications", (json_int_t)stats->publications, "failures",
		(json_int_t)stats->failures);
}

static json_t *neighbours(const struct gateway *gateway)
{
	const struct mirror_stats *stats;
	const struct unresolved_stats *waiting;

	if (!gateway->mirror || !gateway->unresolved)
		return json_null();
	stats = mirror_stats(gateway->mirror);
	waiting = unresolved_stats(gateway->unresolved);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
		"known", (json_int_t)stats->neighbours, "next_hops", (json_int_t)stats->next_hops,
		"managed", (json_int_t)stats->managed, "resolves", (json_int_t)stats->resolves,
		"resolves_limited", (json_int_t)stats->resolves_limited, "probes",
		(json_int_t)stats->probes, "restores", (json_int_t)stats->restores, "waiting",
		(json_int_t)waiting->kept, "resumed", (json_int_t)waiting->resumed, "replaced",
		(json_int_t)waiting->replaced, "expired", (json_int_t)waiting->expired, "failed",
		(json_int_t)waiting->failed, "without_host_interface",
		(json_int_t)waiting->homeless);
}

static json_t *control(const struct gateway *gateway, const struct totals *totals)
{
	const struct server_stats *server = gateway->server ? server_stats(gateway->server) : NULL;
	const struct punt_service_stats *punted =
		gateway->punt_service ? punt_service_stats(gateway->punt_service) : NULL;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "to_kernel_frames",
		(json_int_t)totals->host_if.to_kernel_frames, "from_kernel_frames",
		(json_int_t)totals->host_if.from_kernel_frames, "frames_too_long",
		(json_int_t)totals->host_if.too_long, "frames_without_buffer",
		(json_int_t)totals->host_if.no_buffer, "frames_without_host_interface",
		(json_int_t)(punted ? punted->no_host_if : 0), "senders_untold",
		(json_int_t)totals->untold, "clients", (json_int_t)(server ? server->now : 0),
		"clients_refused", (json_int_t)(server ? server->refused : 0), "requests",
		(json_int_t)(server ? server->requests : 0));
}

// What devices keep in their rings counts as in use.
static json_t *buffers(const struct gateway *gateway)
{
	const struct rte_mempool *pool = gateway->dp->pool;

	if (!pool)
		return json_null();
	return json_pack("{s:I, s:I}", "used", (json_int_t)rte_mempool_in_use_count(pool), "count",
		(json_int_t)pool->size);
}

static json_t *journal(const struct gateway *gateway)
{
	struct leases_usage usage;

	if (!journal_service_usage(gateway->journal, &usage))
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:b}", "records", (json_int_t)usage.records, "used",
		(json_int_t)usage.used, "kept", (json_int_t)usage.kept, "failed",
		(int)usage.failed);
}

int show_stats(struct gateway *gateway, const json_t *arguments, json_t **result, struct error *err)
{
	struct totals totals = {.drops = {0}};

	(void)arguments;
	(void)err;
	for (unsigned i = 0; i < gateway->dp->ports; i++)
		add_port(&totals, gateway, i);
	*result = json_pack(
		"{s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"uptime_s", show_uptime_s(gateway), "protected", side(&totals.side[PORT_PROTECTED]),
		"unprotected", side(&totals.side[PORT_UNPROTECTED]), "drops",
		show_drops(totals.drops, DROP_REASONS), "device_losses",
		show_losses(&totals.losses), "punts", show_punts(totals.punts), "punts_refused",
		show_punts(totals.punts_refused), "icmp", icmp(gateway), "path_mtu",
		path_mtu(gateway), "mirror", mirror(gateway), "neighbours", neighbours(gateway),
		"control", control(gateway, &totals), "replay_pool", show_pool(gateway), "buffers",
		buffers(gateway), "journal", journal(gateway));
	return *result ? 0 : -ENOMEM;
}
