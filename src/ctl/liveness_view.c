// What is known of a tunnel's other end, for those who show it.
#include "ctl/liveness_private.h"

const char *liveness_state_name(enum liveness_state state)
{
	static const char *const names[] = {
		[LIVENESS_unknown] = "unknown", [LIVENESS_up] = "up", [LIVENESS_down] = "down"};

	return names[state];
}

bool liveness_of(const struct tunnel *tunnel, struct liveness_view *view)
{
	const struct probe *probe = tunnel->probe;

	if (!probe)
		return false;
	*view = (struct liveness_view){
		.settings = &probe->settings,
		.state = probe->state,
		.since = (double)probe->since.tv_sec + (double)probe->since.tv_nsec / 1e9,
		.hindered = probe->hindered,
		.asked = probe->asked,
		.answered = probe->answered,
		.rtt_us = probe->rtt_us,
	};
	for (unsigned i = 0; i < probe->settings.routes_n; i++) {
		view->present[i] = probe->route[i].ours && probe->route[i].wrong == 0;
		view->wrong[i] = probe->route[i].wrong;
	}
	return true;
}
