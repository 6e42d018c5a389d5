// The mirror's sink in the gateway: forwarding tables for the workers. Routes are built only when
// they changed; neighbours come and go far more often.
#include "ctl/mirror.h"

#include "ctl/gateway.h"
#include "ctl/path_mtu.h"

#include <errno.h>
#include <stdlib.h>

struct sink {
	const struct gateway *gateway;
	struct fwd_routes *routes; // of the last view; our reference
};

static int publish(void *arg, const struct mirror_view *view, struct error *err)
{
	struct sink *sink = arg;
	struct dataplane *dp = sink->gateway->dp;
	int socket = dp->ports ? dp->port[0].socket : SOCKET_ID_ANY;
	struct fwd_routes *routes = NULL;
	struct fwd *fwd;
	int ret;

	if (view->routes_changed || !sink->routes) {
		ret = fwd_routes_build(view->route, view->routes, socket, &routes, err);
		if (ret < 0)
			return ret;
	}
	ret = fwd_build(routes ? routes : sink->routes, view->neighbour, view->neighbours, dp->port,
		&fwd, err);
	if (ret < 0) {
		fwd_routes_put(routes);
		return ret;
	}
	if (routes)
		path_mtu_before_routes(sink->gateway->path_mtu, fwd);
	dataplane_publish_fwd(dp, fwd);
	if (routes) {
		path_mtu_after_routes(sink->gateway->path_mtu, fwd);
		fwd_routes_put(sink->routes);
		sink->routes = routes;
	}
	return 0;
}

static void close_sink(void *arg)
{
	struct sink *sink = arg;

	fwd_routes_put(sink->routes);
	free(sink);
}

int mirror_sink_gateway(const struct gateway *gateway, struct mirror_sink *opened)
{
	struct sink *sink = calloc(1, sizeof(*sink));

	if (!sink)
		return -ENOMEM;
	sink->gateway = gateway;
	*opened = (struct mirror_sink){.publish = publish, .close = close_sink, .arg = sink};
	return 0;
}
