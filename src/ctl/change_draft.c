// Drafts, and what edits look for in them.
#include "ctl/change_draft.h"

#include "base/array.h"

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

struct config_tunnel *change_find_tunnel(struct config *config, const char *name)
{
	unsigned at = name_index_find(&config->tunnel_names, config->tunnels, config->tunnels_n,
		sizeof(config->tunnels[0]), name);

	return at < config->tunnels_n ? &config->tunnels[at] : NULL;
}

struct config_tunnel *change_tunnel(
	const struct change *change, const char *name, struct error *err)
{
	struct config_tunnel *tunnel = change_find_tunnel(change->draft, name ? name : "");

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
