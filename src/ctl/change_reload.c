// reload: the file as it is now against what is in force. What is the file's becomes as the file
// says; what was made over the socket stays where it was.
#include "base/log.h"
#include "base/secret.h"
#include "ctl/change_requests.h"
#include "ctl/config_tables.h"
#include "ctl/gateway.h"
#include "ctl/live.h"
#include "ctl/reload_fixed.h"
#include "ctl/used_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// The draft's SAs by key.
struct keys {
	unsigned n;
	const struct config_sa **sa;
};

static int by_key(const void *a, const void *b)
{
	const struct config_sa *const *left = a, *const *right = b;

	return memcmp((*left)->fingerprint, (*right)->fingerprint, FINGERPRINT_OCTETS);
}

static int collect(const struct config *config, struct keys *keys)
{
	size_t most = (size_t)config->tunnels_n * (1 + CONFIG_TUNNEL_INBOUND_MAX) + 1;

	keys->n = 0;
	keys->sa = calloc(most, sizeof(keys->sa[0]));
	if (!keys->sa)
		return -ENOMEM;
	for (unsigned i = 0; i < config->tunnels_n; i++) {
		const struct config_tunnel *tunnel = &config->tunnels[i];

		if (tunnel->has_out)
			keys->sa[keys->n++] = &tunnel->out;
		for (unsigned k = 0; k < tunnel->in_n; k++)
			keys->sa[keys->n++] = &tunnel->in[k];
	}
	qsort(keys->sa, keys->n, sizeof(keys->sa[0]), by_key);
	return 0;
}

static const struct config_sa *find_key(const struct keys *keys, const struct config_sa *sa)
{
	const struct config_sa *const *found =
		bsearch(&sa, keys->sa, keys->n, sizeof(keys->sa[0]), by_key);

	return found ? *found : NULL;
}

struct reload {
	const struct change *change;
	struct config *now;  // the draft before
	struct config *next; // as loaded
	struct keys keys;
	struct error *err;
};

// false: the SA's key was in use and is not any more: it was exchanged or deleted since, and does
// not come back; or its life is over.
static int take_sa(
	struct reload *r, const struct config_tunnel *tunnel, struct config_sa *sa, bool *taken)
{
	const struct config_sa *there = find_key(&r->keys, sa);

	*taken = true;
	if (there && there->live->tunnel == tunnel->live && there->inbound == sa->inbound &&
		change_sa_equal(there, sa)) {
		sa->live = there->live;
		return 0;
	}
	if (!there && used_keys_has(r->change->gateway->used_keys, sa->fingerprint)) {
		log_notice("reload: the key of an SA \"%s\" of tunnel %s was in use and is not any "
			   "more; the SA stays away",
			sa->inbound ? "in" : "out", tunnel->name);
		*taken = false;
		return 0;
	}
	if (!there) {
		bool away;
		int ret = live_stays_away(r->change->gateway, tunnel, sa, &away, r->err);

		*taken = !away;
		if (ret < 0 || away)
			return ret;
	}
	return change_sa_live(r->change, tunnel, sa, there, r->err);
}

// What was made over the socket in a tunnel of the file's.
static int keep_sas(
	struct reload *r, struct config_tunnel *tunnel, const struct config_tunnel *before)
{
	if (!tunnel->has_out && before->has_out && before->out.owner != OWNER_FILE) {
		tunnel->out = before->out;
		tunnel->has_out = true;
	}
	for (unsigned k = 0; k < before->in_n; k++) {
		if (before->in[k].owner == OWNER_FILE)
			continue;
		if (tunnel->in_n == CONFIG_TUNNEL_INBOUND_MAX)
			return error_set(r->err, ENOSPC,
				"tunnel '%s' would have more than %d inbound SAs", tunnel->name,
				CONFIG_TUNNEL_INBOUND_MAX);
		tunnel->in[tunnel->in_n++] = before->in[k];
	}
	return 0;
}

static void forget_key(struct config_sa *sa)
{
	secret_free(sa->key);
	sa->key = NULL;
}

static int take_tunnel(struct reload *r, struct config_tunnel *tunnel)
{
	const struct config_tunnel *before = config_find_tunnel(r->now, tunnel->name);
	unsigned kept = 0;
	bool taken = false;
	int ret = 0;

	if (before)
		tunnel->live = before->live;
	else
		ret = live_tunnel(r->change->gateway, tunnel, r->err);
	if (ret == 0 && tunnel->has_out) {
		ret = take_sa(r, tunnel, &tunnel->out, &taken);
		forget_key(&tunnel->out);
		tunnel->has_out = taken;
	}
	for (unsigned k = 0; k < tunnel->in_n && ret == 0; k++) {
		ret = take_sa(r, tunnel, &tunnel->in[k], &taken);
		forget_key(&tunnel->in[k]);
		if (taken)
			tunnel->in[kept++] = tunnel->in[k];
	}
	if (ret < 0)
		return ret;
	for (unsigned k = kept; k < tunnel->in_n; k++)
		memset(&tunnel->in[k], 0, sizeof(tunnel->in[k]));
	tunnel->in_n = kept;
	return before ? keep_sas(r, tunnel, before) : 0;
}

static bool has_others(const struct config_tunnel *tunnel)
{
	for (unsigned k = 0; k < tunnel->in_n; k++)
		if (tunnel->in[k].owner != OWNER_FILE)
			return true;
	return tunnel->has_out && tunnel->out.owner != OWNER_FILE;
}

// Tunnels of the socket's stay; one of the file's goes only if nothing of others goes with it.
static int keep_tunnels(struct reload *r)
{
	for (unsigned i = 0; i < r->now->tunnels_n; i++) {
		const struct config_tunnel *tunnel = &r->now->tunnels[i];
		struct config_tunnel *kept;

		if (config_find_tunnel(r->next, tunnel->name))
			continue;
		if (tunnel->owner == OWNER_FILE && has_others(tunnel))
			return error_set(r->err, EBUSY,
				"the file has no tunnel \"%s\" any more, and SAs were made in it "
				"over the socket; delete these first",
				tunnel->name);
		if (tunnel->owner == OWNER_FILE)
			continue;
		kept = change_insert_tunnel(r->next);
		if (!kept)
			return error_set(r->err, ENOMEM, "no memory for tunnels");
		*kept = *tunnel;
	}
	return 0;
}

// Takes a policy of the socket's over, whose tunnel may have another place now.
static int keep_policy(struct reload *r, const struct config_policy *policy, unsigned at)
{
	struct config_policy *kept = change_insert_policy(r->next, at);
	const struct config_tunnel *tunnel;

	if (!kept)
		return error_set(r->err, ENOMEM, "no memory for policies");
	*kept = *policy;
	if (policy->action != POLICY_PROTECT)
		return 0;
	tunnel = config_find_tunnel(r->next, r->now->tunnels[policy->tunnel].name);
	if (!tunnel)
		return error_set(r->err, EBUSY,
			"the file has no tunnel \"%s\" any more, and policy \"%s\" was made over "
			"the socket and protects by it; delete that first",
			r->now->tunnels[policy->tunnel].name, policy->name);
	kept->tunnel = (unsigned)(tunnel - r->next->tunnels);
	return 0;
}

// Each of the socket's policies comes behind as many of the file's as it did.
static int keep_policies(struct reload *r)
{
	unsigned of_file = r->next->policies_n;
	unsigned files = 0, others = 0;
	int ret = 0;

	for (unsigned i = 0; i < r->now->policies_n && ret == 0; i++) {
		const struct config_policy *policy = &r->now->policies[i];

		if (policy->owner == OWNER_FILE) {
			files++;
			continue;
		}
		ret = keep_policy(r, policy, (files < of_file ? files : of_file) + others);
		others++;
	}
	return ret;
}

static int merge(struct reload *r)
{
	unsigned n = r->next->tunnels_n;
	int ret = collect(r->now, &r->keys);

	if (ret < 0)
		error_set(r->err, ENOMEM, "no memory for SAs");
	for (unsigned i = 0; i < n && ret == 0; i++)
		ret = take_tunnel(r, &r->next->tunnels[i]);
	if (ret == 0)
		ret = keep_tunnels(r);
	if (ret == 0)
		ret = keep_policies(r);
	free(r->keys.sa);
	return ret;
}

int change_reload(
	struct change *change, const json_t *arguments, json_t **result, struct error *err)
{
	struct gateway *gateway = change->gateway;
	struct config *draft = change->draft, *loaded, before;
	struct reload r = {.change = change, .now = draft, .err = err};
	int ret = change_may(change, OWNER_FILE, "configuration", draft->file, err);

	(void)arguments;
	if (ret < 0)
		return ret;
	ret = config_load(draft->file, gateway->dp->protos, gateway->dp->engines, &loaded, err);
	if (ret < 0)
		return ret;
	r.next = loaded;
	ret = reload_fixed(draft, loaded, err);
	if (ret == 0)
		ret = merge(&r);
	if (ret == 0) {
		// The lists change hands.
		name_index_forget(&draft->tunnel_names);
		name_index_forget(&draft->policy_names);
		name_index_forget(&loaded->tunnel_names);
		name_index_forget(&loaded->policy_names);
		before = *draft;
		draft->tunnels = loaded->tunnels;
		draft->tunnels_n = loaded->tunnels_n;
		draft->policies = loaded->policies;
		draft->policies_n = loaded->policies_n;
		loaded->tunnels = before.tunnels;
		loaded->tunnels_n = before.tunnels_n;
		loaded->policies = before.policies;
		loaded->policies_n = before.policies_n;
		*result = json_pack("{s:i, s:i}", "tunnels", (int)draft->tunnels_n, "policies",
			(int)draft->policies_n);
	}
	config_free(loaded);
	return ret;
}
