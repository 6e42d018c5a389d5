// show-tunnels: the tunnels, and what is known of their other ends.
#include "ctl/gateway.h"
#include "ctl/liveness.h"
#include "ctl/show.h"
#include "ctl/show_list.h"

#include <string.h>

static json_t *routes(const struct liveness_view *view)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < view->settings->routes_n; i++) {
		const struct config_route *route = &view->settings->route[i];
		json_t *shown = json_pack("{s:o, s:o, s:I, s:b}", "prefix",
			show_prefix(&route->prefix), "via", show_addr(&route->via), "metric",
			(json_int_t)route->metric, "present", (int)view->present[i]);

		if (view->wrong[i] != 0)
			json_object_set_new(shown, "wrong", json_string(strerror(view->wrong[i])));
		json_array_append_new(list, shown);
	}
	return list;
}

// null: nobody looks after it.
static json_t *probe(const struct tunnel *tunnel)
{
	struct liveness_view view;
	json_t *shown;

	if (!liveness_of(tunnel, &view))
		return json_null();
	shown = json_pack("{s:o, s:o, s:s, s:f, s:I, s:I, s:o}", "peer",
		show_addr(&view.settings->peer), "local", show_addr(&view.settings->local), "state",
		liveness_state_name(view.state), "since", view.since, "asked",
		(json_int_t)view.asked, "answered", (json_int_t)view.answered, "routes",
		routes(&view));
	if (view.rtt_us > 0)
		json_object_set_new(shown, "rtt_ms", json_real(view.rtt_us / 1e3));
	if (view.hindered)
		json_object_set_new(shown, "hindered", json_string(view.hindered));
	return shown;
}

static json_t *one(const struct gateway *gateway, unsigned at)
{
	const struct config_tunnel *from = &gateway->config->tunnels[at];
	const struct tunnel *tunnel = from->live;
	const struct port *port = &gateway->dp->port[tunnel->port];
	json_t *shown = json_pack("{s:s, s:o, s:o, s:s, s:b, s:i, s:b, s:i, s:o}", "name",
		tunnel->name, "local", show_addr(&tunnel->local), "remote",
		show_addr(&tunnel->remote), "port", port->name, "link", (int)port_link_up(port),
		"path_mtu", (int)tunnel->path_mtu, "outbound", (int)from->has_out, "inbound",
		(int)from->in_n, "probe", probe(tunnel));

	json_object_set_new(shown, "owner", json_string(gateway->owners.owner[from->owner].name));
	return shown;
}

int show_tunnels(
	struct gateway *gateway, const json_t *arguments, json_t **result, struct error *err)
{
	struct config *config = gateway->config;
	const struct show_list tunnels = {
		.what = "tunnel",
		.all = "tunnels",
		.names = &config->tunnel_names,
		.items = config->tunnels,
		.n = config->tunnels_n,
		.octets = sizeof(config->tunnels[0]),
		.show = one,
	};

	return show_list(gateway, &tunnels, arguments, result, err);
}
