// The read-only socket's table, and small things that its requests share.
#include "ctl/show.h"

#include "ctl/api.h"
#include "ctl/gateway.h"
#include "ctl/profile.h"
#include "ctl/request.h"
#include "ctl/show_list.h"

#include <inttypes.h>
#include <stdio.h>

static const struct request rows[] = {
	{.name = API_SHOW_STATS, .handle = show_stats},
	{.name = API_SHOW_SA, .handle = show_sa, .argument = SHOW_SAS_ARGUMENTS},
	{.name = API_SHOW_POLICY, .handle = show_policy, .argument = SHOW_LIST_ARGUMENTS},
	{.name = API_SHOW_TUNNELS, .handle = show_tunnels, .argument = SHOW_LIST_ARGUMENTS},
	{.name = API_SHOW_PORTS, .handle = show_ports},
	{.name = API_SHOW_WORKERS, .handle = show_workers},
	{.name = API_PROFILE_SHOW, .handle = profile_show},
	{.name = API_SHOW_EVENTS, .handle = show_events, .argument = {{"since", JSON_INTEGER}}},
};

const struct request_table request_table_show = {
	.n = sizeof(rows) / sizeof(rows[0]),
	.request = rows,
};

json_t *show_counter(uint64_t value)
{
	return json_integer((json_int_t)value);
}

json_t *show_addr(const struct ip_addr *addr)
{
	char text[IP_ADDR_TEXT];

	return json_string(ip_addr_format(addr, text));
}

json_t *show_prefix(const struct ip_prefix *prefix)
{
	char text[IP_PREFIX_TEXT];

	return json_string(ip_prefix_format(prefix, text));
}

json_t *show_sequence(uint64_t value)
{
	return json_sprintf("%" PRIu64, value);
}

json_t *show_drops(const uint64_t *drops, unsigned n)
{
	json_t *list = json_array();

	for (unsigned reason = DROP_NONE + 1; reason < n; reason++) {
		if (drops[reason] == 0)
			continue;
		json_array_append_new(list,
			json_pack("{s:s, s:s, s:I}", "reason", drop_name(reason), "text",
				drop_text(reason), "packets", (json_int_t)drops[reason]));
	}
	return list;
}

json_t *show_punts(const uint64_t *punts)
{
	json_t *shown = json_object();

	for (unsigned i = 0; i < PUNT_CLASS_COUNT; i++)
		json_object_set_new(
			shown, punt_class_name((enum punt_class)i), show_counter(punts[i]));
	return shown;
}

json_t *show_losses(const struct port_losses *losses)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "rx_missed", (json_int_t)losses->rx_missed,
		"rx_no_buffer", (json_int_t)losses->rx_no_buffer, "rx_errors",
		(json_int_t)losses->rx_errors, "tx_errors", (json_int_t)losses->tx_errors);
}

double show_uptime_s(const struct gateway *gateway)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - gateway->started.tv_sec) +
		(double)(now.tv_nsec - gateway->started.tv_nsec) / 1e9;
}

json_t *show_pool(const struct gateway *gateway)
{
	const struct window_pool *pool = &gateway->dp->windows;

	return json_pack("{s:I, s:I}", "used_octets", (json_int_t)window_pool_used(pool), "octets",
		(json_int_t)window_pool_octets(pool));
}
