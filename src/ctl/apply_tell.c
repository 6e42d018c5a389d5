// The mirror of routes, path MTU discovery and the limits of what is punted. Packets have their
// tables already when these are told.
#include "ctl/apply_tell.h"

#include "base/log.h"
#include "ctl/gateway.h"
#include "ctl/path_mtu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int compare_local(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct mirror_local));
}

static int compare_remote(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct ip_addr));
}

static unsigned unique(
	void *items, unsigned n, size_t octets, int (*compare)(const void *, const void *))
{
	uint8_t *at = items;
	unsigned kept = 0;

	qsort(items, n, octets, compare);
	for (unsigned i = 0; i < n; i++)
		if (kept == 0 || memcmp(at + (kept - 1) * octets, at + i * octets, octets) != 0)
			memmove(at + kept++ * octets, at + i * octets, octets);
	return kept;
}

int apply_ends(const struct config *config, struct mirror_local **local, unsigned *locals,
	struct ip_addr **remote, unsigned *remotes)
{
	size_t most = (size_t)config->tunnels_n * (2 + CONFIG_TUNNEL_INBOUND_MAX) + 1;

	*locals = 0;
	*remotes = 0;
	*local = calloc(most, sizeof(**local));
	*remote = calloc(most, sizeof(**remote));
	if (!*local || !*remote)
		return -ENOMEM;
	for (unsigned i = 0; i < config->tunnels_n; i++) {
		const struct config_tunnel *tunnel = &config->tunnels[i];
		uint8_t port = (uint8_t)tunnel->port;

		(*local)[(*locals)++] = (struct mirror_local){tunnel->local, port};
		(*remote)[(*remotes)++] = tunnel->remote;
		if (tunnel->has_out)
			(*remote)[(*remotes)++] = tunnel->out.params.remote;
		for (unsigned k = 0; k < tunnel->in_n; k++)
			(*local)[(*locals)++] =
				(struct mirror_local){tunnel->in[k].params.local, port};
	}
	*locals = unique(*local, *locals, sizeof(**local), compare_local);
	*remotes = unique(*remote, *remotes, sizeof(**remote), compare_remote);
	return 0;
}

int apply_protected(const struct config *config, struct ip_prefix **prefix, unsigned *n)
{
	*n = 0;
	*prefix = calloc(config->policies_n + 1, sizeof(**prefix));
	if (!*prefix)
		return -ENOMEM;
	for (unsigned i = 0; i < config->policies_n; i++) {
		const struct config_policy *policy = &config->policies[i];

		if (policy->action == POLICY_PROTECT && policy->selector.destination.length > 0)
			(*prefix)[(*n)++] = policy->selector.destination;
	}
	return 0;
}

static int tell_protected(struct gateway *gateway)
{
	struct ip_prefix *prefix;
	unsigned n;
	int ret;

	if (!gateway->mirror)
		return 0;
	ret = apply_protected(gateway->config, &prefix, &n);
	if (ret == 0)
		ret = mirror_set_protected(gateway->mirror, prefix, n);
	free(prefix);
	return ret;
}

static int tell_ends(struct gateway *gateway)
{
	struct mirror_local *local;
	struct ip_addr *remote;
	unsigned locals, remotes;
	int ret = apply_ends(gateway->config, &local, &locals, &remote, &remotes);

	if (ret == 0)
		dataplane_set_peers(gateway->dp, remote, remotes);
	if (ret == 0 && gateway->mirror)
		ret = mirror_set_ends(gateway->mirror, local, locals, remote, remotes);
	if (gateway->path_mtu) {
		int sorted = path_mtu_sort(gateway->path_mtu);

		ret = ret == 0 ? sorted : ret;
	}
	free(local);
	free(remote);
	return ret;
}

void apply_tell(struct gateway *gateway, bool ends, bool policies)
{
	int ret = 0;

	if (ends || gateway->untold)
		ret = tell_ends(gateway);
	if ((policies || gateway->untold) && tell_protected(gateway) < 0)
		ret = -ENOMEM;
	gateway->untold = ret < 0;
	if (ret < 0)
		log_warning(
			"no memory to tell others of the ends of tunnels, or what is protected");
}
