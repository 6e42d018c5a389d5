// Requests that change policies.
#include "ctl/change_arguments.h"
#include "ctl/change_requests.h"
#include "ctl/config_tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct config_policy *change_insert_policy(struct config *draft, unsigned at)
{
	struct config_policy *grown =
		reallocarray(draft->policies, draft->policies_n + 2, sizeof(draft->policies[0]));

	if (!grown)
		return NULL;
	draft->policies = grown;
	if (at < draft->policies_n)
		name_index_forget(&draft->policy_names);
	memmove(&grown[at + 1], &grown[at], (draft->policies_n - at) * sizeof(grown[0]));
	memset(&grown[at], 0, sizeof(grown[0]));
	policy_default(&grown[at]);
	draft->policies_n++;
	return &grown[at];
}

void change_remove_policy(struct config *draft, unsigned at)
{
	name_index_forget(&draft->policy_names);
	draft->policies_n--;
	memmove(&draft->policies[at], &draft->policies[at + 1],
		(draft->policies_n - at) * sizeof(draft->policies[0]));
}

static bool same(const struct config_policy *a, const struct config_policy *b)
{
	return selector_equal(&a->selector, &b->selector) && a->action == b->action &&
		a->tunnel == b->tunnel && a->withdrawn == b->withdrawn;
}

static int read_policy(const struct change *change, const json_t *arguments,
	struct config_policy *policy, struct error *err)
{
	json_t *rest = json_copy((json_t *)(uintptr_t)arguments);
	int ret;

	if (!rest)
		return error_set(err, ENOMEM, "no memory");
	json_object_del(rest, "before");
	json_object_del(rest, "replace");
	policy_default(policy);
	ret = change_read(change, rest, &policy_settings, policy, err);
	policy->line = 0;
	policy->owner = change->owner;
	json_decref(rest);
	return ret;
}

static int move_policy(struct config *draft, unsigned from, unsigned to)
{
	struct config_policy moved = draft->policies[from];
	struct config_policy *made;

	change_remove_policy(draft, from);
	made = change_insert_policy(draft, to);
	if (!made)
		return -ENOMEM;
	*made = moved;
	return 0;
}

// Where number `at` has this name: it is the same and stands before number `before`, or is replaced
// because that is asked for or because its owner had gone.
static int replace(struct change *change, const json_t *arguments, unsigned at, unsigned before,
	const struct config_policy *policy, json_t **result, struct error *err)
{
	struct config_policy *there = &change->draft->policies[at];
	bool changed = !same(there, policy) || at > before;
	bool wanted = json_is_true(json_object_get(arguments, "replace")) || there->withdrawn;
	uint64_t hits = there->hits;
	int ret = change_may(change, there->owner, "policy", there->name, err);

	if (ret < 0)
		return ret;
	if (changed && !wanted)
		return error_set(err, EEXIST,
			"there is a policy \"%s\" that says something else, or in another place; "
			"delete it, or say \"replace\": true",
			there->name);
	*result = json_pack("{s:b}", "changed", (int)changed);
	if (!changed) {
		change->extent = CHANGE_NONE;
		return 0;
	}
	*there = *policy;
	there->hits = hits;
	if (at > before && move_policy(change->draft, at, before) < 0)
		return error_set(err, ENOMEM, "no memory for a policy");
	return 0;
}

int change_add_policy(
	struct change *change, const json_t *arguments, json_t **result, struct error *err)
{
	const json_t *before = json_object_get(arguments, "before");
	struct config *draft = change->draft;
	struct config_policy policy = {.owner = 0};
	struct config_policy *made;
	unsigned place;
	unsigned at;
	int ret;

	if (before && !json_is_string(before))
		return error_set(err, EINVAL, "'before' is the name of a policy");
	change->extent = CHANGE_POLICY;
	ret = read_policy(change, arguments, &policy, err);
	if (ret < 0)
		return ret;
	if (policy.action == POLICY_PROTECT) {
		const struct config_tunnel *tunnel = &draft->tunnels[policy.tunnel];

		ret = change_may(change, tunnel->owner, "tunnel", tunnel->name, err);
		if (ret < 0)
			return ret;
	}
	place = before ? config_find_policy(draft, json_string_value(before)) : draft->policies_n;
	if (before && place == draft->policies_n)
		return error_set(err, ENOENT, "there is no policy \"%.64s\" to come before",
			json_string_value(before));
	at = config_find_policy(draft, policy.name);
	if (at < draft->policies_n)
		return replace(change, arguments, at, place, &policy, result, err);
	if (draft->policies_n == POLICIES_MAX)
		return error_set(err, ENOSPC, "there are %d policies already", POLICIES_MAX);
	made = change_insert_policy(draft, place);
	if (!made)
		return error_set(err, ENOMEM, "no memory for a policy");
	*made = policy;
	*result = json_pack("{s:b}", "changed", 1);
	return 0;
}

int change_del_policy(
	struct change *change, const json_t *arguments, json_t **result, struct error *err)
{
	const char *name = json_string_value(json_object_get(arguments, "name"));
	struct config *draft = change->draft;
	unsigned at;
	int ret;

	if (!name)
		return error_set(err, EINVAL, "'name' is missing here");
	at = config_find_policy(draft, name);
	change->extent = at < draft->policies_n ? CHANGE_LESS : CHANGE_NONE;
	*result = json_pack("{s:i}", "deleted", at < draft->policies_n ? 1 : 0);
	if (at == draft->policies_n)
		return 0;
	ret = change_may(change, draft->policies[at].owner, "policy", name, err);
	if (ret == 0)
		change_remove_policy(draft, at);
	return ret;
}
