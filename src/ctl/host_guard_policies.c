// The kernel may have another way to where tunnels lead: a default route by a third interface, or
// the only one left when the daemon is dead. What it says there about decrypted packets, or quotes
// of them, would be in clear. A base chain for each daemon, so that daemons in one namespace keep
// out of each other's rules.
#include "ctl/host_guard_policies.h"

#include "ctl/api.h"
#include "ctl/config.h"
#include "ctl/host_guard.h"
#include "ctl/host_guard_parts.h"

#include <stdlib.h>
#include <string.h>

// A policy towards every address is not about the management of the host, which it would cut off.
// So it lets out what leaves an interface from that interface's own address; not what is from an
// address of the protected side. Groups are nothing that vped forwards.
#define NOT_ITS_OWN " fib saddr . oif type != local"
#define NO_GROUP4 " ip daddr != 224.0.0.0/3"
#define NO_GROUP6 " ip6 daddr != ff00::/8"

// A chain, and what it has so far.
struct chain {
	FILE *commands;
	const char *name;
	bool by_address;
	unsigned drops;
	unsigned passes;
	unsigned jumps;
};

static void begin_rule(struct chain *chain)
{
	fprintf(chain->commands, "add rule inet " HOST_GUARD_TABLE " %s ", chain->name);
}

static void end_drop(struct chain *chain)
{
	fputs(" counter drop\n", chain->commands);
	chain->drops++;
}

static void end_pass(struct chain *chain)
{
	fputs(" accept\n", chain->commands);
	chain->passes++;
}

static const char *family_name(uint8_t family)
{
	return family == IP_V4 ? "ip" : "ip6";
}

static bool is_towards_all(const struct selector *selector)
{
	return selector->destination.length == 0;
}

static bool between_same(const struct selector *a, const struct selector *b)
{
	return ip_addr_equal(&a->source.addr, &b->source.addr) &&
		a->source.length == b->source.length &&
		ip_addr_equal(&a->destination.addr, &b->destination.addr) &&
		a->destination.length == b->destination.length;
}

static void begin_selector(struct chain *chain, const struct selector *selector)
{
	const char *family = family_name(selector->source.addr.family);
	char source[IP_PREFIX_TEXT], destination[IP_PREFIX_TEXT];

	begin_rule(chain);
	fprintf(chain->commands, "%s saddr %s %s daddr %s", family,
		ip_prefix_format(&selector->source, source), family,
		ip_prefix_format(&selector->destination, destination));
}

// By address alone: an error of ICMP quotes what a policy for another protocol protects.
static void add_protect(struct chain *chain, const struct selector *selector)
{
	begin_selector(chain, selector);
	if (is_towards_all(selector))
		fprintf(chain->commands, "%s" NOT_ITS_OWN,
			selector->source.addr.family == IP_V4 ? NO_GROUP4 : NO_GROUP6);
	end_drop(chain);
}

static void add_bypass(struct chain *chain, const struct selector *selector)
{
	begin_selector(chain, selector);
	end_pass(chain);
}

static bool says_something(const struct chain *chain, const struct config_policy *policy)
{
	const struct selector *selector = &policy->selector;

	if (policy->action == POLICY_PROTECT)
		return chain->by_address || !is_towards_all(selector);
	return policy->action == POLICY_BYPASS && selector->protocol == SELECTOR_ANY_PROTOCOL;
}

static void add_selectors(struct chain *chain, const struct config_policy *policies, unsigned n)
{
	const struct config_policy *last = NULL;

	for (unsigned i = 0; i < n; i++) {
		const struct config_policy *policy = &policies[i];

		if (!says_something(chain, policy))
			continue;
		if (last && last->action == policy->action &&
			between_same(&last->selector, &policy->selector))
			continue;
		if (policy->action == POLICY_PROTECT)
			add_protect(chain, &policy->selector);
		else
			add_bypass(chain, &policy->selector);
		last = policy;
	}
}

// By the set, which later names of our interfaces enter: the chain may be of an earlier
// configuration.
static void add_ways_out(struct chain *chain)
{
	begin_rule(chain);
	fputs("oifname lo", chain->commands);
	end_pass(chain);
	begin_rule(chain);
	fputs("oifname @" HOST_GUARD_INTERFACES, chain->commands);
	end_pass(chain);
}

// So that a rule more or less shows.
static void add_end(struct chain *chain, const char *verdict)
{
	begin_rule(chain);
	fprintf(chain->commands, "%s comment \"" HOST_GUARD_POLICIES_END "\"\n", verdict,
		chain->drops, chain->passes, chain->jumps);
}

static int compare_prefix(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct ip_prefix));
}

// What policies protect in this family, wider prefixes first; those within others left out. 0: for
// all, or nothing.
static unsigned collect_destinations(
	const struct config *config, uint8_t family, struct ip_prefix *prefix)
{
	unsigned n = 0, kept = 0;

	for (unsigned i = 0; i < config->policies_n; i++) {
		const struct config_policy *policy = &config->policies[i];
		const struct ip_prefix *destination = &policy->selector.destination;

		if (policy->action != POLICY_PROTECT || destination->addr.family != family)
			continue;
		if (destination->length == 0)
			return 0;
		prefix[n++] = *destination;
	}
	qsort(prefix, n, sizeof(prefix[0]), compare_prefix);
	for (unsigned i = 0; i < n; i++) {
		if (kept == 0 || !ip_prefix_covers(&prefix[kept - 1], &prefix[i]))
			prefix[kept++] = prefix[i];
	}
	return kept;
}

// Thousands of policies, asked one after the other, would cost every packet of the host's 0.1 ms.
static void add_others(
	struct chain *chain, const struct config *config, uint8_t family, struct ip_prefix *prefix)
{
	unsigned n = collect_destinations(config, family, prefix);
	char text[IP_PREFIX_TEXT];

	if (n == 0)
		return;
	begin_rule(chain);
	fprintf(chain->commands, "%s daddr != {", family_name(family));
	for (unsigned i = 0; i < n; i++)
		fprintf(chain->commands, "%s %s", i == 0 ? "" : ",",
			ip_prefix_format(&prefix[i], text));
	fputs(" }", chain->commands);
	end_pass(chain);
}

// Without memory it is slower, not weaker.
static void add_destinations(struct chain *chain, const struct config *config)
{
	struct ip_prefix *prefix = calloc(config->policies_n + 1, sizeof(prefix[0]));

	if (!prefix)
		return;
	add_others(chain, config, IP_V4, prefix);
	add_others(chain, config, IP_V6, prefix);
	free(prefix);
}

bool host_guard_needs_addresses(const struct config *config)
{
	for (unsigned i = 0; i < config->policies_n; i++) {
		if (config->policies[i].action == POLICY_PROTECT &&
			is_towards_all(&config->policies[i].selector))
			return true;
	}
	return false;
}

// How many of these policies the next part takes; 0: it does not come to an end.
static unsigned cut(const struct chain *chain, const struct config_policy *policies, unsigned n,
	struct host_guard_part *part)
{
	*part = (struct host_guard_part){.content = 0};
	for (unsigned i = 0; i < n; i++) {
		const struct config_policy *policy = &policies[i];

		if (says_something(chain, policy) &&
			host_guard_part_add(
				part, &policy->selector, policy->action == POLICY_PROTECT))
			return i + 1;
	}
	return 0;
}

static void add_part_rules(struct chain *part, const struct config_policy *policies, unsigned n)
{
	fprintf(part->commands,
		"add chain inet " HOST_GUARD_TABLE " %s\n"
		"flush chain inet " HOST_GUARD_TABLE " %s\n",
		part->name, part->name);
	add_selectors(part, policies, n);
	add_end(part, "return");
}

static void add_jump(struct chain *chain, const char *to)
{
	begin_rule(chain);
	fprintf(chain->commands, "jump %s\n", to);
	chain->jumps++;
}

// there: the parts that the kernel has; those that it is to keep are taken out of it.
static void add_parts(
	struct chain *chain, const struct config *config, json_t *there, bool only_changes)
{
	struct host_guard_part content;
	unsigned at = 0, n;

	while ((n = cut(chain, &config->policies[at], config->policies_n - at, &content)) > 0) {
		char name[HOST_GUARD_CHAIN];
		struct chain part = {
			.commands = chain->commands, .name = name, .by_address = chain->by_address};

		host_guard_part_name(&content, chain->name, name);
		if (json_object_del(there, name) != 0 || !only_changes)
			add_part_rules(&part, &config->policies[at], n);
		add_jump(chain, name);
		at += n;
	}
	add_selectors(chain, &config->policies[at], config->policies_n - at);
}

static void delete_parts(FILE *commands, json_t *parts)
{
	const char *name;
	json_t *part;

	json_object_foreach(parts, name, part)
		fprintf(commands, "delete chain inet " HOST_GUARD_TABLE " %s\n", name);
}

void host_guard_add_policies(FILE *commands, const struct host_guard_names *names,
	const struct config *config, bool by_address, bool only_changes)
{
	char name[sizeof(HOST_GUARD_POLICIES) + IF_NAMESIZE];
	struct chain chain = {.commands = commands, .name = name, .by_address = by_address};
	json_t *there;

	snprintf(name, sizeof(name), HOST_GUARD_POLICIES "%s", names->first);
	there = host_guard_parts_there(name);
	fprintf(commands,
		"add chain inet " HOST_GUARD_TABLE
		" %s { type filter hook output priority filter; }\n"
		"flush chain inet " HOST_GUARD_TABLE " %s\n",
		name, name);
	add_ways_out(&chain);
	add_destinations(&chain, config);
	add_parts(&chain, config, there, only_changes);
	add_end(&chain, "accept");
	delete_parts(commands, there);
	json_decref(there);
}
