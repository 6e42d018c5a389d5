// The running gateway: everything made in order, everything undone in reverse.
#include "ctl/gateway.h"

#include "base/log.h"
#include "base/secret.h"
#include "ctl/apply.h"
#include "ctl/apply_tell.h"
#include "ctl/audit.h"
#include "ctl/capture_requests.h"
#include "ctl/change_requests.h"
#include "ctl/gateway_sas.h"
#include "ctl/host_guard_watch.h"
#include "ctl/host_if.h"
#include "ctl/icmp.h"
#include "ctl/journal_service.h"
#include "ctl/live.h"
#include "ctl/liveness.h"
#include "ctl/metrics.h"
#include "ctl/mirror.h"
#include "ctl/neighbour_room.h"
#include "ctl/path_mtu.h"
#include "ctl/punt_service.h"
#include "ctl/server.h"
#include "ctl/spi.h"
#include "ctl/sysctl.h"
#include "ctl/telemetry.h"
#include "ctl/unresolved.h"
#include "ctl/used_keys.h"
#include "ctl/watch.h"

#include <errno.h>
#include <event2/event.h>
#include <rte_ether.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIGNALS 3

// What workers keep to themselves, control would not answer, unless very many senders ask too much
// at once.
static uint32_t tell_per_second(const struct config_icmp *icmp)
{
	uint32_t sender = RTE_MAX(icmp->rate, icmp->burst * PUNT_BURST_PER_SECOND);
	uint32_t total = RTE_MAX(icmp->total_rate, icmp->total_burst * PUNT_BURST_PER_SECOND);

	return RTE_MAX(sender * TELL_SENDER_PART, total);
}

static int create_dataplane(struct gateway *gateway, const struct proto_table *protos,
	const struct aead_table *engines, struct error *err)
{
	const struct config *config = gateway->config;
	struct port_params port[PORTS_MAX];
	struct dataplane_params params = {
		.ports = config->ports_n,
		.port = port,
		.workers = config->workers_n,
		.worker = config->workers,
		.burst = config->burst,
		.flows = config->flows,
		.idle = config->idle,
		.virtual_devices = true,
		.buffers = config->buffers.count,
		.buffer_octets = config->buffers.octets,
		.replay_pool_kb = config->replay_pool_kb,
		.tell_per_second = tell_per_second(&config->icmp),
		.tell_refusals = config->icmp.policy_refusal,
		.protos = protos,
		.engines = engines,
	};

	memcpy(params.punt_per_second, config->punt_per_second, sizeof(params.punt_per_second));
	for (unsigned i = 0; i < config->ports_n; i++) {
		port[i] = config->ports[i].params;
		params.virtual_devices &= !config->ports[i].pci;
	}
	return dataplane_create(&params, &gateway->dp, err);
}

static int create_host_ifs(struct gateway *gateway, struct error *err)
{
	int rc = 0;

	sysctl_check_host(gateway->config->host_guard);
	for (unsigned i = 0; i < gateway->dp->ports && rc == 0; i++) {
		const char *name = gateway->config->ports[i].host_interface;

		if (name[0] != '\0')
			rc = host_if_create(gateway->events, gateway->dp, &gateway->dp->port[i],
				name, &gateway->host_if[i], err);
	}
	return rc;
}

struct mirror_lists {
	struct mirror_local *local;
	struct ip_addr *remote;
	struct fwd_neighbour *fixed;
	struct ip_prefix *protect;
};

static void free_lists(struct mirror_lists *lists)
{
	free(lists->local);
	free(lists->remote);
	free(lists->fixed);
	free(lists->protect);
}

static int fill_lists(
	const struct gateway *gateway, struct mirror_lists *lists, struct mirror_params *params)
{
	const struct config *config = gateway->config;
	int rc = apply_ends(
		config, &lists->local, &params->locals, &lists->remote, &params->remotes);

	lists->fixed = calloc(config->neighbours_n + 1, sizeof(lists->fixed[0]));
	if (rc == 0)
		rc = apply_protected(config, &lists->protect, &params->protects);
	if (rc != 0 || lists->fixed == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < config->neighbours_n; i++)
		lists->fixed[i] = config->neighbours[i].entry;
	params->local = lists->local;
	params->remote = lists->remote;
	params->fixed = config->neighbours_n;
	params->fixed_neighbour = lists->fixed;
	params->protect = lists->protect;
	neighbour_room_check(lists->remote, params->remotes);
	return 0;
}

static int create_mirror(struct gateway *gateway, struct error *err)
{
	struct mirror_port port[PORTS_MAX];
	struct mirror_params params = {.events = gateway->events, .port = port};
	struct mirror_lists lists = {.local = NULL};
	int rc = fill_lists(gateway, &lists, &params);

	for (unsigned i = 0; i < gateway->dp->ports; i++) {
		if (gateway->host_if[i] == NULL)
			continue;
		port[params.ports++] = (struct mirror_port){
			.port = (uint8_t)i,
			.ifindex = host_if_ifindex(gateway->host_if[i]),
		};
	}
	if (rc == 0)
		rc = mirror_sink_gateway(gateway, &params.sink);
	if (rc != 0)
		error_set(err, -rc, "no memory for the mirror of routes");
	else
		rc = mirror_create(&params, &gateway->mirror, err);
	free_lists(&lists);
	return rc;
}

static void log_ports(const struct gateway *gateway)
{
	for (unsigned i = 0; i < gateway->dp->ports; i++) {
		const struct port *port = &gateway->dp->port[i];
		char mac[RTE_ETHER_ADDR_FMT_SIZE];

		rte_ether_format_addr(mac, sizeof(mac), &port->mac);
		log_notice(
			"port %s (%s): %s, MTU %u, %u receive and %u transmit queues, steering: %s",
			port->name, port->side == PORT_PROTECTED ? "protected" : "unprotected", mac,
			port->mtu, port->rxqs, port->txqs, port->rss);
	}
}

static int create_control(struct gateway *gateway, struct error *err)
{
	int rc = journal_service_create(gateway, &gateway->journal, err);

	if (rc == 0)
		rc = gateway_install_sas(gateway, err);
	if (rc == 0)
		rc = create_host_ifs(gateway, err);
	if (rc == 0 && gateway->config->host_guard)
		rc = host_guard_watch_create(
			gateway->config, gateway->events, &gateway->guard_watch, err);
	if (rc == 0) {
		rc = path_mtu_create(gateway, &gateway->path_mtu);
		if (rc != 0)
			error_set(err, -rc, "no memory for path MTU discovery");
	}
	if (rc == 0)
		rc = create_mirror(gateway, err);
	if (rc == 0) {
		rc = icmp_create(gateway, &gateway->icmp);
		if (rc != 0)
			error_set(err, -rc, "no memory for ICMP");
	}
	if (rc == 0) {
		rc = unresolved_create(
			gateway->dp, gateway->mirror, gateway->icmp, &gateway->unresolved);
		if (rc != 0)
			error_set(err, -rc, "no memory for packets that wait for neighbours");
	}
	if (rc == 0)
		rc = audit_create(gateway, &gateway->audit, err);
	if (rc == 0)
		rc = liveness_create(gateway, &gateway->liveness, err);
	if (rc == 0)
		rc = punt_service_create(gateway, &gateway->punt_service, err);
	if (rc == 0)
		rc = changes_create(gateway, &gateway->changes, err);
	if (rc == 0)
		rc = server_create(gateway, gateway->config->socket, "vped", &request_table_read,
			&gateway->server, err);
	if (rc == 0)
		rc = server_create(gateway, gateway->config->admin_socket, "vped-admin",
			&request_table_admin, &gateway->admin, err);
	if (rc == 0)
		rc = watch_create(gateway, &gateway->watch, err);
	if (rc == 0 && gateway->config->eal.telemetry)
		rc = telemetry_open(gateway->dp, err);
	if (rc == 0 && gateway->config->metrics.listen[0] != '\0')
		rc = metrics_create(
			gateway, gateway->config->metrics.listen, &gateway->metrics, err);
	return rc;
}

// What is remembered of those who ask.
static int create_memory(struct gateway *gateway, struct error *err)
{
	uint8_t random[16];

	owners_init(&gateway->owners);
	gateway->used_keys = used_keys_create(USED_KEYS_MAX);
	gateway->spis = spi_reservations_create();
	if (gateway->used_keys == NULL || gateway->spis == NULL ||
		secret_random(random, sizeof(random)) != 0)
		return error_set(err, ENOMEM, "no memory for the control thread");
	for (unsigned i = 0; i < sizeof(random); i++)
		snprintf(gateway->instance + 2 * i, 3, "%02x", random[i]);
	return 0;
}

int gateway_create(struct config *config, const struct proto_table *protos,
	const struct aead_table *engines, struct gateway **created, struct error *err)
{
	struct gateway *gateway = calloc(1, sizeof(*gateway));
	int rc = -ENOMEM;

	if (gateway != NULL)
		gateway->events = event_base_new();
	if (gateway == NULL || gateway->events == NULL) {
		error_set(err, ENOMEM, "no memory for the control thread");
		goto failed;
	}
	rc = create_memory(gateway, err);
	if (rc != 0)
		goto failed;
	gateway->config = config;
	clock_gettime(CLOCK_MONOTONIC, &gateway->started);
	rc = create_dataplane(gateway, protos, engines, err);
	if (rc == 0)
		rc = create_control(gateway, err);
	if (rc == 0)
		rc = dataplane_start(gateway->dp, err);
	if (rc != 0)
		goto failed;
	log_ports(gateway);
	log_notice("ready: %u workers, %u tunnels, %u policies, control socket %s",
		gateway->dp->workers, config->tunnels_n, config->policies_n, config->socket);
	*created = gateway;
	return 0;
failed:
	gateway_destroy(gateway);
	return rc;
}

static void on_reloaded(void *arg, int ret, json_t *results, const struct error *err)
{
	(void)arg;
	(void)results;
	if (ret < 0)
		log_error("SIGHUP: %s", err->text);
	else
		log_notice("SIGHUP: the configuration was read again");
}

static void on_hangup(evutil_socket_t number, short what, void *arg)
{
	static const struct request reload = {.name = "reload", .change = change_reload};
	const struct change_step step = {.request = &reload, .arguments = NULL};
	struct gateway *gateway = arg;
	struct change_ticket *ticket;
	struct error err;

	(void)number;
	(void)what;
	if (changes_submit(gateway->changes, &author_daemon, &step, 1, on_reloaded, gateway,
		    &ticket, &err) < 0)
		log_error("SIGHUP: %s", err.text);
}

static void on_stop(evutil_socket_t number, short what, void *arg)
{
	struct gateway *gateway = arg;

	(void)what;
	log_notice("stopping: %s", strsignal(number));
	event_base_loopbreak(gateway->events);
}

int gateway_run(struct gateway *gateway)
{
	static const struct {
		int number;
		event_callback_fn act;
	} signals[SIGNALS] = {{SIGTERM, on_stop}, {SIGINT, on_stop}, {SIGHUP, on_hangup}};
	struct event *on[SIGNALS] = {NULL};
	int rc = 0;

	// What libevent puts back when the loop has ended: told to stop twice, we still stop in
	// order.
	signal(SIGTERM, SIG_IGN);
	for (unsigned i = 0; i < SIGNALS; i++) {
		on[i] = evsignal_new(gateway->events, signals[i].number, signals[i].act, gateway);
		if (on[i] == NULL || event_add(on[i], NULL) != 0)
			rc = -ENOMEM;
	}
	if (rc == 0 && event_base_dispatch(gateway->events) != 0)
		rc = -EIO;
	for (unsigned i = 0; i < SIGNALS; i++) {
		if (on[i] != NULL)
			event_free(on[i]);
	}
	return rc;
}

void gateway_destroy(struct gateway *gateway)
{
	if (gateway == NULL)
		return;
	if (gateway->dp != NULL)
		dataplane_stop(gateway->dp);
	watch_destroy(gateway->watch);
	server_destroy(gateway->admin);
	telemetry_close();
	capture_end(gateway);
	metrics_destroy(gateway->metrics);
	server_destroy(gateway->server);
	// The journal may have something to tell until the end, and nobody listens any more.
	gateway->server = gateway->admin = NULL;
	changes_destroy(gateway->changes);
	punt_service_destroy(gateway->punt_service);
	liveness_destroy(gateway->liveness);
	audit_destroy(gateway->audit);
	unresolved_destroy(gateway->unresolved);
	icmp_destroy(gateway->icmp);
	mirror_destroy(gateway->mirror);
	path_mtu_destroy(gateway->path_mtu);
	host_guard_watch_destroy(gateway->guard_watch);
	for (unsigned i = 0; i < PORTS_MAX; i++)
		host_if_destroy(gateway->host_if[i]);
	live_destroy(gateway);
	spi_reservations_destroy(gateway->spis);
	used_keys_destroy(gateway->used_keys);
	dataplane_destroy(gateway->dp);
	journal_service_destroy(gateway->journal);
	if (gateway->events != NULL)
		event_base_free(gateway->events);
	free(gateway);
}
