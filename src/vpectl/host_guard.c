// vpectl host-guard: asks the kernel, not the daemon, which need not run.
#include "base/nft.h"
#include "ctl/api.h"
#include "vpectl/vpectl.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
#define RULES (sizeof(rules) / sizeof(rules[0]))

struct status {
	bool installed;
	unsigned rules;
	bool strange; // a rule that is not ours, or in the wrong place
	bool forward;
	bool arrive;
	bool output;
	json_t *not_forwarded; // names
	json_t *devices;
	json_t *indexes; // their names now; numbers of those that are gone
	json_t *ingress; // name -> true
	json_t *egress;
	json_t *faults;
};

static bool is(const json_t *object, const char *key, const char *text)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value && strcmp(value, text) == 0;
}

static bool is_expected(const json_t *rule, unsigned index)
{
	const json_t *expr = json_object_get(rule, "expr");
	const json_t *match = json_object_get(json_array_get(expr, 0), "match");
	const json_t *meta = json_object_get(json_object_get(match, "left"), "meta");

	return index < RULES && is(rule, "family", "inet") &&
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
	const json_t *match = json_object_get(json_array_get(expr, 0), "match");
	const json_t *meta = json_object_get(json_object_get(match, "left"), "meta");

	return chain && strncmp(chain, HOST_GUARD_EGRESS, strlen(HOST_GUARD_EGRESS)) == 0 &&
		is(match, "op", "==") && is(meta, "key", "mark") &&
		json_integer_value(json_object_get(match, "right")) == HOST_GUARD_MARK &&
		json_array_size(expr) == 2 && json_object_get(json_array_get(expr, 1), "accept");
}

static void read_device(json_t *devices, const json_t *chain, const char *name, const char *prefix,
	const char *hook)
{
	if (strncmp(name, prefix, strlen(prefix)) == 0 && is(chain, "hook", hook))
		json_object_set_new(devices, name + strlen(prefix), json_true());
}

static void read_chain(struct status *status, const json_t *chain)
{
	const char *name = json_string_value(json_object_get(chain, "name"));

	if (!name)
		return;
	if (is(chain, "family", "inet")) {
		status->forward |= strcmp(name, "forward") == 0 && is(chain, "hook", "forward");
		status->arrive |= strcmp(name, "arrive") == 0 && is(chain, "hook", "prerouting");
		status->output |= strcmp(name, "output") == 0 && is(chain, "hook", "output");
	} else if (is(chain, "policy", "drop")) {
		read_device(status->ingress, chain, name, HOST_GUARD_INGRESS, "ingress");
		read_device(status->egress, chain, name, HOST_GUARD_EGRESS, "egress");
	}
}

static void read_set(struct status *status, const json_t *set)
{
	json_t *names = json_object_get(set, "elem");

	if (is(set, "name", HOST_GUARD_FORWARD))
		json_array_extend(status->not_forwarded, names);
	else if (is(set, "name", HOST_GUARD_DEVICES))
		json_array_extend(status->devices, names);
	else if (is(set, "name", HOST_GUARD_INDEXES))
		json_array_extend(status->indexes, names);
}

static void read_object(struct status *status, const char *kind, const json_t *object)
{
	bool table = strcmp(kind, "table") == 0;

	if (!is(object, table ? "name" : "table", HOST_GUARD_TABLE) ||
		!(is(object, "family", "inet") || is(object, "family", "netdev")))
		return;
	if (table)
		status->installed = true;
	else if (strcmp(kind, "chain") == 0)
		read_chain(status, object);
	else if (strcmp(kind, "set") == 0)
		read_set(status, object);
	else if (strcmp(kind, "rule") == 0 && is(object, "family", "netdev"))
		status->strange |= !lets_marked_out(object);
	else if (strcmp(kind, "rule") == 0)
		status->strange |= !is_expected(object, status->rules++);
}

static void add_fault(struct status *status, const char *name, const char *text)
{
	json_array_append_new(status->faults, json_sprintf("%s%s", name, text));
}

static bool has(const json_t *names, const json_t *name)
{
	const json_t *at;
	size_t i;

	json_array_foreach(names, i, at)
	{
		if (json_equal(at, name))
			return true;
	}
	return false;
}

static void judge_device(struct status *status, const char *device)
{
	json_t *name = json_string(device);

	if (if_nametoindex(device) == 0) {
		add_fault(status, device, ": there is no interface of this name");
	} else {
		if (!has(status->indexes, name))
			add_fault(status, device, ": is not the interface that was guarded");
		if (!json_object_get(status->ingress, device))
			add_fault(status, device, ": the kernel receives what arrives there");
		if (!json_object_get(status->egress, device))
			add_fault(status, device, ": what the host has on top of it sends there");
	}
	json_decref(name);
}

static void judge(struct status *status)
{
	json_t *name;
	size_t i;

	if (!status->forward || !status->arrive || !status->output || status->rules != RULES ||
		status->strange)
		add_fault(status, "", "the rules are not those that vped installs");
	json_array_foreach(status->devices, i, name) judge_device(status, json_string_value(name));
	json_array_foreach(status->indexes, i, name)
	{
		if (if_nametoindex(json_string_value(name)) != 0 && !has(status->devices, name))
			add_fault(status, json_string_value(name),
				": had another name when it was guarded");
	}
}

static int read_status(struct status *status, struct error *err)
{
	char *said = NULL;
	int ret = nft_run("list ruleset", &said, err);
	json_t *all, *entry, *object;
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
	if (status->installed)
		judge(status);
	return 0;
}

static void print_names(const char *title, const json_t *names)
{
	const char *separator = " ";
	const json_t *name;
	size_t i;

	if (json_array_size(names) == 0)
		return;
	fputs(title, stdout);
	json_array_foreach(names, i, name)
	{
		printf("%s%s", separator, json_string_value(name));
		separator = ", ";
	}
	putchar('\n');
}

static void print_json(json_t *object)
{
	json_dumpf(object, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(object);
}

static void print_status(const struct status *status, bool intact)
{
	const json_t *fault;
	size_t i;

	printf("host guard: %s\n",
		intact			    ? "installed"
			: status->installed ? "incomplete"
					    : "not installed");
	json_array_foreach(status->faults, i, fault) printf("  %s\n", json_string_value(fault));
	print_names("the kernel forwards nothing in or out by:", status->not_forwarded);
	print_names("the kernel receives and sends nothing by:", status->devices);
}

static enum vpectl_exit fail(const struct error *err)
{
	fprintf(stderr, "vpectl: %s\n", err->text);
	return VPECTL_NO_CONNECTION;
}

static enum vpectl_exit show_status(const struct vpectl *ctl)
{
	struct status status = {
		.not_forwarded = json_array(),
		.devices = json_array(),
		.indexes = json_array(),
		.ingress = json_object(),
		.egress = json_object(),
		.faults = json_array(),
	};
	struct error err;
	int ret = read_status(&status, &err);
	bool intact = status.installed && json_array_size(status.faults) == 0;

	if (ret == 0 && ctl->json)
		print_json(json_pack("{s:b, s:b, s:O, s:O, s:O}", "installed", status.installed,
			"intact", intact, "not_forwarded", status.not_forwarded, "devices",
			status.devices, "faults", status.faults));
	else if (ret == 0)
		print_status(&status, intact);
	json_decref(status.not_forwarded);
	json_decref(status.devices);
	json_decref(status.indexes);
	json_decref(status.ingress);
	json_decref(status.egress);
	json_decref(status.faults);
	if (ret < 0)
		return fail(&err);
	return intact ? VPECTL_OK : VPECTL_REFUSED;
}

// Adding first makes deleting succeed where there is nothing: one transaction, whatever is there.
static enum vpectl_exit remove_guard(const struct vpectl *ctl)
{
	static const char commands[] = "add table inet " HOST_GUARD_TABLE "\n"
				       "delete table inet " HOST_GUARD_TABLE "\n"
				       "add table netdev " HOST_GUARD_TABLE "\n"
				       "delete table netdev " HOST_GUARD_TABLE "\n";
	struct error err;

	if (nft_run(commands, NULL, &err) < 0)
		return fail(&err);
	if (ctl->json)
		print_json(json_pack("{s:b}", "installed", false));
	else
		puts("host guard: removed; vped installs it again at its next start");
	return VPECTL_OK;
}

enum vpectl_exit host_guard(const struct vpectl *ctl, int argc, char **argv)
{
	if (argc == 1 && strcmp(argv[0], "status") == 0)
		return show_status(ctl);
	if (argc == 1 && strcmp(argv[0], "off") == 0)
		return remove_guard(ctl);
	fputs("vpectl: host-guard takes status or off\n", stderr);
	return VPECTL_USAGE;
}
