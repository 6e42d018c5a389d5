// vpebench path: the gateway's own worker code on memory ports, in cycles per packet. Each sample
// makes fresh packets outside the timed part, so that replay windows stay on; the cases take turns,
// so that a slow moment of the machine meets all of them.
#include "bench/path.h"

#include "bench/option.h"
#include "bench/rig.h"
#include "bench/samples.h"
#include "dataplane/flow.h"

#include <getopt.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct path_case {
	enum rig_protocol protocol;
	enum port_side from; // PORT_PROTECTED: encrypt
	uint16_t frame_octets;
	bool io_only; // receive and transmit, nothing between
	struct samples samples;
	struct samples stage[STAGES];
};

// clang-format off
static struct path_case cases[] = {
	{.protocol = RIG_VPE, .from = PORT_PROTECTED,   .frame_octets = 64},
	{.protocol = RIG_VPE, .from = PORT_UNPROTECTED, .frame_octets = 64},
	{.protocol = RIG_VPE, .from = PORT_PROTECTED,   .frame_octets = 1420},
	{.protocol = RIG_VPE, .from = PORT_UNPROTECTED, .frame_octets = 1420},
	{.protocol = RIG_ESP, .from = PORT_PROTECTED,   .frame_octets = 64},
	{.protocol = RIG_ESP, .from = PORT_UNPROTECTED, .frame_octets = 64},
	{.protocol = RIG_ESP, .from = PORT_PROTECTED,   .frame_octets = 1420},
	{.protocol = RIG_ESP, .from = PORT_UNPROTECTED, .frame_octets = 1420},
	{.protocol = RIG_VPE, .from = PORT_PROTECTED,   .frame_octets = 64, .io_only = true},
	{.protocol = RIG_VPE, .from = PORT_PROTECTED,   .frame_octets = 1420, .io_only = true},
};
// clang-format on

static const char *const protocol_name[RIG_PROTOCOLS] = {"vpe", "esp"};

struct path_options {
	unsigned samples;
	unsigned packets;
	unsigned flows;
	unsigned burst;
	unsigned policies;
	unsigned flow_cache;
	const char *engine;
	const char *only; // cases whose label has this in it; NULL: all
	bool stages;
	bool huge;
	bool json;
};

#define LABEL 32

static const char *direction(const struct path_case *c)
{
	if (c->io_only)
		return "I/O only";
	return c->from == PORT_PROTECTED ? "encrypt" : "decrypt";
}

// As in the table: "vpe encrypt 64".
static bool wanted(const struct path_case *c, const struct path_options *options)
{
	char label[LABEL];

	snprintf(label, sizeof(label), "%s %s %u", protocol_name[c->protocol], direction(c),
		c->frame_octets);
	return options->only == NULL || strstr(label, options->only) != NULL;
}

static void io_turn(struct rig *rig, enum port_side from)
{
	struct rte_mbuf *m[BURST_MAX];
	uint16_t n = rte_eth_rx_burst(rig->dp->port[from].device[0], 0, m, BURST_MAX);

	rte_eth_tx_burst(rig->dp->port[!from].device[0], 0, m, n);
}

static int take_sample(
	struct rig *rig, struct path_case *c, const struct path_options *options, struct error *err)
{
	int rc = rig_fill(rig, c->protocol, c->from, c->frame_octets, options->packets);
	uint64_t start;
	uint64_t cycles;
	unsigned arrived;

	if (rc != 0)
		return error_set(err, -rc, "making packets: %s", strerror(-rc));
	memset(&rig->worker->clock, 0, sizeof(rig->worker->clock));
	atomic_store(&rig->worker->clock.on, options->stages);
	start = rte_rdtsc_precise();
	while (!rte_ring_empty(rig->rx[c->from])) {
		if (c->io_only)
			io_turn(rig, c->from);
		else
			worker_turn(rig->worker);
	}
	cycles = rte_rdtsc_precise() - start;
	arrived = rig_drain(rig, !c->from);
	if (arrived != options->packets)
		return error_set(err, EIO, "%s: %u of %u packets came through",
			protocol_name[c->protocol], arrived, options->packets);
	samples_add(&c->samples, (double)cycles / options->packets);
	for (unsigned i = 0; i < STAGES; i++)
		samples_add(&c->stage[i], (double)rig->worker->clock.cycles[i] / options->packets);
	return 0;
}

static int run(const struct path_options *options, struct error *err)
{
	struct rig_params params = {.algorithm = AEAD_AES_128_GCM,
		.engine = options->engine,
		.flows = options->flows,
		.burst = options->burst,
		.policies = options->policies,
		.flow_cache = options->flow_cache};
	struct rig *rig;
	int rc = rig_create(&params, &rig, err);

	if (rc != 0)
		return rc;
	for (unsigned i = 0; i < options->samples * RTE_DIM(cases) && rc == 0; i++) {
		if (wanted(&cases[i % RTE_DIM(cases)], options))
			rc = take_sample(rig, &cases[i % RTE_DIM(cases)], options, err);
	}
	rig_destroy(rig);
	return rc;
}

static void print_table(const struct path_options *options)
{
	printf("TSC cycles per packet, one worker, AES-128-GCM, engine %s, one SA, %u flows, "
	       "replay window %u,\n%u policies, room for %u flows, %u samples of %u packets each, "
	       "bursts of %u, TSC %.0f MHz\n\n",
		options->engine, options->flows, REPLAY_WINDOW_DEFAULT, options->policies,
		options->flow_cache, options->samples, options->packets, options->burst,
		(double)rte_get_tsc_hz() / 1e6);
	printf("%-5s %-9s %6s %9s %9s %9s %9s\n", "", "", "frame", "median", "min", "p10", "p90");
	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		struct path_case *c = &cases[i];

		if (c->samples.n == 0)
			continue;
		printf("%-5s %-9s %6u %9.1f %9.1f %9.1f %9.1f\n",
			c->io_only ? "" : protocol_name[c->protocol], direction(c), c->frame_octets,
			samples_quantile(&c->samples, 0.5), samples_quantile(&c->samples, 0),
			samples_quantile(&c->samples, 0.1), samples_quantile(&c->samples, 0.9));
	}
}

static void print_stages(void)
{
	puts("");
	for (unsigned stage = 0; stage < STAGES; stage++)
		printf("%-9s %s\n", stage_name(stage), stage_text(stage));
	printf("\n%-19s", "median");
	for (unsigned stage = 0; stage < STAGES; stage++)
		printf("%9s", stage_name(stage));
	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		struct path_case *c = &cases[i];

		if (c->samples.n == 0 || c->io_only)
			continue;
		printf("\n%-5s %-8s %4u", protocol_name[c->protocol], direction(c),
			c->frame_octets);
		for (unsigned stage = 0; stage < STAGES; stage++)
			printf("%9.1f", samples_quantile(&c->stage[stage], 0.5));
	}
	puts("");
}

static void print_json(const struct path_options *options)
{
	const char *separator = "";

	printf("{\"program\": \"vpebench path\", \"engine\": \"%s\", \"flows\": %u, "
	       "\"policies\": %u, \"flow_cache\": %u, \"burst\": %u, \"samples\": %u, \"packets\": "
	       "%u, \"tsc_hz\": %lu, \"cases\": [",
		options->engine, options->flows, options->policies, options->flow_cache,
		options->burst, options->samples, options->packets, rte_get_tsc_hz());
	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		struct path_case *c = &cases[i];

		if (c->samples.n == 0)
			continue;
		printf("%s\n {\"protocol\": \"%s\", \"direction\": \"%s\", \"frame_octets\": %u, "
		       "\"median\": %.1f, \"min\": %.1f, \"p10\": %.1f, \"p90\": %.1f}",
			separator, protocol_name[c->protocol], direction(c), c->frame_octets,
			samples_quantile(&c->samples, 0.5), samples_quantile(&c->samples, 0),
			samples_quantile(&c->samples, 0.1), samples_quantile(&c->samples, 0.9));
		separator = ",";
	}
	puts("]}");
}

static void parse_options(int argc, char **argv, struct path_options *options)
{
	static const struct option known[] = {
		{"samples", required_argument, NULL, 's'},
		{"packets", required_argument, NULL, 'p'},
		{"flows", required_argument, NULL, 'f'},
		{"burst", required_argument, NULL, 'b'},
		{"policies", required_argument, NULL, 'P'},
		{"flow-cache", required_argument, NULL, 'c'},
		{"engine", required_argument, NULL, 'e'},
		{"only", required_argument, NULL, 'o'},
		{"stages", no_argument, NULL, 'S'},
		{"huge", no_argument, NULL, 'H'},
		{"json", no_argument, NULL, 'j'},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case 's':
			options->samples = option_number(optarg, 1, 100000);
			break;
		case 'p':
			options->packets = option_number(optarg, 1, 4032);
			break;
		case 'f':
			options->flows = option_number(optarg, 1, FLOWS_MAX);
			break;
		case 'b':
			options->burst = option_number(optarg, 1, BURST_MAX);
			break;
		case 'P':
			options->policies = option_number(optarg, RIG_PROTOCOLS, POLICIES_MAX);
			break;
		case 'c':
			options->flow_cache = option_number(optarg, 0, FLOWS_MAX);
			if (options->flow_cache != 0)
				options->flow_cache =
					RTE_MAX(FLOWS_MIN, rte_align32pow2(options->flow_cache));
			break;
		case 'o':
			options->only = optarg;
			break;
		case 'e':
			options->engine = optarg;
			break;
		case 'S':
			options->stages = true;
			break;
		case 'H':
			options->huge = true;
			break;
		case 'j':
			options->json = true;
			break;
		default:
			exit(2);
		}
	}
}

static int cases_init(unsigned samples)
{
	int rc = 0;

	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		rc |= samples_init(&cases[i].samples, samples);
		for (unsigned stage = 0; stage < STAGES; stage++)
			rc |= samples_init(&cases[i].stage[stage], samples);
	}
	return rc;
}

static void cases_free(void)
{
	for (unsigned i = 0; i < RTE_DIM(cases); i++) {
		samples_free(&cases[i].samples);
		for (unsigned stage = 0; stage < STAGES; stage++)
			samples_free(&cases[i].stage[stage]);
	}
}

int path_main(int argc, char **argv)
{
	struct path_options options = {.samples = 401,
		.packets = 256,
		.flows = 64,
		.burst = BURST_MAX,
		.policies = RIG_PROTOCOLS,
		.flow_cache = 8192,
		.engine = "auto"};
	struct error err;
	int rc;

	parse_options(argc, argv, &options);
	if (cases_init(options.samples) != 0)
		return EXIT_FAILURE;
	rc = rig_start_eal(options.huge, &err);
	if (rc == 0)
		rc = run(&options, &err);
	if (rc != 0)
		fprintf(stderr, "vpebench: %s\n", err.text);
	else if (options.json)
		print_json(&options);
	else
		print_table(&options);
	if (rc == 0 && options.stages && !options.json)
		print_stages();
	cases_free();
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
