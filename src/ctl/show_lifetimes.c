// Lifetimes belong to the SAs of the configuration, which are found by their tunnel.
#include "ctl/show_lifetimes.h"

#include "ctl/gateway.h"

static const struct config_sa *origin_of(struct config *config, const struct sa *sa)
{
	const struct config_tunnel *tunnel = config_find_tunnel(config, sa->tunnel->name);

	if (!tunnel)
		return NULL;
	if (tunnel->has_out && tunnel->out.live == sa)
		return &tunnel->out;
	for (unsigned i = 0; i < tunnel->in_n; i++)
		if (tunnel->in[i].live == sa)
			return &tunnel->in[i];
	return NULL;
}

json_t *show_limits(const struct config_limits *limits)
{
	const struct {
		const char *name;
		uint64_t value;
	} limit[] = {{"seconds", limits->seconds}, {"octets", limits->octets},
		{"packets", limits->packets}};
	json_t *object = json_object();

	for (unsigned i = 0; i < sizeof(limit) / sizeof(limit[0]); i++)
		if (limit[i].value > 0)
			json_object_set_new(
				object, limit[i].name, json_integer((json_int_t)limit[i].value));
	return object;
}

static void add(json_t *shown, const char *name, const struct config_limits *limits)
{
	json_t *limited = show_limits(limits);

	if (json_object_size(limited) > 0)
		json_object_set(shown, name, limited);
	json_decref(limited);
}

void show_lifetimes(const struct gateway *gateway, const struct sa *sa, json_t *shown)
{
	const struct config_sa *from = origin_of(gateway->config, sa);

	if (!from)
		return;
	add(shown, "soft_lifetime", &from->soft);
	add(shown, "hard_lifetime", &from->hard);
}
