// The mirror's sink in the gateway: forwarding tables for the workers. Routes are built only when
// they changed; neighbours come and go far more often.
#include "ctl/mirror.h"

#include "dataplane/dataplane.h"

#include <errno.h>
#include <stdlib.h>

struct sink {
	struct dataplane *dp;
	struct fwd_routes *routes; // of the last view; our reference
};

static int publish(void *arg, const struct mirror_view *view, struct error *err)
{
	struct sink *sink = arg;
	int socket = sink->dp->ports ? sink->dp->port[0].socket : SOCKET_ID_ANY;
	struct fwd_routes *routes = NULL;
	struct fwd *fwd;
	int ret;

	if (view->routes_changed || !sink->routes) {
		ret = fwd_routes_build(view->route, view->routes, socket, &routes, err);
		if (ret < 0)
			return ret;
	}
	ret = fwd_build(routes ? routes : sink->routes, view->neighbour, view->neighbours,
		sink->dp->port, &fwd, err);
	if (ret < 0) {
		fwd_routes_put(routes);
		return ret;
	}
	dataplane_publish_fwd(sink->dp, fwd);
	if (routes) {
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

int mirror_sink_dataplane(struct dataplane *dp, struct mirror_sink *opened)
{
	struct sink *sink = calloc(1, sizeof(*sink));

	if (!sink)
		return -ENOMEM;
	sink->dp = dp;
	*opened = (struct mirror_sink){.publish = publish, .close = close_sink, .arg = sink};
	return 0;
}
