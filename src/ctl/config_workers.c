// Settings of the workers, and what is made of them where they are left out.
#include "ctl/config_lcores.h"
#include "ctl/config_tables.h"
#include "proto/burst.h"

#include <errno.h>
#include <string.h>

static const struct setting_word role_words[] = {
	{"encrypt", WORKER_ENCRYPT}, {"decrypt", WORKER_DECRYPT}, {"both", WORKER_BOTH}, {NULL, 0}};

static const struct setting role_rows[] = {
	{.name = "lcore",
		.kind = SETTING_NUMBER,
		FIELD(struct worker_params, lcore),
		.required = true,
		.max = LCORES_MAX - 1},
	{.name = "role",
		.kind = SETTING_WORD,
		FIELD(struct worker_params, role),
		.required = true,
		.words = role_words},
};
static const struct settings role_settings = SETTINGS(role_rows, NULL);

static void *role_element(struct reader *reader, void *object, unsigned i, unsigned n)
{
	struct config *config = object;

	(void)reader;
	config->workers_n = n;
	return &config->workers[i];
}

static const struct setting_word idle_words[] = {
	{"poll", WORKER_POLL}, {"backoff", WORKER_BACKOFF}, {NULL, 0}};

// Workers on all lcores but the main one: the first half encrypts, the second decrypts.
static int spread_roles(struct reader *reader, const struct lcore_set *lcores)
{
	struct config *config = reader->config;
	const config_setting_t *eal = config_setting_get_member(reader->root, "eal");
	unsigned main_lcore = lcores_main(lcores), n = 0;

	if (lcores->n - 1 > WORKERS_MAX)
		return setting_fail(reader, config_setting_get_member(eal, "lcores"),
			"'lcores' makes %u workers; %d are allowed", lcores->n - 1, WORKERS_MAX);
	for (unsigned i = main_lcore + 1; i < LCORES_MAX; i++)
		if (lcores->has[i])
			config->workers[n++].lcore = i;
	for (unsigned i = 0; i < n; i++)
		config->workers[i].role = n == 1 ? WORKER_BOTH
			: i < (n + 1) / 2	 ? WORKER_ENCRYPT
						 : WORKER_DECRYPT;
	config->workers_n = n;
	return 0;
}

// lcores: NULL where they are made from the roles; the control thread then has lcore 0.
static int check_role(struct reader *reader, const config_setting_t *role, unsigned lcore,
	const struct lcore_set *lcores, struct lcore_set *taken)
{
	unsigned main_lcore = lcores ? lcores_main(lcores) : 0;

	if (lcore == main_lcore)
		return setting_fail(reader, role,
			"lcore %u is the control thread's (the lowest of eal.lcores); take another",
			lcore);
	if (lcores && !lcores->has[lcore])
		return setting_fail(reader, role,
			"lcore %u is not in eal.lcores \"%s\"; add it there or take one of those",
			lcore, reader->config->eal.lcores);
	if (taken->has[lcore])
		return setting_fail(
			reader, role, "lcore %u has a role already; one worker per lcore", lcore);
	taken->has[lcore] = true;
	taken->n++;
	return 0;
}

static int check_sides(struct reader *reader, const config_setting_t *roles)
{
	const struct config *config = reader->config;
	bool side[2] = {false, false};

	for (unsigned i = 0; i < config->workers_n; i++) {
		side[0] |= config->workers[i].role != WORKER_DECRYPT;
		side[1] |= config->workers[i].role != WORKER_ENCRYPT;
	}
	if (!side[0])
		return setting_fail(reader, roles,
			"no worker encrypts; give one the role \"encrypt\" or \"both\"");
	if (!side[1])
		return setting_fail(reader, roles,
			"no worker decrypts; give one the role \"decrypt\" or \"both\"");
	return 0;
}

static int check_roles(struct reader *reader, const config_setting_t *roles,
	const struct lcore_set *lcores, struct lcore_set *taken)
{
	int ret = 0;

	for (unsigned i = 0; i < reader->config->workers_n && ret == 0; i++)
		ret = check_role(reader, config_setting_get_elem(roles, i),
			reader->config->workers[i].lcore, lcores, taken);
	return ret == 0 ? check_sides(reader, roles) : ret;
}

static int check_flows(struct reader *reader, const config_setting_t *group)
{
	unsigned flows = reader->config->flows;

	if (flows == 0 || (flows >= FLOWS_MIN && (flows & (flows - 1)) == 0))
		return 0;
	return setting_fail(reader, config_setting_get_member(group, "flow_cache"),
		"'flow_cache' is %u; a power of two from %u to %u is wanted, or 0", flows,
		FLOWS_MIN, FLOWS_MAX);
}

static int workers_finish(struct reader *reader, const config_setting_t *group, void *object)
{
	struct config *config = object;
	bool given = config->eal.lcores[0] != '\0';
	struct lcore_set lcores = {0}, taken = {0};
	cpu_set_t cpus;
	int ret = check_flows(reader, group);

	if (ret == 0 && given)
		ret = lcores_parse(config->eal.lcores, &lcores, reader->err);
	if (ret == 0 && config->workers_n > 0) {
		ret = check_roles(reader, config_setting_get_member(group, "roles"),
			given ? &lcores : NULL, &taken);
	} else if (ret == 0 && given) {
		ret = spread_roles(reader, &lcores);
	} else if (ret == 0) {
		config->workers[0] = (struct worker_params){.lcore = 1, .role = WORKER_BOTH};
		config->workers_n = 1;
		taken.has[1] = true;
	}
	if (ret < 0)
		return ret;
	lcores_cpus(&cpus);
	if (!given &&
		lcores_make(&taken, &cpus, config->eal.lcores, sizeof(config->eal.lcores)) < 0)
		return setting_fail(reader, group,
			"so many lcores do not fit one --lcores; give the workers lower lcores or "
			"write eal.lcores");
	if (!group || !config_setting_get_member(group, "idle"))
		config->idle = (unsigned)CPU_COUNT(&cpus) < config->workers_n + 1 ? WORKER_BACKOFF
										  : WORKER_POLL;
	return 0;
}

static const struct setting workers_rows[] = {
	{.name = "burst",
		.kind = SETTING_NUMBER,
		FIELD(struct config, burst),
		.min = 1,
		.max = BURST_MAX,
		.defaults = true,
		.fallback = BURST_MAX},
	{.name = "flow_cache",
		.kind = SETTING_NUMBER,
		FIELD(struct config, flows),
		.max = FLOWS_MAX,
		.defaults = true,
		.fallback = 32768},
	// Left out: by the number of CPUs.
	{.name = "idle", .kind = SETTING_WORD, FIELD(struct config, idle), .words = idle_words},
	// Left out: by eal.lcores.
	{.name = "roles",
		.kind = SETTING_LIST,
		.min = 1,
		.max = WORKERS_MAX,
		.group = &role_settings,
		.element = role_element},
};
const struct settings workers_settings = SETTINGS(workers_rows, workers_finish);
