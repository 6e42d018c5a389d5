// Lifetimes belong to the SAs of the configuration, which are found by their tunnel.
#include "ctl/show_lifetimes.h"

#include "ctl/gateway.h"

static const struct config_sa *origin_of(struct config *config, const struct sa *sa)
{
	unsigned at = name_index_find(&config->tunnel_names, config->tunnels, config->tunnels_n,
		sizeof(config->tunnels[0]), sa->tunnel->name);
	const struct config_tunnel *tunnel = &config->tunnels[at];

	if (at == config->tunnels_n)
		return NULL;
	if (tunnel->has_out && tunnel->out.live == sa)
		return &tunnel->out;
	for (unsigned i = 0; i < tunnel->in_n; i++)
		if (tunnel->in[i].live == sa)
			return &tunnel->in[i];
	return NULL;
}

static void add(json_t *shown, const char *name, uint64_t limit)
{
	if (limit > 0)
		json_object_set_new(shown, name, json_integer((json_int_t)limit));
}

static void add_limits(json_t *shown, const char *name, const struct config_limits *limits)
{
	json_t *limited = json_object();

	add(limited, "seconds", limits->seconds);
	add(limited, "octets", limits->octets);
	add(limited, "packets", limits->packets);
	if (json_object_size(limited) > 0)
		json_object_set(shown, name, limited);
	json_decref(limited);
}

void show_lifetimes(const struct gateway *gateway, const struct sa *sa, json_t *shown)
{
	const struct config_sa *from = origin_of(gateway->config, sa);

	if (!from)
		return;
	add_limits(shown, "soft_lifetime", &from->soft);
	add_limits(shown, "hard_lifetime", &from->hard);
}
