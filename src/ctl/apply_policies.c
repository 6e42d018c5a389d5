// Tables of policies: when they are built anew, and what has been counted by those before.
#include "ctl/apply_policies.h"

#include "ctl/apply_diff.h"
#include "ctl/gateway.h"

#include <errno.h>
#include <rte_memory.h>
#include <stdlib.h>
#include <string.h>

static enum policy_action action_of(const struct config_policy *policy)
{
	return policy->withdrawn ? POLICY_DISCARD : policy->action;
}

static struct tunnel *tunnel_of(const struct config *config, const struct config_policy *policy)
{
	return action_of(policy) == POLICY_PROTECT ? config->tunnels[policy->tunnel].live : NULL;
}

static bool same_policies(const struct config *a, const struct config *b)
{
	if (a->policies_n != b->policies_n)
		return false;
	for (unsigned i = 0; i < a->policies_n; i++) {
		const struct config_policy *p = &a->policies[i], *q = &b->policies[i];

		if (strcmp(p->name, q->name) != 0 || action_of(p) != action_of(q) ||
			!selector_equal(&p->selector, &q->selector) ||
			tunnel_of(a, p) != tunnel_of(b, q))
			return false;
	}
	return true;
}

// An outbound SA that goes on where another stood shares with it what its worker remembers of the
// next hop; that is looked up anew with each new table of policies.
static bool has_moved(const struct config *next, const struct apply_diff *diff)
{
	for (unsigned i = 0; i < diff->n; i++) {
		const struct config_tunnel *tunnel = &next->tunnels[diff->tunnel[i]];

		if (tunnel->has_out && !tunnel->out.live->published &&
			tunnel->out.live->body != tunnel->out.live)
			return true;
	}
	return false;
}

int apply_build_spd(struct gateway *gateway, const struct config *next,
	const struct apply_diff *diff, struct spd **spd, struct error *err)
{
	struct policy *policy;
	int ret;

	*spd = NULL;
	if (gateway->changes && same_policies(gateway->config, next) && !has_moved(next, diff))
		return 0;
	policy = calloc(next->policies_n + 1, sizeof(policy[0]));
	if (!policy)
		return error_set(err, ENOMEM, "no memory for policies");
	for (unsigned i = 0; i < next->policies_n; i++) {
		const struct config_policy *from = &next->policies[i];

		memcpy(policy[i].name, from->name, sizeof(policy[i].name));
		policy[i].selector = from->selector;
		policy[i].action = action_of(from);
		policy[i].tunnel = tunnel_of(next, from);
	}
	ret = spd_build(policy, next->policies_n, gateway->dp->workers, SOCKET_ID_ANY, spd, err);
	free(policy);
	return ret;
}

bool apply_same_guarded(const struct config *a, const struct config *b)
{
	if (a->policies_n != b->policies_n)
		return false;
	for (unsigned i = 0; i < a->policies_n; i++) {
		const struct config_policy *p = &a->policies[i], *q = &b->policies[i];

		if (p->action != q->action || !selector_equal(&p->selector, &q->selector))
			return false;
	}
	return true;
}

// Most policies follow each other as before.
static void find_hits(const struct gateway *gateway, struct config *next)
{
	struct config *now = gateway->config;
	const struct spd *spd = atomic_load_explicit(&gateway->dp->spd, memory_order_acquire);
	unsigned behind = 0;

	if (now->policies_n != spd_policies(spd))
		return; // at start: nothing has been counted
	for (unsigned i = 0; i < next->policies_n; i++) {
		const char *name = next->policies[i].name;
		unsigned at = behind;

		if (at == now->policies_n || strcmp(now->policies[at].name, name) != 0)
			at = config_find_policy(now, name);
		if (at == now->policies_n)
			continue;
		next->policies[i].hits = now->policies[at].hits + spd_hits(spd, at);
		behind = at + 1;
	}
}

static void keep_hits(const struct config *now, struct config *next)
{
	for (unsigned i = 0; i < next->policies_n; i++)
		next->policies[i].hits = now->policies[i].hits;
}

void apply_carry_hits(const struct gateway *gateway, struct config *next, const struct spd *spd)
{
	if (spd)
		find_hits(gateway, next);
	else
		keep_hits(gateway->config, next);
}
