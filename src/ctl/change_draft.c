// Drafts, and what edits look for in them.
#include "ctl/change_draft.h"

#include "base/array.h"
#include "ctl/config_tables.h"
#include "ctl/gateway.h"
#include "ctl/live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void draft_free(struct config *draft)
{
	if (!draft)
		return;
	free(draft->tunnels);
	free(draft->policies);
	name_index_forget(&draft->tunnel_names);
	name_index_forget(&draft->policy_names);
	free(draft);
}

struct config *draft_of(const struct config *config)
{
	struct config *draft = malloc(sizeof(*draft));

	if (!draft)
		return NULL;
	*draft = *config;
	draft->tunnel_names = (struct name_index){.n = 0};
	draft->policy_names = (struct name_index){.n = 0};
	draft->tunnels = array_copy(config->tunnels, config->tunnels_n, sizeof(*config->tunnels));
	draft->policies =
		array_copy(config->policies, config->policies_n, sizeof(*config->policies));
	if (draft->tunnels && draft->policies)
		return draft;
	draft_free(draft);
	return NULL;
}

static void add_tunnel(struct change *change)
{
	for (unsigned i = 0; i < change->tunnels; i++)
		if (change->changed[i] == change->tunnel)
			return;
	if (change->tunnels == CONFIG_CHECK_TUNNELS)
		change->all = true;
	else
		change->changed[change->tunnels++] = change->tunnel;
}

void change_end_step(struct change *change, unsigned tunnels_before)
{
	change->edited |= change->extent != CHANGE_NONE;
	change->all |= change->extent == CHANGE_ALL;
	change->policies |= change->extent == CHANGE_POLICY;
	// Others may have their numbers now.
	change->all |= change->draft->tunnels_n < tunnels_before && change->tunnels > 0;
	if (change->extent == CHANGE_TUNNEL)
		add_tunnel(change);
}

void change_made(struct change *change, const struct config_tunnel *tunnel)
{
	change->extent = CHANGE_TUNNEL;
	change->tunnel = (unsigned)(tunnel - change->draft->tunnels);
}

int change_check(const struct change *change, struct error *err)
{
	struct gateway *gateway = change->gateway;
	struct reader reader = {
		.config = change->draft,
		.protos = gateway->dp->protos,
		.engines = gateway->dp->engines,
		.err = err,
	};
	int ret = 0;

	if (change->all || tunnels_may_clash(change->draft, change->changed, change->tunnels))
		ret = check_tunnels(&reader);
	if (ret == 0 && (change->all || change->policies))
		ret = check_policies(&reader);
	if (ret == 0 && (change->all || change->tunnels > 0))
		ret = live_check_keys(gateway, change->draft, err);
	return ret;
}

int change_may(const struct change *change, uint16_t owner, const char *what, const char *name,
	struct error *err)
{
	if (change->owner == OWNER_OPERATOR || change->owner == owner)
		return 0;
	return error_set(err, EPERM,
		"%s \"%s\" belongs to somebody else; who says hello with an owner changes what is "
		"that owner's",
		what, name);
}

struct config_tunnel *change_tunnel(
	const struct change *change, const char *name, struct error *err)
{
	struct config_tunnel *tunnel = config_find_tunnel(change->draft, name ? name : "");

	if (!tunnel)
		error_set(err, ENOENT, "there is no tunnel \"%.64s\"", name ? name : "");
	return tunnel;
}

struct config_sa *change_find_sa(struct config_tunnel *tunnel, bool inbound, uint32_t spi)
{
	if (!inbound)
		return tunnel->has_out && tunnel->out.params.spi == spi ? &tunnel->out : NULL;
	for (unsigned i = 0; i < tunnel->in_n; i++)
		if (tunnel->in[i].params.spi == spi)
			return &tunnel->in[i];
	return NULL;
}

void change_remove_sa(struct config_tunnel *tunnel, struct config_sa *sa)
{
	unsigned at;

	if (sa == &tunnel->out) {
		tunnel->has_out = false;
		memset(sa, 0, sizeof(*sa));
		return;
	}
	at = (unsigned)(sa - tunnel->in);
	tunnel->in_n--;
	memmove(sa, sa + 1, (tunnel->in_n - at) * sizeof(*sa));
	memset(&tunnel->in[tunnel->in_n], 0, sizeof(*sa));
}
