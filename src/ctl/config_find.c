// Tunnels and policies by name.
#include "ctl/config.h"

struct config_tunnel *config_find_tunnel(struct config *config, const char *name)
{
	unsigned at = name_index_find(&config->tunnel_names, config->tunnels, config->tunnels_n,
		sizeof(config->tunnels[0]), name);

	return at < config->tunnels_n ? &config->tunnels[at] : NULL;
}

unsigned config_find_policy(struct config *config, const char *name)
{
	return name_index_find(&config->policy_names, config->policies, config->policies_n,
		sizeof(config->policies[0]), name);
}
