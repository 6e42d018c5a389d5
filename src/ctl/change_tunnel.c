// Requests that change tunnels.
#include "ctl/change_arguments.h"
#include "ctl/change_requests.h"
#include "ctl/config_tables.h"
#include "ctl/live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct config_tunnel *change_insert_tunnel(struct config *draft)
{
	struct config_tunnel *grown =
		reallocarray(draft->tunnels, draft->tunnels_n + 2, sizeof(draft->tunnels[0]));

	if (!grown)
		return NULL;
	draft->tunnels = grown;
	memset(&grown[draft->tunnels_n], 0, sizeof(grown[0]));
	outer_class_default(&grown[draft->tunnels_n].class);
	return &grown[draft->tunnels_n++];
}

void change_remove_tunnel(struct config *draft, unsigned at)
{
	name_index_forget(&draft->tunnel_names);
	draft->tunnels_n--;
	memmove(&draft->tunnels[at], &draft->tunnels[at + 1],
		(draft->tunnels_n - at) * sizeof(draft->tunnels[0]));
	for (unsigned i = 0; i < draft->policies_n; i++)
		if (draft->policies[i].action == POLICY_PROTECT && draft->policies[i].tunnel > at)
			draft->policies[i].tunnel--;
}

static bool same(const struct config_tunnel *a, const struct config_tunnel *b)
{
	return ip_addr_equal(&a->local, &b->local) && ip_addr_equal(&a->remote, &b->remote) &&
		a->port == b->port && a->mtu == b->mtu && a->tcp_mss == b->tcp_mss &&
		a->pmtu_discovery == b->pmtu_discovery &&
		memcmp(&a->class, &b->class, sizeof(a->class)) == 0 &&
		memcmp(&a->probe, &b->probe, sizeof(a->probe)) == 0;
}

int change_add_tunnel(
	struct change *change, const json_t *arguments, json_t **result, struct error *err)
{
	struct config *draft = change->draft;
	struct config_tunnel *asked, *there;
	int ret;

	asked = change_insert_tunnel(draft);
	if (!asked)
		return error_set(err, ENOMEM, "no memory for a tunnel");
	ret = change_read(change, arguments, &tunnel_request_settings, asked, err);
	if (ret < 0)
		return ret;
	asked->line = 0;
	asked->owner = change->owner;
	draft->tunnels_n--;
	there = config_find_tunnel(draft, asked->name);
	if (!there && draft->tunnels_n == CONFIG_TUNNELS_MAX)
		return error_set(err, ENOSPC, "there are %d tunnels already", CONFIG_TUNNELS_MAX);
	if (!there) {
		draft->tunnels_n++;
		change_made(change, asked);
		*result = json_pack("{s:b}", "changed", 1);
		return live_tunnel(change->gateway, asked, err);
	}
	if (!same(there, asked))
		return error_set(err, EEXIST,
			"there is a tunnel \"%s\" with other settings; delete it, or take another "
			"name",
			there->name);
	change->extent = CHANGE_NONE;
	*result = json_pack("{s:b}", "changed", 0);
	return 0;
}

int change_del_tunnel(
	struct change *change, const json_t *arguments, json_t **result, struct error *err)
{
	const char *name = json_string_value(json_object_get(arguments, "name"));
	struct config *draft = change->draft;
	struct config_tunnel *tunnel = config_find_tunnel(draft, name ? name : "");
	unsigned at;
	int ret;

	if (!name)
		return error_set(err, EINVAL, "'name' is missing here");
	change->extent = tunnel ? CHANGE_LESS : CHANGE_NONE;
	*result = json_pack("{s:i}", "deleted", tunnel ? 1 : 0);
	if (!tunnel)
		return 0;
	at = (unsigned)(tunnel - draft->tunnels);
	ret = change_may(change, tunnel->owner, "tunnel", name, err);
	for (unsigned i = 0; i < draft->policies_n && ret == 0; i++)
		if (draft->policies[i].action == POLICY_PROTECT && draft->policies[i].tunnel == at)
			ret = error_set(err, EBUSY,
				"policy \"%s\" protects by tunnel \"%s\"; delete it first, what it "
				"protected must not go in clear",
				draft->policies[i].name, name);
	if (ret == 0)
		change_remove_tunnel(draft, at);
	return ret;
}
