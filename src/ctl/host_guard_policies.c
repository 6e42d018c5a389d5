// The kernel may have another way to where tunnels lead: a default route by a third interface, or
// the only one left when the daemon is dead. What it says there about decrypted packets, or quotes
// of them, would be in clear. A base chain for each daemon, so that daemons in one namespace keep
// out of each other's rules.
#include "ctl/host_guard_policies.h"

#include "ctl/api.h"
#include "ctl/config.h"
#include "ctl/host_guard.h"

#include <stdlib.h>
#include <string.h>

// A policy for every address is not about the management of the host, which it would cut off. So
// it lets out what leaves an interface from that interface's own address; not what is from an
// address of the protected side. Groups are nothing that vped forwards.
#define NOT_ITS_OWN " fib saddr . oif type != local"
#define NO_GROUP4 " ip daddr != 224.0.0.0/3"
#define NO_GROUP6 " ip6 daddr != ff00::/8"

static bool is_for_all(const struct selector *selector)
{
	return selector->source.length == 0 || selector->destination.length == 0;
}

static bool between_same(const struct selector *a, const struct selector *b)
{
	return ip_addr_equal(&a->source.addr, &b->source.addr) &&
		a->source.length == b->source.length &&
		ip_addr_equal(&a->destination.addr, &b->destination.addr) &&
		a->destination.length == b->destination.length;
}

static void begin_rule(FILE *commands, const char *chain, const struct selector *selector)
{
	const char *family = selector->source.addr.family == IP_V4 ? "ip" : "ip6";
	char source[IP_PREFIX_TEXT], destination[IP_PREFIX_TEXT];

	fprintf(commands, "add rule inet " HOST_GUARD_TABLE " %s %s saddr %s %s daddr %s", chain,
		family, ip_prefix_format(&selector->source, source), family,
		ip_prefix_format(&selector->destination, destination));
}

// By address alone: an error of ICMP quotes what a policy for another protocol protects.
static void add_protect(
	FILE *commands, const char *chain, const struct selector *selector, bool by_address)
{
	bool ipv4 = selector->source.addr.family == IP_V4;

	if (is_for_all(selector) && !by_address)
		return;
	begin_rule(commands, chain, selector);
	if (is_for_all(selector))
		fprintf(commands, "%s" NOT_ITS_OWN, ipv4 ? NO_GROUP4 : NO_GROUP6);
	fputs(" counter drop\n", commands);
}

static void add_policy(FILE *commands, const char *chain, const struct config_policy *policy,
	const struct config_policy *before, bool by_address)
{
	const struct selector *selector = &policy->selector;

	if (before && before->action == policy->action && between_same(&before->selector, selector))
		return;
	if (policy->action == POLICY_PROTECT) {
		add_protect(commands, chain, selector, by_address);
	} else if (policy->action == POLICY_BYPASS && selector->protocol == SELECTOR_ANY_PROTOCOL) {
		begin_rule(commands, chain, selector);
		fputs(" accept\n", commands);
	}
}

static void add_ways_out(FILE *commands, const char *chain, const struct host_guard_names *names)
{
	fprintf(commands, "add rule inet " HOST_GUARD_TABLE " %s oifname { \"lo\"", chain);
	for (unsigned i = 0; i < names->n; i++) {
		if (!names->name[i].device)
			fprintf(commands, ", \"%s\"", names->name[i].name);
	}
	fputs(" } accept\n", commands);
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
static void add_others(FILE *commands, const char *chain, const struct config *config,
	uint8_t family, struct ip_prefix *prefix)
{
	unsigned n = collect_destinations(config, family, prefix);
	char text[IP_PREFIX_TEXT];

	for (unsigned i = 0; i < n; i++) {
		if (i == 0)
			fprintf(commands, "add rule inet " HOST_GUARD_TABLE " %s %s daddr != { ",
				chain, family == IP_V4 ? "ip" : "ip6");
		fprintf(commands, "%s%s", i == 0 ? "" : ", ", ip_prefix_format(&prefix[i], text));
	}
	if (n > 0)
		fputs(" } accept\n", commands);
}

// Without memory it is slower, not weaker.
static void add_destinations(FILE *commands, const char *chain, const struct config *config)
{
	struct ip_prefix *prefix = calloc(config->policies_n + 1, sizeof(prefix[0]));

	if (!prefix)
		return;
	add_others(commands, chain, config, IP_V4, prefix);
	add_others(commands, chain, config, IP_V6, prefix);
	free(prefix);
}

bool host_guard_needs_addresses(const struct config *config)
{
	for (unsigned i = 0; i < config->policies_n; i++) {
		if (config->policies[i].action == POLICY_PROTECT &&
			is_for_all(&config->policies[i].selector))
			return true;
	}
	return false;
}

void host_guard_add_policies(FILE *commands, const struct host_guard_names *names,
	const struct config *config, bool by_address)
{
	char chain[sizeof(HOST_GUARD_POLICIES) + IF_NAMESIZE];

	snprintf(chain, sizeof(chain), HOST_GUARD_POLICIES "%s", names->first);
	fprintf(commands,
		"add chain inet " HOST_GUARD_TABLE
		" %s { type filter hook output priority filter; }\n"
		"flush chain inet " HOST_GUARD_TABLE " %s\n",
		chain, chain);
	add_ways_out(commands, chain, names);
	add_destinations(commands, chain, config);
	for (unsigned i = 0; i < config->policies_n; i++)
		add_policy(commands, chain, &config->policies[i],
			i > 0 ? &config->policies[i - 1] : NULL, by_address);
}
