// Which tunnels are looked after, and how that follows the configuration.
#include "ctl/liveness.h"

#include "base/array.h"
#include "base/log.h"
#include "base/secret.h"
#include "ctl/gateway.h"
#include "ctl/liveness_private.h"
#include "ctl/netlink.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

// Probes of many tunnels do not go all at once. The first may bring routes, so none waits for long.
#define SPREAD 16
#define SPREAD_MS_MAX 1000

static void destroy_probe(struct probe *probe)
{
	if (!probe)
		return;
	probe_routes_drop(probe, NULL);
	if (probe->tick)
		event_free(probe->tick);
	if (probe->tunnel->probe == probe)
		probe->tunnel->probe = NULL;
	free(probe);
}

static struct probe *create_probe(struct liveness *liveness, const struct config_tunnel *from)
{
	struct probe **grown = array_room(
		liveness->probe, liveness->n, &liveness->room, sizeof(liveness->probe[0]));
	struct probe *probe = calloc(1, sizeof(*probe));
	uint32_t spread_ms = from->probe.interval_ms;

	if (spread_ms > SPREAD_MS_MAX)
		spread_ms = SPREAD_MS_MAX;
	if (grown)
		liveness->probe = grown;
	if (!grown || !probe || secret_random(&probe->id, sizeof(probe->id)) < 0 ||
		secret_random(&probe->seq, sizeof(probe->seq)) < 0) {
		free(probe);
		return NULL;
	}
	probe->liveness = liveness;
	probe->tunnel = from->live;
	probe->settings = from->probe;
	clock_gettime(CLOCK_REALTIME, &probe->since);
	from->live->probe = probe;
	if (probe_start(probe, spread_ms / SPREAD * (from->live->index % SPREAD)) < 0) {
		destroy_probe(probe);
		return NULL;
	}
	liveness->probe[liveness->n++] = probe;
	return probe;
}

static bool same_ends(const struct config_probe *a, const struct config_probe *b)
{
	return ip_addr_equal(&a->peer, &b->peer) && ip_addr_equal(&a->local, &b->local);
}

// The state stays: it is about the same two ends. Routes that stay are not touched.
static void change_probe(struct probe *probe, const struct config_probe *next)
{
	struct probe_route route[CONFIG_PROBE_ROUTES_MAX] = {{.ours = false}};
	bool other_interval = next->interval_ms != probe->settings.interval_ms;

	probe_routes_drop(probe, next);
	for (unsigned i = 0; i < next->routes_n; i++)
		for (unsigned k = 0; k < probe->settings.routes_n; k++)
			if (memcmp(&next->route[i], &probe->settings.route[k],
				    sizeof(next->route[i])) == 0)
				route[i] = probe->route[k];
	memcpy(probe->route, route, sizeof(route));
	probe->settings = *next;
	probe_routes_keep(probe, true);
	if (other_interval)
		probe_continue(probe);
}

static void follow_tunnel(struct liveness *liveness, const struct config_tunnel *from)
{
	struct probe *probe = from->live->probe;

	if (from->probe.peer.family == IP_NONE)
		return;
	if (probe && same_ends(&probe->settings, &from->probe)) {
		probe->named = true;
		if (memcmp(&probe->settings, &from->probe, sizeof(from->probe)) != 0)
			change_probe(probe, &from->probe);
		return;
	}
	probe = create_probe(liveness, from);
	if (probe)
		probe->named = true;
	else
		log_error("tunnel %s: no memory to probe it", from->name);
}

// A route of a probe that goes may be one of the probe that comes in its place: that puts it there
// again with its first tick.
static void sweep(struct liveness *liveness)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < liveness->n; i++) {
		struct probe *probe = liveness->probe[i];

		if (probe->named)
			liveness->probe[kept++] = probe;
		else
			destroy_probe(probe);
	}
	liveness->n = kept;
	for (unsigned i = 0; i < kept; i++)
		liveness->probe[i]->named = false;
}

static void tell_workers(const struct liveness *liveness)
{
	struct ip_addr *peer = calloc(liveness->n + 1, sizeof(peer[0]));

	if (!peer) {
		log_error("no memory to tell the workers of probes");
		return;
	}
	for (unsigned i = 0; i < liveness->n; i++)
		peer[i] = liveness->probe[i]->settings.peer;
	dataplane_set_probed(liveness->gateway->dp, peer, liveness->n);
	free(peer);
}

void liveness_follow(struct liveness *liveness)
{
	const struct config *config = liveness->gateway->config;

	for (unsigned i = 0; i < config->tunnels_n; i++)
		follow_tunnel(liveness, &config->tunnels[i]);
	sweep(liveness);
	tell_workers(liveness);
}

int liveness_create(struct gateway *gateway, struct liveness **created, struct error *err)
{
	struct liveness *liveness = calloc(1, sizeof(*liveness));
	int ret = -ENOMEM;

	if (liveness) {
		liveness->gateway = gateway;
		ret = netlink_open_requests(&liveness->requests);
	}
	if (ret < 0) {
		free(liveness);
		return error_set(err, -ret, "liveness of tunnels: %s", strerror(-ret));
	}
	liveness_follow(liveness);
	*created = liveness;
	return 0;
}

void liveness_destroy(struct liveness *liveness)
{
	if (!liveness)
		return;
	for (unsigned i = 0; i < liveness->n; i++)
		destroy_probe(liveness->probe[i]);
	mnl_socket_close(liveness->requests);
	free(liveness->probe);
	free(liveness);
}
