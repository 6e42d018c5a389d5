// Sets and rules by libnftables' JSON, which has names for what is in them; the rest by netlink.
#include "base/nft.h"
#include "base/nft_hooks.h"
#include "ctl/api.h"
#include "vpectl/host_guard.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TRIES 8 // where rules change under our eyes

// A table's flags: dormant, or to go with the program that owns it.
#define IDLE ": is dormant, or another program's"

// What a complete guard has, in this order.
static const struct {
	const char *chain;
	const char *key;
	const char *set;
} rules[] = {
	{"forward", "iifname", "@" HOST_GUARD_FORWARD},
	{"forward", "oifname", "@" HOST_GUARD_FORWARD},
	{"forward", "oif", "@" HOST_GUARD_INDEXES},
	{"arrive", "iifname", "@" HOST_GUARD_DEVICES},
	{"arrive", "iif", "@" HOST_GUARD_INDEXES},
	{"output", "oifname", "@" HOST_GUARD_DEVICES},
	{"output", "oif", "@" HOST_GUARD_INDEXES},
};
static_assert(sizeof(rules) / sizeof(rules[0]) == GUARD_RULES, "rules");

static bool is(const json_t *object, const char *key, const char *text)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value && strcmp(value, text) == 0;
}

static const json_t *match_of(const json_t *expr, size_t i)
{
	return json_object_get(json_array_get(expr, i), "match");
}

static const json_t *left_of(const json_t *expr, size_t i, const char *kind)
{
	return json_object_get(json_object_get(match_of(expr, i), "left"), kind);
}

static bool is_expected(const json_t *rule, unsigned index)
{
	const json_t *expr = json_object_get(rule, "expr");
	const json_t *match = match_of(expr, 0);
	const json_t *meta = left_of(expr, 0, "meta");

	return index < GUARD_RULES && is(rule, "family", "inet") &&
		is(rule, "chain", rules[index].chain) && is(match, "op", "==") &&
		is(meta, "key", rules[index].key) && is(match, "right", rules[index].set) &&
		json_array_size(expr) == 3 && json_object_get(json_array_get(expr, 1), "counter") &&
		json_object_get(json_array_get(expr, 2), "drop");
}

// The one rule of an egress chain.
static bool lets_marked_out(const json_t *rule)
{
	const char *chain = json_string_value(json_object_get(rule, "chain"));
	const json_t *expr = json_object_get(rule, "expr");
	const json_t *match = match_of(expr, 0);
	const json_t *meta = left_of(expr, 0, "meta");

	return chain && strncmp(chain, HOST_GUARD_EGRESS, strlen(HOST_GUARD_EGRESS)) == 0 &&
		is(match, "op", "==") && is(meta, "key", "mark") &&
		json_integer_value(json_object_get(match, "right")) == HOST_GUARD_MARK &&
		json_array_size(expr) == 2 && json_object_get(json_array_get(expr, 1), "accept");
}

static bool is_of_policies(const char *chain)
{
	return strncmp(chain, HOST_GUARD_POLICIES, strlen(HOST_GUARD_POLICIES)) == 0;
}

// Lets pass what leaves by our interfaces, or between certain addresses, or to none that a policy
// protects.
static bool is_policy_pass(const json_t *expr)
{
	const json_t *match = match_of(expr, 0);

	if (json_array_size(expr) == 3)
		return is(left_of(expr, 0, "payload"), "field", "saddr") &&
			is(left_of(expr, 1, "payload"), "field", "daddr");
	if (json_array_size(expr) != 2)
		return false;
	if (is(left_of(expr, 0, "meta"), "key", "oifname"))
		return is(match, "op", "==") &&
			(is(match, "right", "lo") || is(match, "right", "@" HOST_GUARD_INTERFACES));
	return is(left_of(expr, 0, "payload"), "field", "daddr") && is(match, "op", "!=");
}

static bool is_jump(struct guard_status *status, const json_t *expr)
{
	const json_t *jump = json_object_get(json_array_get(expr, 0), "jump");
	const char *target = json_string_value(json_object_get(jump, "target"));

	if (!target || json_array_size(expr) != 1)
		return false;
	json_object_set_new(status->policies_reached, target, json_true());
	return true;
}

// The rules of one chain follow each other; the last one says how many there are.
static void read_policy_rule(struct guard_status *status, const char *chain, const json_t *rule)
{
	const json_t *expr = json_object_get(rule, "expr");
	const json_t *last = json_array_get(expr, json_array_size(expr) - 1);
	char end[64];

	snprintf(end, sizeof(end), HOST_GUARD_POLICIES_END, status->policies_drop,
		status->policies_pass, status->policies_jump);
	if (json_object_get(status->policies_whole, chain))
		status->strange = true;
	else if (is(rule, "comment", end))
		json_object_set_new(status->policies_whole, chain, json_true());
	else if (json_object_get(last, "drop"))
		status->policies_drop++;
	else if (json_object_get(last, "accept") && is_policy_pass(expr))
		status->policies_pass++;
	else if (is_jump(status, expr))
		status->policies_jump++;
	else
		status->strange = true;
}

static void read_policies(struct guard_status *status, const char *chain, const json_t *rule)
{
	read_policy_rule(status, chain, rule);
	if (json_object_get(status->policies_whole, chain)) {
		status->policies_drop = 0;
		status->policies_pass = 0;
		status->policies_jump = 0;
	}
}

static void read_rule(struct guard_status *status, const json_t *rule)
{
	const char *chain = json_string_value(json_object_get(rule, "chain"));

	if (is(rule, "family", "netdev"))
		status->strange |= !lets_marked_out(rule);
	else if (chain && is_of_policies(chain))
		read_policies(status, chain, rule);
	else
		status->strange |= !is_expected(rule, status->rules++);
}

static void read_device(
	json_t *devices, const struct nft_hook *hook, const char *prefix, uint32_t number)
{
	const char *name = hook->chain + strlen(prefix);

	if (strncmp(hook->chain, prefix, strlen(prefix)) == 0 && hook->hook == number &&
		hook->policy == NF_DROP && hook->device && strcmp(hook->device, name) == 0)
		json_object_set_new(devices, name, json_true());
}

static void read_device_hook(const struct nft_hook *hook, void *arg)
{
	struct guard_status *status = arg;

	read_device(status->ingress, hook, HOST_GUARD_INGRESS, NF_NETDEV_INGRESS);
	read_device(status->egress, hook, HOST_GUARD_EGRESS, NF_NETDEV_EGRESS);
}

static bool is_hook(const struct nft_hook *hook, const char *chain, uint32_t number)
{
	return strcmp(hook->chain, chain) == 0 && hook->hook == number;
}

static void read_inet_hook(const struct nft_hook *hook, void *arg)
{
	struct guard_status *status = arg;

	status->forward |= is_hook(hook, "forward", NF_INET_FORWARD);
	status->arrive |= is_hook(hook, "arrive", NF_INET_PRE_ROUTING);
	status->output |= is_hook(hook, "output", NF_INET_LOCAL_OUT);
	if (is_of_policies(hook->chain) && hook->hook == NF_INET_LOCAL_OUT)
		json_object_set_new(status->policies_reached, hook->chain, json_true());
}

static void read_names(struct guard_status *status, json_t *names, const json_t *elements)
{
	const json_t *element;
	size_t i;

	// One with a timeout is an object.
	json_array_foreach(elements, i, element)
	{
		if (json_is_string(element))
			json_array_append_new(names, json_string(json_string_value(element)));
		else
			status->strange = true;
	}
}

static void read_set(struct guard_status *status, const json_t *set)
{
	const json_t *names = json_object_get(set, "elem");

	if (is(set, "name", HOST_GUARD_FORWARD))
		read_names(status, status->not_forwarded, names);
	else if (is(set, "name", HOST_GUARD_INTERFACES))
		read_names(status, status->interfaces, names);
	else if (is(set, "name", HOST_GUARD_DEVICES))
		read_names(status, status->devices, names);
	else if (is(set, "name", HOST_GUARD_INDEXES))
		read_names(status, status->indexes, names);
}

static void read_object(struct guard_status *status, const char *kind, const json_t *object)
{
	if (strcmp(kind, "set") == 0)
		read_set(status, object);
	else if (strcmp(kind, "rule") == 0)
		read_rule(status, object);
}

static int read_objects(struct guard_status *status, const char *command, struct error *err)
{
	json_t *all, *entry, *object;
	char *said = NULL;
	int ret = nft_run(command, &said, err);
	const char *kind;
	size_t i;

	if (ret < 0)
		return ret;
	all = json_loads(said, 0, NULL);
	free(said);
	if (!all)
		return error_set(err, EPROTO, "nftables: the list of rules is not JSON");
	json_array_foreach(json_object_get(all, "nftables"), i, entry)
		json_object_foreach(entry, kind, object) read_object(status, kind, object);
	json_decref(all);
	return 0;
}

static const struct part {
	struct nft_table table;
	const char *list;
	void (*on_hook)(const struct nft_hook *hook, void *status);
	const char *idle;
} parts[] = {
	{{NFPROTO_INET, HOST_GUARD_TABLE}, "list table inet " HOST_GUARD_TABLE, read_inet_hook,
		"table inet " HOST_GUARD_TABLE IDLE},
	{{NFPROTO_NETDEV, HOST_GUARD_TABLE}, "list table netdev " HOST_GUARD_TABLE,
		read_device_hook, "table netdev " HOST_GUARD_TABLE IDLE},
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static int read_part(
	struct guard_status *status, const struct part *part, bool *in_force, struct error *err)
{
	uint32_t flags;
	int ret = nft_table_flags(&part->table, &flags, err);

	if (ret <= 0)
		return ret;
	status->installed = true;
	if (flags != 0) {
		*in_force = false;
		json_array_append_new(status->faults, json_string(part->idle));
		return 0;
	}
	ret = read_objects(status, part->list, err);
	return ret < 0 ? ret : nft_hooks(&part->table, part->on_hook, status, err);
}

static int read_all(struct guard_status *status, struct error *err)
{
	bool in_force = true;
	int ret = 0;

	for (unsigned i = 0; i < PARTS && ret == 0; i++)
		ret = read_part(status, &parts[i], &in_force, err);
	if (ret == 0 && status->installed && in_force)
		guard_status_judge(status);
	return ret;
}

static void begin(struct guard_status *status)
{
	*status = (struct guard_status){
		.not_forwarded = json_array(),
		.interfaces = json_array(),
		.devices = json_array(),
		.indexes = json_array(),
		.ingress = json_object(),
		.egress = json_object(),
		.policies_reached = json_object(),
		.policies_whole = json_object(),
		.faults = json_array(),
	};
}

int guard_status_read(struct guard_status *status, struct error *err)
{
	int ret;

	begin(status);
	ret = read_all(status, err);
	for (unsigned i = 1; i < TRIES && ret == -EINTR; i++) {
		guard_status_clear(status);
		begin(status);
		ret = read_all(status, err);
	}
	return ret;
}

void guard_status_clear(struct guard_status *status)
{
	json_decref(status->not_forwarded);
	json_decref(status->interfaces);
	json_decref(status->devices);
	json_decref(status->indexes);
	json_decref(status->ingress);
	json_decref(status->egress);
	json_decref(status->policies_reached);
	json_decref(status->policies_whole);
	json_decref(status->faults);
}
