// vpebench path: the gateway's own worker code on memory ports, in cycles per packet. The cases
// take turns, so that a slow moment of the machine meets all of them.
#include "bench/path.h"

#include "bench/option.h"
#include "bench/path_case.h"
#include "dataplane/flow.h"

#include <rte_cycles.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// By protocol and direction, and I/O alone.
#define CASES_OF_SIZE (RIG_PROTOCOLS * 2 + 1)
#define CASES_MAX (NUMBER_LIST_MAX * CASES_OF_SIZE)

struct path_options {
	unsigned samples;
	unsigned packets;
	unsigned flows;
	unsigned hosts;
	unsigned train;
	unsigned sas;
	unsigned burst;
	unsigned policies;
	unsigned flow_cache;
	enum aead_algorithm algorithm;
	struct number_list sizes;
	const char *engine;
	const char *only; // cases whose label has this in it; NULL: all
	bool stages;
	bool huge;
	bool json;
};

struct path_bench {
	const struct path_options *options;
	unsigned n;
	struct path_case cases[CASES_MAX];
};

#define LABEL 32

// As in the table: "vpe encrypt 64".
static bool wanted(const struct path_case *c, const struct path_options *options)
{
	char label[LABEL];

	snprintf(label, sizeof(label), "%s %s %u", path_case_protocol(c), path_case_direction(c),
		c->frames.frame_octets);
	return options->only == NULL || strstr(label, options->only) != NULL;
}

static int add(struct path_bench *bench, const struct rig_frames *frames, bool io_only)
{
	struct path_case *c = &bench->cases[bench->n];

	*c = (struct path_case){.frames = *frames, .io_only = io_only};
	if (!wanted(c, bench->options))
		return 0;
	bench->n++;
	return path_case_init(c, bench->options->samples, bench->options->stages && !io_only);
}

static int add_all(struct path_bench *bench)
{
	const struct number_list *sizes = &bench->options->sizes;
	struct rig_frames frames = {0};
	int rc = 0;

	for (unsigned i = 0; i < RIG_PROTOCOLS * sizes->n * 2 && rc == 0; i++) {
		frames.protocol = i / (sizes->n * 2);
		frames.frame_octets = (uint16_t)sizes->number[i / 2 % sizes->n];
		frames.side = i % 2 == 0 ? PORT_PROTECTED : PORT_UNPROTECTED;
		rc = add(bench, &frames, false);
	}
	for (unsigned i = 0; i < sizes->n && rc == 0; i++) {
		frames.frame_octets = (uint16_t)sizes->number[i];
		frames.side = PORT_PROTECTED;
		rc = add(bench, &frames, true);
	}
	return rc;
}

static int run(struct path_bench *bench, struct error *err)
{
	const struct path_options *options = bench->options;
	struct rig_params params = {.algorithm = options->algorithm,
		.engine = options->engine,
		.flows = options->flows,
		.hosts = options->hosts,
		.train = options->train,
		.sas = options->sas,
		.burst = options->burst,
		.policies = options->policies,
		.flow_cache = options->flow_cache};
	struct rig *rig;
	int rc = rig_create(&params, &rig, err);

	if (rc != 0)
		return rc;
	rc = rig_use_all(rig);
	if (rc != 0)
		error_set(err, -rc, "making packets: %s", strerror(-rc));
	for (unsigned i = 0; i < options->samples * bench->n && rc == 0; i++)
		rc = path_case_sample(rig, &bench->cases[i % bench->n], options->packets, err);
	rig_destroy(rig);
	return rc;
}

static void print_table(struct path_bench *bench)
{
	const struct path_options *options = bench->options;

	printf("TSC cycles per packet, one worker, %s, engine %s, %u SAs, %u flows, %u hosts at "
	       "each end, trains of %u,\n"
	       "replay window %u, %u policies, room for %u flows, %u samples of %u packets each, "
	       "bursts of %u, TSC %.0f MHz\n\n",
		aead_name(options->algorithm), options->engine, options->sas, options->flows,
		options->hosts, options->train, REPLAY_WINDOW_DEFAULT, options->policies,
		options->flow_cache, options->samples, options->packets, options->burst,
		(double)rte_get_tsc_hz() / 1e6);
	printf("%-5s %-9s %6s %9s %9s %9s %9s\n", "", "", "frame", "median", "min", "p10", "p90");
	for (unsigned i = 0; i < bench->n; i++) {
		struct path_case *c = &bench->cases[i];

		printf("%-5s %-9s %6u %9.1f %9.1f %9.1f %9.1f\n", path_case_protocol(c),
			path_case_direction(c), c->frames.frame_octets,
			samples_quantile(&c->samples, 0.5), samples_quantile(&c->samples, 0),
			samples_quantile(&c->samples, 0.1), samples_quantile(&c->samples, 0.9));
	}
}

static void print_stages(struct path_bench *bench)
{
	puts("");
	for (unsigned stage = 0; stage < STAGES; stage++)
		printf("%-9s %s\n", stage_name(stage), stage_text(stage));
	printf("\n%-19s", "median");
	for (unsigned stage = 0; stage < STAGES; stage++)
		printf("%9s", stage_name(stage));
	for (unsigned i = 0; i < bench->n; i++) {
		struct path_case *c = &bench->cases[i];

		if (c->io_only)
			continue;
		printf("\n%-5s %-8s %4u", path_case_protocol(c), path_case_direction(c),
			c->frames.frame_octets);
		for (unsigned stage = 0; stage < STAGES; stage++)
			printf("%9.1f", samples_quantile(&c->stage[stage], 0.5));
	}
	puts("");
}

static void print_json_stages(struct path_case *c)
{
	printf(", \"stages\": {");
	for (unsigned stage = 0; stage < STAGES; stage++)
		printf("%s\"%s\": %.1f", stage == 0 ? "" : ", ", stage_name(stage),
			samples_quantile(&c->stage[stage], 0.5));
	putchar('}');
}

static void print_json(struct path_bench *bench)
{
	const struct path_options *options = bench->options;

	printf("{\"program\": \"vpebench path\", \"algorithm\": \"%s\", \"engine\": \"%s\", "
	       "\"sas\": %u, \"flows\": %u, \"hosts\": %u, \"train\": %u, \"policies\": %u, "
	       "\"flow_cache\": %u, \"burst\": %u, "
	       "\"samples\": %u, \"packets\": %u, \"tsc_hz\": %lu, \"cases\": [",
		aead_name(options->algorithm), options->engine, options->sas, options->flows,
		options->hosts, options->train, options->policies, options->flow_cache,
		options->burst, options->samples, options->packets, rte_get_tsc_hz());
	for (unsigned i = 0; i < bench->n; i++) {
		struct path_case *c = &bench->cases[i];

		printf("%s\n {\"protocol\": \"%s\", \"direction\": \"%s\", \"frame_octets\": %u, "
		       "\"median\": %.1f, \"min\": %.1f, \"p10\": %.1f, \"p90\": %.1f",
			i == 0 ? "" : ",", path_case_protocol(c), path_case_direction(c),
			c->frames.frame_octets, samples_quantile(&c->samples, 0.5),
			samples_quantile(&c->samples, 0), samples_quantile(&c->samples, 0.1),
			samples_quantile(&c->samples, 0.9));
		if (c->stage[0].n > 0)
			print_json_stages(c);
		putchar('}');
	}
	puts("]}");
}

static int set_sizes(void *target, const char *value, struct error *err)
{
	struct path_options *options = target;

	return option_numbers(value, RIG_FRAME_MIN, RIG_FRAME_MAX, &options->sizes, err);
}

static int set_algorithm(void *target, const char *value, struct error *err)
{
	struct path_options *options = target;

	return option_algorithm(value, &options->algorithm, err);
}

#define NUMBER(member, from, to) OPTION_UNSIGNED(struct path_options, member, from, to)
#define AT(member) OPTION_AT(struct path_options, member)

static const struct cli_option rows[] = {
	{"samples", "N", "of each case (401)", NUMBER(samples, 1, 100000)},
	{"packets", "N", "in each sample (256)", NUMBER(packets, 1, RIG_PACKETS_MAX)},
	{"sizes", "N,...", "octets of the clear frames (64,1420)", CLI_OTHER, .set = set_sizes},
	{"flows", "N", "(64)", NUMBER(flows, 1, FLOWS_MAX)},
	{"hosts", "N", "at each end, which the flows take in turn (1)",
		NUMBER(hosts, 1, RIG_HOSTS_MAX)},
	{"train", "N", "flows that follow each other between the same hosts (1)",
		NUMBER(train, 1, FLOWS_MAX)},
	{"flow-cache", "N", "flows that the worker has room for; 0: none",
		NUMBER(flow_cache, 0, FLOWS_MAX)},
	{"sas", "N", "inbound ones of each tunnel (1)", NUMBER(sas, 1, RIG_SAS_MAX)},
	{"policies", "N", "in all; the last three match",
		NUMBER(policies, RIG_PROTOCOLS, POLICIES_MAX)},
	{"burst", "N", "packets that the worker takes at a time", NUMBER(burst, 1, BURST_MAX)},
	{"algorithm", "NAME", "(aes-128-gcm)", CLI_OTHER, .set = set_algorithm},
	{"engine", "NAME", "null, or auto (auto)", CLI_TEXT, AT(engine)},
	{"only", "TEXT", "cases with this in their name, as in \"vpe encrypt 64\"", CLI_TEXT,
		AT(only)},
	{"stages", NULL, "cycles of each stage", CLI_FLAG, AT(stages)},
	{"huge", NULL, "huge pages", CLI_FLAG, AT(huge)},
	{"json", NULL, "no table but JSON", CLI_FLAG, AT(json)},
};

static const struct cli cli = {
	.program = "vpebench path",
	.purpose = "The gateway's worker on memory ports: cycles per packet.",
	.n = sizeof(rows) / sizeof(rows[0]),
	.option = rows,
};

static void parse_options(int argc, char **argv, struct path_options *options)
{
	option_parse(&cli, argc, argv, options);
	if (options->flow_cache != 0)
		options->flow_cache = RTE_MAX(FLOWS_MIN, rte_align32pow2(options->flow_cache));
}

static void print(struct path_bench *bench)
{
	if (bench->options->json) {
		print_json(bench);
		return;
	}
	print_table(bench);
	if (bench->options->stages)
		print_stages(bench);
}

int path_main(int argc, char **argv)
{
	static struct path_bench bench;
	struct path_options options = {.samples = 401,
		.packets = 256,
		.flows = 64,
		.hosts = 1,
		.train = 1,
		.sas = 1,
		.burst = BURST_MAX,
		.policies = RIG_PROTOCOLS,
		.flow_cache = RIG_FLOW_CACHE,
		.algorithm = AEAD_AES_128_GCM,
		.sizes = {2, {64, 1420}},
		.engine = "auto"};
	struct error err;
	int rc;

	parse_options(argc, argv, &options);
	bench.options = &options;
	if (add_all(&bench) != 0)
		return EXIT_FAILURE;
	rc = rig_start_eal(options.huge, options.sas, &err);
	if (rc == 0)
		rc = run(&bench, &err);
	if (rc != 0)
		fprintf(stderr, "vpebench: %s\n", err.text);
	else
		print(&bench);
	for (unsigned i = 0; i < bench.n; i++)
		path_case_free(&bench.cases[i]);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
