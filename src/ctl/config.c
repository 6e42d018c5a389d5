// Loads the configuration: text, libconfig, tables, then the checks between objects.
#include "ctl/config.h"

#include "base/secret.h"
#include "ctl/config_tables.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Checked before any SA asks for an engine.
static int crypto(struct reader *reader, const config_setting_t *setting, void *object)
{
	const struct aead_table *engines = reader->engines;
	struct config *config = object;
	char quoted[QUOTE_TEXT], known[128] = "\"auto\"";
	const char *text;
	int ret = setting_string(reader, setting, &text);

	if (ret < 0)
		return ret;
	for (unsigned i = 0; i < engines->n; i++) {
		const struct aead_engine *engine = engines->engine[i];

		if (strcmp(engine->name, text) == 0 && strlen(text) < sizeof(config->crypto)) {
			if (!engine->probe())
				return setting_fail(reader, setting,
					"engine '%s' cannot run on this machine; \"auto\" takes "
					"one that can",
					text);
			memcpy(config->crypto, text, strlen(text) + 1);
			return 0;
		}
		text_append(known, sizeof(known), ", \"%s\"", engine->name);
	}
	if (strcmp(text, "auto") == 0)
		return 0;
	return setting_fail(
		reader, setting, "'crypto' is %s; one of %s is wanted", quote(text, quoted), known);
}

static const struct setting root_rows[] = {
	{.name = "eal",
		.kind = SETTING_GROUP,
		FIELD(struct config, eal),
		.group = &eal_settings,
		.defaults = true},
	{.name = "control", .kind = SETTING_GROUP, .group = &control_settings, .defaults = true},
	{.name = "crypto", .kind = SETTING_OTHER, .read = crypto},
	{.name = "buffers",
		.kind = SETTING_GROUP,
		FIELD(struct config, buffers),
		.group = &buffers_settings,
		.defaults = true},
	{.name = "replay", .kind = SETTING_GROUP, .group = &replay_settings, .defaults = true},
	{.name = "metrics",
		.kind = SETTING_GROUP,
		FIELD(struct config, metrics),
		.group = &metrics_settings,
		.defaults = true},
	{.name = "punt", .kind = SETTING_GROUP, .group = &punt_settings, .defaults = true},
	{.name = "icmp",
		.kind = SETTING_GROUP,
		FIELD(struct config, icmp),
		.group = &icmp_settings,
		.defaults = true},
	{.name = "journal",
		.kind = SETTING_GROUP,
		FIELD(struct config, journal),
		.group = &journal_settings,
		.defaults = true},
	{.name = "workers", .kind = SETTING_GROUP, .group = &workers_settings, .defaults = true},
	{.name = "ports",
		.kind = SETTING_LIST,
		.required = true,
		.missing = "'ports' is missing; a gateway has at least one towards each side",
		.min = 1,
		.max = PORTS_MAX,
		.group = &port_settings,
		.element = port_element},
	{.name = "tunnels",
		.kind = SETTING_LIST,
		.min = 1,
		.max = CONFIG_TUNNELS_MAX,
		.group = &tunnel_settings,
		.element = tunnel_element},
	{.name = "policies",
		.kind = SETTING_LIST,
		.min = 1,
		.max = POLICIES_MAX,
		.group = &policy_settings,
		.element = policy_element},
	{.name = "neighbours",
		.kind = SETTING_LIST,
		.min = 1,
		.max = CONFIG_NEIGHBOURS_MAX,
		.group = &neighbour_settings,
		.element = neighbour_element},
};

static int root_finish(struct reader *reader, const config_setting_t *group, void *object)
{
	int ret = check_ports(reader);

	(void)group;
	(void)object;
	if (ret == 0)
		ret = check_buffers(reader);
	if (ret == 0)
		ret = check_tunnels(reader);
	if (ret == 0)
		ret = check_policies(reader);
	return ret == 0 ? check_neighbours(reader) : ret;
}

static const struct settings root_settings = SETTINGS(root_rows, root_finish);

// libconfig's words, and what would be right.
static int syntax_error(const struct reader *reader, const config_t *parsed)
{
	static const struct {
		const char *text;
		const char *remedy;
	} known[] = {
		{"syntax error",
			"at or before this line; settings are NAME = VALUE; lists are ( a, b ), "
			"groups { }, with no comma behind the last element"},
		{"duplicate setting name", "this group has a setting of this name already"},
		{"mismatched element type in array", "[ ] holds values of one type"},
	};
	const char *text = config_error_text(parsed) ? config_error_text(parsed) : "not understood";
	const char *remedy = NULL;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].text, text) == 0)
			remedy = known[i].remedy;
	return reader_fail(reader, (unsigned)config_error_line(parsed), EINVAL, "%s%s%s", text,
		remedy ? ": " : "", remedy ? remedy : "");
}

// Lines in the objects become those of their files.
static void tell_lines(struct config *config, const struct config_source *source)
{
	for (unsigned i = 0; i < config->ports_n; i++)
		config->ports[i].line = source_line(source, config->ports[i].line);
	for (unsigned i = 0; i < config->tunnels_n; i++) {
		struct config_tunnel *tunnel = &config->tunnels[i];

		tunnel->line = source_line(source, tunnel->line);
		if (tunnel->has_out)
			tunnel->out.line = source_line(source, tunnel->out.line);
		for (unsigned k = 0; k < tunnel->in_n; k++)
			tunnel->in[k].line = source_line(source, tunnel->in[k].line);
	}
	for (unsigned i = 0; i < config->policies_n; i++)
		config->policies[i].line = source_line(source, config->policies[i].line);
	for (unsigned i = 0; i < config->neighbours_n; i++)
		config->neighbours[i].line = source_line(source, config->neighbours[i].line);
}

int config_load(const char *file, const struct proto_table *protos,
	const struct aead_table *engines, struct config **loaded, struct error *err)
{
	struct config_source source = {0};
	struct reader reader = {
		.protos = protos, .engines = engines, .source = &source, .err = err};
	config_t parsed;
	int ret;

	*loaded = NULL;
	config_init(&parsed);
	reader.config = calloc(1, sizeof(*reader.config));
	if (!reader.config) {
		ret = error_set(err, ENOMEM, "%s: no memory for the configuration", file);
		goto out;
	}
	memcpy(reader.config->crypto, "auto", sizeof("auto"));
	snprintf(reader.config->file, sizeof(reader.config->file), "%s", file);
	ret = source_read(file, &source, err);
	if (ret < 0)
		goto out;
	if (!config_read_string(&parsed, source.text)) {
		ret = syntax_error(&reader, &parsed);
		goto out;
	}
	reader.root = config_root_setting(&parsed);
	ret = settings_read(&reader, &root_settings, reader.root, reader.config);
	if (ret < 0)
		goto out;
	tell_lines(reader.config, &source);
	*loaded = reader.config;
	reader.config = NULL;
out:
	config_free(reader.config);
	config_destroy(&parsed);
	source_free(&source);
	return ret;
}

static void forget_key(struct config_sa *sa)
{
	secret_free(sa->key);
	sa->key = NULL;
	secret_wipe(sa->params.salt, sizeof(sa->params.salt));
}

void config_forget_keys(struct config *config)
{
	for (unsigned i = 0; i < config->tunnels_n; i++) {
		struct config_tunnel *tunnel = &config->tunnels[i];

		forget_key(&tunnel->out);
		for (unsigned k = 0; k < tunnel->in_n; k++)
			forget_key(&tunnel->in[k]);
	}
}

void config_free(struct config *config)
{
	if (!config)
		return;
	config_forget_keys(config);
	free(config->tunnels);
	free(config->policies);
	name_index_forget(&config->tunnel_names);
	name_index_forget(&config->policy_names);
	free(config->neighbours);
	free(config);
}
