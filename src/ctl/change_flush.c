// What removes many objects: flush, the owner who starts anew, lives that are over.
#include "ctl/change_requests.h"
#include "ctl/gateway.h"
#include "ctl/owners.h"

#include <errno.h>
#include <string.h>

#define ANYBODY (-1)

static bool is_of(uint16_t owner, int whose)
{
	return whose == ANYBODY || owner == whose;
}

static bool is_its(const struct config_sa *sa, int whose)
{
	return is_of(sa->owner, whose);
}

static bool is_over(const struct config_sa *sa, int whose)
{
	(void)whose;
	return sa->live->body->expired;
}

static unsigned remove_sas(
	struct config *draft, bool (*goes)(const struct config_sa *sa, int whose), int whose)
{
	unsigned n = 0;

	for (unsigned i = 0; i < draft->tunnels_n; i++) {
		struct config_tunnel *tunnel = &draft->tunnels[i];

		if (tunnel->has_out && goes(&tunnel->out, whose)) {
			change_remove_sa(tunnel, &tunnel->out);
			n++;
		}
		for (unsigned k = tunnel->in_n; k-- > 0;) {
			if (!goes(&tunnel->in[k], whose))
				continue;
			change_remove_sa(tunnel, &tunnel->in[k]);
			n++;
		}
	}
	return n;
}

// Keeps the order of what stays.
static unsigned flush_policies(struct config *draft, int whose)
{
	unsigned kept = 0, n = draft->policies_n;

	for (unsigned i = 0; i < n; i++)
		if (!is_of(draft->policies[i].owner, whose))
			draft->policies[kept++] = draft->policies[i];
	draft->policies_n = kept;
	name_index_forget(&draft->policy_names);
	return n - kept;
}

static bool is_named(const struct config *draft, unsigned tunnel)
{
	for (unsigned i = 0; i < draft->policies_n; i++)
		if (draft->policies[i].action == POLICY_PROTECT &&
			draft->policies[i].tunnel == tunnel)
			return true;
	return false;
}

// Tunnels that policies still name stay, empty.
static unsigned flush_tunnels(struct config *draft, int whose)
{
	unsigned n = 0;

	for (unsigned i = draft->tunnels_n; i-- > 0;) {
		if (!is_of(draft->tunnels[i].owner, whose) || is_named(draft, i))
			continue;
		change_remove_tunnel(draft, i);
		n++;
	}
	return n;
}

static int whose(
	const struct change *change, const json_t *arguments, int *owner, struct error *err)
{
	const char *name = json_string_value(json_object_get(arguments, "owner"));

	*owner = change->owner == OWNER_OPERATOR ? ANYBODY : change->owner;
	if (!name)
		return 0;
	*owner = owners_find(&change->gateway->owners, name);
	if (*owner < 0)
		return error_set(err, ENOENT, "nobody is called \"%.64s\"", name);
	return change_may(change, (uint16_t)*owner, "what is of owner", name, err);
}

int change_flush(struct change *change, const json_t *arguments, json_t **result, struct error *err)
{
	const char *what = json_string_value(json_object_get(arguments, "what"));
	unsigned sas = 0, policies = 0, tunnels = 0;
	bool all = what && strcmp(what, "all") == 0;
	int owner;
	int ret = whose(change, arguments, &owner, err);

	if (ret < 0)
		return ret;
	if (!all && (!what || (strcmp(what, "sas") != 0 && strcmp(what, "policies") != 0)))
		return error_set(err, EINVAL,
			"'what' is missing or unknown; \"sas\", \"policies\" or \"all\" is wanted");
	if (all || strcmp(what, "policies") == 0)
		policies = flush_policies(change->draft, owner);
	if (all || strcmp(what, "sas") == 0)
		sas = remove_sas(change->draft, is_its, owner);
	if (all)
		tunnels = flush_tunnels(change->draft, owner);
	change->extent = sas + policies + tunnels > 0 ? CHANGE_LESS : CHANGE_NONE;
	*result = json_pack("{s:i, s:i, s:i}", "sas", (int)sas, "policies", (int)policies,
		"tunnels", (int)tunnels);
	return 0;
}

int change_withdraw(
	struct change *change, const json_t *arguments, json_t **result, struct error *err)
{
	struct config *draft = change->draft;
	unsigned sas = remove_sas(draft, is_its, change->owner);
	unsigned policies = 0, withdrawn = 0;

	(void)arguments;
	(void)err;
	for (unsigned i = 0; i < draft->policies_n; i++) {
		struct config_policy *policy = &draft->policies[i];

		if (policy->owner != change->owner || policy->action != POLICY_PROTECT)
			continue;
		withdrawn += !policy->withdrawn;
		policy->withdrawn = true;
		policies++;
	}
	change->extent = sas + withdrawn > 0 ? CHANGE_LESS : CHANGE_NONE;
	*result = json_pack("{s:i, s:i}", "sas", (int)sas, "policies", (int)policies);
	return 0;
}

int change_expire(
	struct change *change, const json_t *arguments, json_t **result, struct error *err)
{
	unsigned sas = remove_sas(change->draft, is_over, ANYBODY);

	(void)arguments;
	(void)err;
	change->extent = sas > 0 ? CHANGE_LESS : CHANGE_NONE;
	*result = json_pack("{s:i}", "sas", (int)sas);
	return 0;
}
