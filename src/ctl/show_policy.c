// show-policy: the security policies in their order.
#include "ctl/gateway.h"
#include "ctl/show.h"
#include "ctl/show_list.h"

static const char *const actions[] = {
	[POLICY_DISCARD] = "discard", [POLICY_BYPASS] = "bypass", [POLICY_PROTECT] = "protect"};

static json_t *ports(const struct port_range *range)
{
	return json_pack("[i, i]", (int)range->first, (int)range->last);
}

static json_t *one(const struct gateway *gateway, unsigned index)
{
	const struct spd *spd = atomic_load_explicit(&gateway->dp->spd, memory_order_acquire);
	const struct config_policy *from = &gateway->config->policies[index];
	const struct policy *policy = spd_policy(spd, index + 1);
	const struct selector *s = &policy->selector;
	json_t *shown = json_pack("{s:i, s:s, s:o, s:o, s:o, s:s, s:I}", "order", (int)index + 1,
		"name", policy->name, "source", show_prefix(&s->source), "destination",
		show_prefix(&s->destination), "protocol",
		s->protocol == SELECTOR_ANY_PROTOCOL ? json_string("any")
						     : json_integer(s->protocol),
		"action", actions[policy->action], "hits",
		(json_int_t)(from->hits + spd_hits(spd, index)));

	if (selector_names_ports(s)) {
		json_object_set_new(shown, "source_ports", ports(&s->source_port));
		json_object_set_new(shown, "destination_ports", ports(&s->destination_port));
	}
	json_object_set_new(shown, "owner", json_string(gateway->owners.owner[from->owner].name));
	if (from->withdrawn)
		json_object_set_new(shown, "withdrawn", json_true());
	if (policy->tunnel)
		json_object_set_new(shown, "tunnel", json_string(policy->tunnel->name));
	return shown;
}

int show_policy(
	struct gateway *gateway, const json_t *arguments, json_t **result, struct error *err)
{
	struct config *config = gateway->config;
	const struct show_list policies = {
		.what = "policy",
		.all = "policies",
		.names = &config->policy_names,
		.items = config->policies,
		.n = config->policies_n,
		.octets = sizeof(config->policies[0]),
		.show = one,
	};
	int ret = show_list(gateway, &policies, arguments, result, err);

	if (ret == 0)
		json_object_set_new(*result, "otherwise", json_string(actions[POLICY_DISCARD]));
	return ret;
}
