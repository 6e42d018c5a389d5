// The routes that depend on a tunnel's liveness. They are looked after again and again: the kernel
// drops routes when an interface goes down or an address goes, and may refuse one now that it takes
// later.
#include "base/log.h"
#include "ctl/gateway.h"
#include "ctl/host_if.h"
#include "ctl/limiter.h"
#include "ctl/liveness_private.h"

#include <errno.h>
#include <string.h>

#define LOOK_MS 1000

static struct kernel_route kernel_route(const struct probe *probe, unsigned i)
{
	const struct config_route *route = &probe->settings.route[i];
	const struct host_if *host_if = probe->liveness->gateway->host_if[probe->tunnel->port];

	return (struct kernel_route){
		.prefix = route->prefix,
		.via = route->via,
		.metric = route->metric,
		.ifindex = host_if ? host_if_ifindex(host_if) : 0,
	};
}

// Once, until the kernel takes it.
static void tell(const struct probe *probe, unsigned i, int wrong)
{
	char prefix[IP_PREFIX_TEXT], via[IP_ADDR_TEXT];
	const struct config_route *route = &probe->settings.route[i];

	ip_prefix_format(&route->prefix, prefix);
	if (wrong == EEXIST)
		log_warning("tunnel %s: there is a route to %s already that vped has not made; it "
			    "stays when the tunnel is down",
			probe->tunnel->name, prefix);
	else
		log_warning("tunnel %s: the kernel does not take the route to %s via %s yet: %s",
			probe->tunnel->name, prefix, ip_addr_format(&route->via, via),
			strerror(wrong));
}

// False: it is still there, and is to be taken again.
static bool take(struct probe *probe, unsigned i)
{
	struct kernel_route route = kernel_route(probe, i);
	struct probe_route *state = &probe->route[i];
	char text[IP_PREFIX_TEXT];
	int wrong;

	if (!state->ours)
		return true;
	route.ifindex = state->ifindex;
	wrong = -kernel_route_remove(probe->liveness->requests, &route);
	// ESRCH: the kernel has dropped it, with an address or the interface.
	state->ours = wrong != 0 && wrong != ESRCH;
	state->wrong = state->ours ? wrong : 0;
	if (state->ours && !state->told)
		log_error("tunnel %s: the route to %s could not be taken away: %s",
			probe->tunnel->name, ip_prefix_format(&route.prefix, text),
			strerror(wrong));
	state->told = state->ours;
	return !state->ours;
}

// What the kernel refuses now may be there from before: it asks for a way to the next hop first.
static void put(struct probe *probe, unsigned i)
{
	const struct kernel_route route = kernel_route(probe, i);
	struct probe_route *state = &probe->route[i];
	int wrong;

	if (state->ours && state->ifindex != route.ifindex && !take(probe, i))
		return;
	wrong = -kernel_route_add(probe->liveness->requests, &route);
	// Still there.
	if (wrong == EEXIST && state->ours)
		wrong = 0;
	if (wrong == 0) {
		state->ours = true;
		state->ifindex = route.ifindex;
	}
	state->told = state->told && wrong != 0 && wrong == state->wrong;
	state->wrong = wrong;
	// At start the host interface has no address yet, and so no way to a neighbour.
	if (wrong == 0 || state->told || (wrong != EEXIST && probe->asked == 0))
		return;
	state->told = true;
	tell(probe, i, wrong);
}

void probe_routes_keep(struct probe *probe, bool now)
{
	uint64_t now_ms = limiter_now_ms();

	if (!now && now_ms - probe->routes_ms < LOOK_MS)
		return;
	probe->routes_ms = now_ms;
	for (unsigned i = 0; i < probe->settings.routes_n; i++) {
		if (probe->state == LIVENESS_down)
			take(probe, i);
		else
			put(probe, i);
	}
}

static bool has(const struct config_probe *settings, const struct config_route *route)
{
	for (unsigned i = 0; settings && i < settings->routes_n; i++)
		if (memcmp(&settings->route[i], route, sizeof(*route)) == 0)
			return true;
	return false;
}

void probe_routes_drop(struct probe *probe, const struct config_probe *next)
{
	for (unsigned i = 0; i < probe->settings.routes_n; i++)
		if (!has(next, &probe->settings.route[i]))
			take(probe, i);
}
