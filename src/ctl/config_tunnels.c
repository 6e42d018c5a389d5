// Settings of a tunnel: its two ends, its port, its SAs.
#include "ctl/config_tables.h"
#include "ctl/path_mtu.h"
#include "proto/ecn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int read_address(struct reader *reader, const config_setting_t *setting, struct ip_addr *addr)
{
	char quoted[QUOTE_TEXT];
	const char *text, *wrong;
	int ret = setting_string(reader, setting, &text);

	if (ret < 0)
		return ret;
	if (ip_addr_parse(text, addr) < 0)
		return setting_fail(reader, setting,
			"'%s' is %s; an IPv4 or IPv6 address is wanted, like \"192.0.2.1\"",
			config_setting_name(setting), quote(text, quoted));
	wrong = tunnel_end_wrong(addr);
	if (wrong)
		return setting_fail(reader, setting,
			"'%s' is %s: %s; a unicast address that is routed is wanted",
			config_setting_name(setting), text, wrong);
	return 0;
}

static int local(struct reader *reader, const config_setting_t *setting, void *object)
{
	return read_address(reader, setting, &((struct config_tunnel *)object)->local);
}

static int remote(struct reader *reader, const config_setting_t *setting, void *object)
{
	struct config_tunnel *tunnel = object;
	int ret = read_address(reader, setting, &tunnel->remote);

	if (ret < 0)
		return ret;
	if (tunnel->remote.family != tunnel->local.family)
		return setting_fail(reader, setting,
			"'remote' is an IPv%u address and 'local' an IPv%u address; both are of "
			"one family",
			tunnel->remote.family, tunnel->local.family);
	if (ip_addr_equal(&tunnel->remote, &tunnel->local))
		return setting_fail(reader, setting,
			"'remote' is 'local'; the address of the other gateway is wanted");
	return 0;
}

static int port(struct reader *reader, const config_setting_t *setting, void *object)
{
	const struct config *config = reader->config;
	struct config_tunnel *tunnel = object;
	char quoted[QUOTE_TEXT];
	const char *text;
	int ret = setting_string(reader, setting, &text);

	if (ret < 0)
		return ret;
	for (unsigned i = 0; i < config->ports_n; i++) {
		if (strcmp(config->ports[i].params.name, text) != 0)
			continue;
		if (config->ports[i].params.side != PORT_UNPROTECTED)
			return setting_fail(reader, setting,
				"port '%s' is protected; tunnels end on an unprotected port", text);
		tunnel->port = i;
		return 0;
	}
	return setting_fail(reader, setting,
		"there is no port %s; the name of an unprotected port is wanted",
		quote(text, quoted));
}

// The smallest is what every host takes (RFC 9293 section 3.7.1), the largest what a port can have.
#define TCP_MSS_MIN 536
#define TCP_MSS_MAX (PORT_MTU_MAX - 40)

static int tcp_mss(struct reader *reader, const config_setting_t *setting, void *object)
{
	struct config_tunnel *tunnel = object;
	char quoted[QUOTE_TEXT];
	const char *text;
	uint64_t value;
	int ret;

	if (setting_is_number(setting)) {
		ret = setting_number(reader, setting, TCP_MSS_MIN, TCP_MSS_MAX, &value);
		tunnel->tcp_mss = (uint16_t)value;
		return ret;
	}
	ret = setting_string(reader, setting, &text);
	if (ret < 0)
		return ret;
	if (strcmp(text, "off") == 0)
		tunnel->tcp_mss = 0;
	else if (strcmp(text, "tunnel-mtu") == 0)
		tunnel->tcp_mss = CONFIG_TCP_MSS_TUNNEL;
	else
		return setting_fail(reader, setting,
			"'tcp_mss' is %s; \"off\", \"tunnel-mtu\" or %d to %d is wanted",
			quote(text, quoted), TCP_MSS_MIN, TCP_MSS_MAX);
	return 0;
}

// What port and family allow.
static int mtu(struct reader *reader, const config_setting_t *setting, void *object)
{
	struct config_tunnel *tunnel = object;
	uint64_t min = tunnel->local.family == IP_V6 ? IPV6_MTU_MIN : PATH_MTU_MIN4;
	uint64_t value;
	int ret = setting_number(
		reader, setting, min, reader->config->ports[tunnel->port].params.mtu, &value);

	if (ret == 0)
		tunnel->mtu = (uint16_t)value;
	return ret;
}

static int dscp(struct reader *reader, const config_setting_t *setting, void *object)
{
	struct config_tunnel *tunnel = object;
	char quoted[QUOTE_TEXT];
	const char *text;
	uint64_t value;
	int ret;

	if (setting_is_number(setting)) {
		ret = setting_number(reader, setting, 0, OUTER_DSCPS - 1, &value);
		memset(tunnel->class.dscp, (int)value, sizeof(tunnel->class.dscp));
		return ret;
	}
	ret = setting_string(reader, setting, &text);
	if (ret == 0 && strcmp(text, "copy") != 0)
		ret = setting_fail(reader, setting, "'dscp' is %s; \"copy\" or 0 to %d is wanted",
			quote(text, quoted), OUTER_DSCPS - 1);
	return ret;
}

static void *dscp_element(struct reader *reader, void *object, unsigned i, unsigned n)
{
	(void)object;
	(void)n;
	reader->dscp_map_n = i + 1;
	return &reader->dscp_map[i];
}

static int dscp_finish(struct reader *reader, const config_setting_t *group, void *object)
{
	(void)reader;
	((struct config_dscp *)object)->line = setting_line(group);
	return 0;
}

// The exceptions to what 'dscp' says.
static int apply_dscp_map(struct reader *reader, struct config_tunnel *tunnel)
{
	const struct config_dscp *seen[OUTER_DSCPS] = {NULL};
	char where[WHERE_TEXT];

	for (unsigned i = 0; i < reader->dscp_map_n; i++) {
		const struct config_dscp *map = &reader->dscp_map[i];

		if (seen[map->inner])
			return reader_fail(reader, map->line, EINVAL,
				"inner DSCP %u is mapped already (%s); each is mapped once",
				map->inner,
				reader_where(reader, map->line, seen[map->inner]->line, where));
		seen[map->inner] = map;
		tunnel->class.dscp[map->inner] = map->outer;
	}
	reader->dscp_map_n = 0;
	return 0;
}

void *tunnel_element(struct reader *reader, void *object, unsigned i, unsigned n)
{
	struct config *config = object;

	(void)reader;
	if (i == 0)
		config->tunnels = calloc(n, sizeof(*config->tunnels));
	if (!config->tunnels)
		return NULL;
	config->tunnels_n = i + 1;
	outer_class_default(&config->tunnels[i].class);
	return &config->tunnels[i];
}

static void *sa_in_element(struct reader *reader, void *object, unsigned i, unsigned n)
{
	struct config_tunnel *tunnel = object;

	(void)reader;
	(void)n;
	tunnel->in_n = i + 1;
	tunnel->in[i].inbound = true;
	return &tunnel->in[i];
}

static int finish_sa(struct reader *reader, const struct config_tunnel *tunnel,
	struct config_sa *sa, bool inbound)
{
	int ret;

	sa->params.local = tunnel->local;
	sa->params.remote = tunnel->remote;
	sa->params.class = tunnel->class;
	ret = sa->params.proto->check(&sa->params, inbound, reader->err);
	return ret < 0 ? reader_failed(reader, sa->line, ret) : 0;
}

static int tunnel_finish(struct reader *reader, const config_setting_t *group, void *object)
{
	struct config_tunnel *tunnel = object;
	int ret = apply_dscp_map(reader, tunnel);

	tunnel->line = setting_line(group);
	if (tunnel->mtu == 0)
		tunnel->mtu = reader->config->ports[tunnel->port].params.mtu;
	if (ret == 0)
		ret = probe_finish(reader, config_setting_get_member(group, "probe"), tunnel);
	tunnel->has_out = config_setting_get_member(group, "out") != NULL;
	if (tunnel->has_out && ret == 0)
		ret = finish_sa(reader, tunnel, &tunnel->out, false);
	for (unsigned i = 0; i < tunnel->in_n && ret == 0; i++)
		ret = finish_sa(reader, tunnel, &tunnel->in[i], true);
	return ret;
}

static const struct setting dscp_rows[] = {
	{.name = "inner",
		.kind = SETTING_NUMBER,
		FIELD(struct config_dscp, inner),
		.required = true,
		.max = OUTER_DSCPS - 1},
	{.name = "outer",
		.kind = SETTING_NUMBER,
		FIELD(struct config_dscp, outer),
		.required = true,
		.max = OUTER_DSCPS - 1},
};
static const struct settings dscp_settings = SETTINGS(dscp_rows, dscp_finish);

// RFC 6040 sections 4.1 and 4.3: the field is copied, or the outer one says Not-ECT.
static const struct setting_word ecn_words[] = {{"normal", ECN_MASK}, {"compat", 0}, {NULL, 0}};

// An IPv6 header has no such bit: what is too big ends there, and its sender is told.
static bool is_over_ipv4(const void *tunnel)
{
	return ((const struct config_tunnel *)tunnel)->local.family == IP_V4;
}

static const struct setting_word df_words[] = {
	{"set", OUTER_DF_SET},
	{"copy", OUTER_DF_COPY},
	{"clear", OUTER_DF_CLEAR},
	{NULL, 0},
};

static const struct setting tunnel_rows[] = {
	{.name = "name",
		.kind = SETTING_TEXT,
		FIELD(struct config_tunnel, name),
		.required = true,
		.wrong = name_wrong},
	{.name = "local", .kind = SETTING_OTHER, .required = true, .read = local},
	{.name = "remote", .kind = SETTING_OTHER, .required = true, .read = remote},
	{.name = "port", .kind = SETTING_OTHER, .required = true, .read = port},
	{.name = "mtu", .kind = SETTING_OTHER, .read = mtu},
	{.name = "tcp_mss",
		.kind = SETTING_OTHER,
		FIELD(struct config_tunnel, tcp_mss),
		.defaults = true,
		.fallback = CONFIG_TCP_MSS_TUNNEL,
		.read = tcp_mss},
	{.name = "dscp", .kind = SETTING_OTHER, .read = dscp},
	{.name = "dscp_map",
		.kind = SETTING_LIST,
		.min = 1,
		.max = OUTER_DSCPS,
		.group = &dscp_settings,
		.element = dscp_element},
	{.name = "ecn",
		.kind = SETTING_WORD,
		FIELD(struct config_tunnel, class.ecn_mask),
		.words = ecn_words,
		.defaults = true,
		.fallback = ECN_MASK},
	{.name = "hop_limit",
		.kind = SETTING_NUMBER,
		FIELD(struct config_tunnel, class.hop_limit),
		.min = 1,
		.max = UINT8_MAX,
		.defaults = true,
		.fallback = OUTER_HOP_LIMIT},
	{.name = "df",
		.kind = SETTING_WORD,
		FIELD(struct config_tunnel, class.df),
		.words = df_words,
		.defaults = true,
		.fallback = OUTER_DF_SET,
		.applies = is_over_ipv4,
		.otherwise = "is IPv4's; over IPv6 routers never split packets"},
	{.name = "pmtu_discovery",
		.kind = SETTING_BOOL,
		FIELD(struct config_tunnel, pmtu_discovery),
		.defaults = true,
		.fallback = true},
	{.name = "probe",
		.kind = SETTING_GROUP,
		FIELD(struct config_tunnel, probe),
		.group = &probe_settings},
	{.name = "out",
		.kind = SETTING_GROUP,
		FIELD(struct config_tunnel, out),
		.group = &sa_out_settings},
	{.name = "in",
		.kind = SETTING_LIST,
		.min = 1,
		.max = CONFIG_TUNNEL_INBOUND_MAX,
		.group = &sa_in_settings,
		.element = sa_in_element},
};
const struct settings tunnel_settings = SETTINGS(tunnel_rows, tunnel_finish);
// The last two rows are its SAs.
const struct settings tunnel_request_settings = {
	tunnel_rows, sizeof(tunnel_rows) / sizeof(tunnel_rows[0]) - 2, tunnel_finish};
