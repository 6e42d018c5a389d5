// Settings by which a tunnel's liveness is found out, and of the routes that depend on it.
#include "ctl/config_tables.h"

#include <errno.h>

#define INTERVAL_MS_MIN 100
#define INTERVAL_MS_MAX 3600000
#define COUNT_MAX 100

static int peer(struct reader *reader, const config_setting_t *setting, void *object)
{
	return read_address(reader, setting, &((struct config_probe *)object)->peer);
}

static int local(struct reader *reader, const config_setting_t *setting, void *object)
{
	struct config_probe *probe = object;
	int ret = read_address(reader, setting, &probe->local);

	if (ret < 0)
		return ret;
	if (probe->local.family != probe->peer.family)
		return setting_fail(reader, setting,
			"'local' is an IPv%u address and 'peer' an IPv%u address; both are of one "
			"family",
			probe->local.family, probe->peer.family);
	if (ip_addr_equal(&probe->local, &probe->peer))
		return setting_fail(reader, setting,
			"'local' is 'peer'; an address of this gateway is wanted, inside the "
			"tunnel");
	return 0;
}

static int route_prefix(struct reader *reader, const config_setting_t *setting, void *object)
{
	struct config_route *route = object;
	const char *wrong;
	int ret = read_prefix(reader, setting, &route->prefix);

	if (ret < 0)
		return ret;
	wrong = protected_prefix_wrong(&route->prefix);
	return wrong ? setting_fail(reader, setting, "'prefix': %s", wrong) : 0;
}

// The address of a neighbour on the port's link; IPv6's may be link-local.
static int via(struct reader *reader, const config_setting_t *setting, void *object)
{
	struct config_route *route = object;
	char quoted[QUOTE_TEXT];
	const char *text, *wrong;
	int ret = setting_string(reader, setting, &text);

	if (ret < 0)
		return ret;
	if (ip_addr_parse(text, &route->via) < 0)
		return setting_fail(reader, setting,
			"'via' is %s; the address of a neighbour on the tunnel's port is wanted",
			quote(text, quoted));
	wrong = neighbour_wrong(&route->via);
	if (wrong)
		return setting_fail(reader, setting, "'via' is %s: %s", text, wrong);
	if (route->via.family != route->prefix.addr.family)
		return setting_fail(reader, setting,
			"'via' is an IPv%u address and 'prefix' an IPv%u prefix; both are of one "
			"family",
			route->via.family, route->prefix.addr.family);
	return 0;
}

static const struct setting route_rows[] = {
	{.name = "prefix", .kind = SETTING_OTHER, .required = true, .read = route_prefix},
	{.name = "via", .kind = SETTING_OTHER, .read = via},
	{.name = "metric",
		.kind = SETTING_NUMBER,
		FIELD(struct config_route, metric),
		.max = UINT32_MAX},
};
static const struct settings route_settings = SETTINGS(route_rows, NULL);

static void *route_element(struct reader *reader, void *object, unsigned i, unsigned n)
{
	struct config_probe *probe = object;

	(void)reader;
	(void)n;
	probe->routes_n = (uint8_t)(i + 1);
	return &probe->route[i];
}

static const struct setting probe_rows[] = {
	{.name = "peer", .kind = SETTING_OTHER, .required = true, .read = peer},
	{.name = "local", .kind = SETTING_OTHER, .required = true, .read = local},
	{.name = "interval_ms",
		.kind = SETTING_NUMBER,
		FIELD(struct config_probe, interval_ms),
		.min = INTERVAL_MS_MIN,
		.max = INTERVAL_MS_MAX,
		.defaults = true,
		.fallback = 1000},
	{.name = "misses",
		.kind = SETTING_NUMBER,
		FIELD(struct config_probe, misses),
		.min = 1,
		.max = COUNT_MAX,
		.defaults = true,
		.fallback = 3},
	{.name = "answers",
		.kind = SETTING_NUMBER,
		FIELD(struct config_probe, answers),
		.min = 1,
		.max = COUNT_MAX,
		.defaults = true,
		.fallback = 3},
	{.name = "routes",
		.kind = SETTING_LIST,
		.min = 1,
		.max = CONFIG_PROBE_ROUTES_MAX,
		.group = &route_settings,
		.element = route_element},
};
const struct settings probe_settings = SETTINGS(probe_rows, NULL);

// The same prefix twice takes two metrics, or the kernel has one route for both.
static int check_twins(
	struct reader *reader, const config_setting_t *probe, const struct config_tunnel *tunnel)
{
	for (unsigned i = 0; i < tunnel->probe.routes_n; i++) {
		const struct config_route *route = &tunnel->probe.route[i];

		for (unsigned k = 0; k < i; k++) {
			const struct config_route *earlier = &tunnel->probe.route[k];
			char text[IP_PREFIX_TEXT];

			if (route->metric == earlier->metric &&
				ip_prefix_covers(&route->prefix, &earlier->prefix) &&
				ip_prefix_covers(&earlier->prefix, &route->prefix))
				return setting_fail(reader, probe,
					"'routes' has %s twice with one metric; each prefix and "
					"metric stands once",
					ip_prefix_format(&route->prefix, text));
		}
	}
	return 0;
}

int probe_finish(struct reader *reader, const config_setting_t *probe, struct config_tunnel *tunnel)
{
	const struct config_port *port = &reader->config->ports[tunnel->port];
	char text[IP_PREFIX_TEXT];

	if (!probe)
		return 0;
	if (tunnel->probe.routes_n > 0 && port->host_interface[0] == '\0')
		return setting_fail(reader, probe,
			"'routes' lead over the host interface of port '%s', which has none; name "
			"one with 'host_interface'",
			port->params.name);
	for (unsigned i = 0; i < tunnel->probe.routes_n; i++) {
		struct config_route *route = &tunnel->probe.route[i];

		if (route->via.family != IP_NONE)
			continue;
		if (route->prefix.addr.family != tunnel->remote.family)
			return setting_fail(reader, probe,
				"the route to %s wants 'via': the tunnel's 'remote' is an IPv%u "
				"address",
				ip_prefix_format(&route->prefix, text), tunnel->remote.family);
		route->via = tunnel->remote;
	}
	return check_twins(reader, probe, tunnel);
}
