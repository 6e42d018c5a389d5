// Handing on what was read. Routes that the sink cannot take wait for another try; neighbours do
// not wait for them.
#include "ctl/mirror_private.h"

#include "base/log.h"
#include "ctl/limiter.h"

#include <errno.h>
#include <stdlib.h>

#define ROUTES_PAUSE_MS 1000
#define ROUTES_PAUSE_MAX_MS 64000

void mirror_routes_new(struct mirror *mirror)
{
	mirror->routes_changed = true;
	mirror->routes_try_ms = 0;
	mirror->routes_pause_ms = ROUTES_PAUSE_MS;
}

bool mirror_routes_due(const struct mirror *mirror)
{
	return mirror->routes_changed && limiter_now_ms() >= mirror->routes_try_ms;
}

static void put_off_routes(struct mirror *mirror)
{
	mirror->routes_try_ms = limiter_now_ms() + mirror->routes_pause_ms;
	mirror->routes_pause_ms *= 2;
	if (mirror->routes_pause_ms > ROUTES_PAUSE_MAX_MS)
		mirror->routes_pause_ms = ROUTES_PAUSE_MAX_MS;
}

static int offer(struct mirror *mirror, const struct fwd_neighbour *list, bool with_routes,
	struct error *err)
{
	const struct mirror_view view = {
		.route = mirror->routes.route,
		.routes = mirror->routes.n,
		.routes_changed = with_routes,
		.neighbour = list,
		.neighbours = mirror->neighbours.present,
	};
	int ret = mirror->sink.publish(mirror->sink.arg, &view, err);

	if (ret < 0)
		return ret;
	if (with_routes)
		mirror->routes_changed = false;
	mirror->neighbours_changed = false;
	mirror->stats.publications++;
	return 0;
}

int mirror_publish(struct mirror *mirror, struct error *err)
{
	struct fwd_neighbour *list = NULL;
	bool with_routes = mirror_routes_due(mirror);
	struct error later;
	int ret;

	if (!with_routes && !mirror->neighbours_changed)
		return 0;
	ret = mirror_neighbours_list(mirror, &list);
	if (ret < 0)
		return error_set(
			err, -ret, "no memory for %u neighbours", mirror->neighbours.present);
	ret = offer(mirror, list, with_routes, err);
	if (ret < 0 && with_routes) {
		put_off_routes(mirror);
		if (mirror->stats.publications > 0 && mirror->neighbours_changed)
			offer(mirror, list, false, &later);
	}
	free(list);
	return ret;
}

void mirror_tell(struct mirror *mirror, int ret, const struct error *err)
{
	if (ret < 0) {
		mirror->stats.failures++;
		if (!mirror->told_failure)
			log_error(
				"forwarding keeps its old routes, and tries again: %s", err->text);
		mirror->told_failure = true;
	} else if (mirror->told_failure && !mirror->routes_changed) {
		log_notice("forwarding follows the kernel's routes again");
		mirror->told_failure = false;
	}
}
