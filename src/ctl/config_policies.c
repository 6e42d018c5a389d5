// Settings of a policy: its selector, and what is done with what it selects.
#include "ctl/config_tables.h"
#include "proto/ip_hdr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	uint16_t number;
} protocols[] = {
	{"any", SELECTOR_ANY_PROTOCOL},
	{"icmp", IP_PROTOCOL_ICMP},
	{"igmp", IP_PROTOCOL_IGMP},
	{"ipip", IP_PROTOCOL_IPV4},
	{"tcp", IP_PROTOCOL_TCP},
	{"udp", IP_PROTOCOL_UDP},
	{"dccp", IP_PROTOCOL_DCCP},
	{"ipv6", IP_PROTOCOL_IPV6},
	{"gre", IP_PROTOCOL_GRE},
	{"esp", IP_PROTOCOL_ESP},
	{"ah", IP_PROTOCOL_AH},
	{"icmpv6", IP_PROTOCOL_ICMPV6},
	{"ospf", IP_PROTOCOL_OSPF},
	{"pim", IP_PROTOCOL_PIM},
	{"vrrp", IP_PROTOCOL_VRRP},
	{"l2tp", IP_PROTOCOL_L2TP},
	{"sctp", IP_PROTOCOL_SCTP},
	{"udplite", IP_PROTOCOL_UDP_LITE},
};

int read_prefix(struct reader *reader, const config_setting_t *setting, struct ip_prefix *parsed)
{
	char quoted[QUOTE_TEXT], meant[IP_PREFIX_TEXT];
	const char *text, *slash;
	int ret = setting_string(reader, setting, &text);

	if (ret < 0)
		return ret;
	ret = ip_prefix_parse(text, parsed);
	if (ret == 0)
		return 0;
	slash = strchr(text, '/');
	if (ret == -ERANGE && slash) {
		char *host = strndup(text, (size_t)(slash - text));

		if (host && ip_prefix_parse(host, parsed) == 0) {
			parsed->length = (uint8_t)strtoul(slash + 1, NULL, 10);
			ip_prefix_mask(parsed);
		}
		free(host);
		return setting_fail(reader, setting,
			"'%s' is %s, which has host bits set; \"%s\" is its prefix",
			config_setting_name(setting), quote(text, quoted),
			ip_prefix_format(parsed, meant));
	}
	return setting_fail(reader, setting,
		"'%s' is %s; a prefix is wanted, like \"10.1.0.0/16\", \"2001:db8::/32\" or "
		"\"0.0.0.0/0\"",
		config_setting_name(setting), quote(text, quoted));
}

// A policy that traffic never meets would only look like one.
static int src(struct reader *reader, const config_setting_t *setting, void *object)
{
	struct selector *selector = &((struct config_policy *)object)->selector;
	int ret = read_prefix(reader, setting, &selector->source);
	const char *wrong = ret < 0 ? NULL : policy_source_wrong(&selector->source);
	char text[IP_PREFIX_TEXT];

	if (!wrong)
		return ret;
	return setting_fail(reader, setting, "'src' is %s: %s; leave the policy out",
		ip_prefix_format(&selector->source, text), wrong);
}

static int dst(struct reader *reader, const config_setting_t *setting, void *object)
{
	struct selector *selector = &((struct config_policy *)object)->selector;
	int ret = read_prefix(reader, setting, &selector->destination);

	if (ret == 0 && selector->source.addr.family != selector->destination.addr.family)
		ret = setting_fail(reader, setting,
			"'dst' is an IPv%u prefix and 'src' an IPv%u prefix; both are of one "
			"family",
			selector->destination.addr.family, selector->source.addr.family);
	return ret;
}

// Headers that lookups skip on their way to the transport header, and the other family's ICMP.
static bool never_seen(uint8_t family, uint16_t number)
{
	if (family == IP_V4)
		return number == IP_PROTOCOL_ICMPV6;
	switch (number) {
	case IP_PROTOCOL_ICMP:
	case IP_PROTOCOL_HOP_BY_HOP:
	case IP_PROTOCOL_ROUTING:
	case IP_PROTOCOL_FRAGMENT:
	case IP_PROTOCOL_DESTINATION:
		return true;
	default:
		return false;
	}
}

static int named_protocol(struct reader *reader, const config_setting_t *setting, uint16_t *number)
{
	char quoted[QUOTE_TEXT];
	const char *text;
	int ret = setting_string(reader, setting, &text);

	if (ret < 0)
		return ret;
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		if (strcmp(protocols[i].name, text) == 0) {
			*number = protocols[i].number;
			return 0;
		}
	}
	return setting_fail(reader, setting,
		"'protocol' is %s; \"any\", a name like \"tcp\" (vped.conf(5) has them all) or a "
		"number 0 to 255 is wanted",
		quote(text, quoted));
}

static int protocol(struct reader *reader, const config_setting_t *setting, void *object)
{
	struct selector *selector = &((struct config_policy *)object)->selector;
	uint8_t family = selector->source.addr.family;
	uint64_t value = 0;
	int ret;

	if (setting_is_number(setting)) {
		ret = setting_number(reader, setting, 0, 255, &value);
		selector->protocol = (uint16_t)value;
	} else {
		ret = named_protocol(reader, setting, &selector->protocol);
	}
	if (ret < 0 || !never_seen(family, selector->protocol))
		return ret;
	if (selector->protocol == IP_PROTOCOL_ICMP || selector->protocol == IP_PROTOCOL_ICMPV6)
		return setting_fail(reader, setting,
			"'protocol' is the other family's ICMP; for IPv%u prefixes \"%s\" is right",
			family, family == IP_V4 ? "icmp" : "icmpv6");
	return setting_fail(reader, setting,
		"'protocol' %u is an IPv6 extension header; the protocol behind it is wanted",
		selector->protocol);
}

// "443" or "1024-2047".
static bool parse_range(const char *text, struct port_range *range)
{
	unsigned value[2] = {0, 0}, n = 0;

	for (; n < 2; n++) {
		const char *start = text;

		for (; *text >= '0' && *text <= '9' && value[n] <= UINT16_MAX; text++)
			value[n] = value[n] * 10 + (unsigned)(*text - '0');
		if (text == start || value[n] > UINT16_MAX)
			return false;
		if (*text != '-')
			break;
		text++;
	}
	if (n == 0)
		value[1] = value[0];
	*range = (struct port_range){.first = (uint16_t)value[0], .last = (uint16_t)value[1]};
	return n < 2 && *text == '\0' && value[0] <= value[1];
}

static int ports(struct reader *reader, const config_setting_t *setting,
	const struct selector *selector, struct port_range *range)
{
	const char *name = config_setting_name(setting), *text;
	char quoted[QUOTE_TEXT];
	uint64_t value = 0;
	int ret;

	if (!selector_protocol_has_ports(selector->protocol))
		return setting_fail(reader, setting,
			"'%s' with a protocol that has no ports; say \"tcp\", \"udp\", \"sctp\", "
			"\"dccp\" or \"udplite\"",
			name);
	if (setting_is_number(setting)) {
		ret = setting_number(reader, setting, 0, UINT16_MAX, &value);
		*range = (struct port_range){.first = (uint16_t)value, .last = (uint16_t)value};
		return ret;
	}
	ret = setting_string(reader, setting, &text);
	if (ret == 0 && !parse_range(text, range))
		ret = setting_fail(reader, setting,
			"'%s' is %s; a port 0 to 65535 or a range like \"1024-2047\" is wanted",
			name, quote(text, quoted));
	return ret;
}

static int src_port(struct reader *reader, const config_setting_t *setting, void *object)
{
	struct selector *selector = &((struct config_policy *)object)->selector;

	return ports(reader, setting, selector, &selector->source_port);
}

static int dst_port(struct reader *reader, const config_setting_t *setting, void *object)
{
	struct selector *selector = &((struct config_policy *)object)->selector;

	return ports(reader, setting, selector, &selector->destination_port);
}

static int tunnel(struct reader *reader, const config_setting_t *setting, void *object)
{
	struct config *config = reader->config;
	struct config_policy *policy = object;
	char quoted[QUOTE_TEXT];
	const char *text;
	unsigned at;
	int ret = setting_string(reader, setting, &text);

	if (ret < 0)
		return ret;
	at = name_index_find(&config->tunnel_names, config->tunnels, config->tunnels_n,
		sizeof(config->tunnels[0]), text);
	if (at == config->tunnels_n)
		return setting_fail(reader, setting,
			"there is no tunnel %s; the name of one is wanted", quote(text, quoted));
	// A key daemon learns of the need for SAs by the policy.
	if (reader->source && !config->tunnels[at].has_out && config->tunnels[at].in_n == 0)
		return setting_fail(
			reader, setting, "tunnel '%s' has no SA; give it 'out' or 'in'", text);
	policy->tunnel = at;
	return 0;
}

void policy_default(struct config_policy *policy)
{
	static const struct port_range all = {.first = 0, .last = UINT16_MAX};

	policy->selector = (struct selector){
		.protocol = SELECTOR_ANY_PROTOCOL, .source_port = all, .destination_port = all};
}

void *policy_element(struct reader *reader, void *object, unsigned i, unsigned n)
{
	struct config *config = object;

	(void)reader;
	if (i == 0)
		config->policies = calloc(n, sizeof(*config->policies));
	if (!config->policies)
		return NULL;
	config->policies_n = i + 1;
	policy_default(&config->policies[i]);
	return &config->policies[i];
}

static int check_protected(
	struct reader *reader, const config_setting_t *group, const struct config_policy *policy)
{
	const struct ip_prefix *ends[] = {&policy->selector.source, &policy->selector.destination};
	char text[IP_PREFIX_TEXT];

	if (!config_setting_get_member(group, "tunnel"))
		return setting_fail(reader, group,
			"policy '%s' protects, but names no 'tunnel'; add one", policy->name);
	for (unsigned i = 0; i < 2; i++) {
		const char *wrong = protected_prefix_wrong(ends[i]);

		if (wrong)
			return setting_fail(reader, group,
				"policy '%s' protects %s: %s; \"bypass\" or \"discard\" are wanted",
				policy->name, ip_prefix_format(ends[i], text), wrong);
	}
	return 0;
}

static int policy_finish(struct reader *reader, const config_setting_t *group, void *object)
{
	struct config_policy *policy = object;

	policy->line = setting_line(group);
	return policy->action == POLICY_PROTECT ? check_protected(reader, group, policy) : 0;
}

static bool protects(const void *object)
{
	return ((const struct config_policy *)object)->action == POLICY_PROTECT;
}

static const struct setting_word action_words[] = {{"protect", POLICY_PROTECT},
	{"bypass", POLICY_BYPASS}, {"discard", POLICY_DISCARD}, {NULL, 0}};

static const struct setting policy_rows[] = {
	{.name = "name",
		.kind = SETTING_TEXT,
		FIELD(struct config_policy, name),
		.required = true,
		.wrong = name_wrong},
	{.name = "src", .kind = SETTING_OTHER, .required = true, .read = src},
	{.name = "dst", .kind = SETTING_OTHER, .required = true, .read = dst},
	{.name = "protocol", .kind = SETTING_OTHER, .read = protocol},
	{.name = "src_port", .kind = SETTING_OTHER, .read = src_port},
	{.name = "dst_port", .kind = SETTING_OTHER, .read = dst_port},
	{.name = "action",
		.kind = SETTING_WORD,
		FIELD(struct config_policy, action),
		.required = true,
		.words = action_words},
	{.name = "tunnel",
		.kind = SETTING_OTHER,
		.read = tunnel,
		.applies = protects,
		.otherwise = "goes with action = \"protect\" only; leave it out"},
};
const struct settings policy_settings = SETTINGS(policy_rows, policy_finish);
