// vpebench floor: crypto alone, one engine, in the bursts and sizes that a tunnel of 64 and 1420
// octets makes of it. Buffers take turns, so that data is where a device's would be: not in the
// first-level cache.
#include "bench/floor.h"

#include "bench/number.h"
#include "bench/samples.h"
#include "bench/switches.h"
#include "crypto/engines.h"

#include <getopt.h>
#include <rte_cycles.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFERS 512
#define BUFFER_OCTETS 2048
#define BURST_MAX 64

static const struct aead_table engines = {.n = 2, .engine = {&engine_ipsecmb, &engine_openssl}};

struct floor_case {
	const char *protocol;
	bool seal;
	uint16_t frame_octets;
	uint16_t octets; // that are encrypted
	uint8_t aad_octets;
	struct samples samples;
};

// The clear frame less its Ethernet header; ESP adds its trailer and pads to 4 octets.
// clang-format off
static struct floor_case cases[] = {
	{.protocol = "vpe", .seal = true,  .frame_octets = 64,   .octets = 50},
	{.protocol = "vpe", .seal = false, .frame_octets = 64,   .octets = 50},
	{.protocol = "vpe", .seal = true,  .frame_octets = 1420, .octets = 1406},
	{.protocol = "vpe", .seal = false, .frame_octets = 1420, .octets = 1406},
	{.protocol = "esp", .seal = true,  .frame_octets = 64,   .octets = 52,   .aad_octets = 8},
	{.protocol = "esp", .seal = false, .frame_octets = 64,   .octets = 52,   .aad_octets = 8},
	{.protocol = "esp", .seal = true,  .frame_octets = 1420, .octets = 1408, .aad_octets = 8},
	{.protocol = "esp", .seal = false, .frame_octets = 1420, .octets = 1408, .aad_octets = 8},
};
// clang-format on

#define CASES (sizeof(cases) / sizeof(cases[0]))

struct floor_options {
	unsigned samples;
	unsigned burst;
	const char *engine;
	bool json;
};

struct bench {
	struct aead_key *key;
	struct aead_ctx *ctx;
	uint8_t *buffers; // BUFFERS of BUFFER_OCTETS: nonce, AAD, tag, data at 64
};

static void prepare(const struct bench *b, const struct floor_case *c, unsigned first,
	struct aead_op op[], unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint8_t *buffer = b->buffers + (size_t)(first + i) * BUFFER_OCTETS;

		op[i] = (struct aead_op){
			.key = b->key,
			.nonce = buffer,
			.aad = buffer + 16,
			.aad_octets = c->aad_octets,
			.tag = buffer + 32,
			.data = buffer + 64,
			.octets = c->octets,
		};
	}
}

// Once over all buffers. Cycles per packet of the calls alone.
static double pass_once(
	const struct bench *b, const struct floor_case *c, unsigned burst, bool seal)
{
	struct aead_op op[BURST_MAX];
	uint64_t cycles = 0;

	for (unsigned first = 0; first + burst <= BUFFERS; first += burst) {
		uint64_t start;

		prepare(b, c, first, op, burst);
		start = rte_rdtsc_precise();
		if (seal)
			aead_seal_burst(b->ctx, op, burst);
		else
			aead_open_burst(b->ctx, op, burst);
		cycles += rte_rdtsc_precise() - start;
	}
	return (double)cycles / (BUFFERS / burst * burst);
}

// Again, if the kernel ran something else meanwhile.
static double pass(const struct bench *b, const struct floor_case *c, unsigned burst, bool seal)
{
	for (;;) {
		uint64_t switches = switches_so_far();
		double cycles = pass_once(b, c, burst, seal);

		if (switches_so_far() == switches)
			return cycles;
		// Only what was sealed can be opened.
		if (!seal)
			pass_once(b, c, burst, true);
	}
}

static void measure(const struct bench *b, const struct floor_options *options)
{
	for (unsigned i = 0; i < options->samples * CASES; i++) {
		struct floor_case *c = &cases[i % CASES];
		double sealed = pass(b, c, options->burst, true);

		samples_add(&c->samples, c->seal ? sealed : pass(b, c, options->burst, false));
	}
}

static int create(struct bench *b, const struct floor_options *options)
{
	static const uint8_t key[AEAD_KEY_MAX] = {1, 2, 3, 4, 5, 6, 7, 8};
	const struct aead_engine *engine = aead_choose(&engines, AEAD_AES_128_GCM, options->engine);

	b->buffers = aligned_alloc(CACHE_LINE, (size_t)BUFFERS * BUFFER_OCTETS);
	if (engine == NULL || b->buffers == NULL)
		return -1;
	memset(b->buffers, 1, (size_t)BUFFERS * BUFFER_OCTETS);
	if (aead_key_create(engine, AEAD_AES_128_GCM, key, &b->key) != 0)
		return -1;
	return aead_ctx_create(&engines, &b->ctx);
}

static void destroy(struct bench *b)
{
	aead_ctx_destroy(b->ctx);
	aead_key_destroy(b->key);
	free(b->buffers);
}

static void print_table(const struct floor_options *options)
{
	printf("Crypto alone, AES-128-GCM, engine %s, bursts of %u, %u samples: TSC cycles per "
	       "packet\n\n%-5s %-9s %6s %9s %9s %9s %9s\n",
		options->engine, options->burst, options->samples, "", "", "frame", "median", "min",
		"p10", "p90");
	for (unsigned i = 0; i < CASES; i++) {
		struct floor_case *c = &cases[i];

		printf("%-5s %-9s %6u %9.1f %9.1f %9.1f %9.1f\n", c->protocol,
			c->seal ? "encrypt" : "decrypt", c->frame_octets,
			samples_quantile(&c->samples, 0.5), samples_quantile(&c->samples, 0),
			samples_quantile(&c->samples, 0.1), samples_quantile(&c->samples, 0.9));
	}
}

static void print_json(const struct floor_options *options)
{
	printf("{\"program\": \"vpebench floor\", \"engine\": \"%s\", \"burst\": %u, "
	       "\"samples\": %u, \"cases\": [",
		options->engine, options->burst, options->samples);
	for (unsigned i = 0; i < CASES; i++) {
		struct floor_case *c = &cases[i];

		printf("%s\n {\"protocol\": \"%s\", \"direction\": \"%s\", \"octets\": %u, "
		       "\"median\": %.1f, \"min\": %.1f, \"p10\": %.1f, \"p90\": %.1f}",
			i == 0 ? "" : ",", c->protocol, c->seal ? "encrypt" : "decrypt",
			c->frame_octets, samples_quantile(&c->samples, 0.5),
			samples_quantile(&c->samples, 0), samples_quantile(&c->samples, 0.1),
			samples_quantile(&c->samples, 0.9));
	}
	puts("]}");
}

static void parse_options(int argc, char **argv, struct floor_options *options)
{
	static const struct option known[] = {
		{"samples", required_argument, NULL, 's'},
		{"burst", required_argument, NULL, 'b'},
		{"engine", required_argument, NULL, 'e'},
		{"json", no_argument, NULL, 'j'},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case 's':
			options->samples = number_option(optarg, 100000);
			break;
		case 'b':
			options->burst = number_option(optarg, BURST_MAX);
			break;
		case 'e':
			options->engine = optarg;
			break;
		case 'j':
			options->json = true;
			break;
		default:
			exit(2);
		}
	}
}

int floor_main(int argc, char **argv)
{
	struct floor_options options = {.samples = 201, .burst = BURST_MAX, .engine = "auto"};
	struct bench bench = {0};
	int status = EXIT_FAILURE;

	parse_options(argc, argv, &options);
	for (unsigned i = 0; i < CASES; i++) {
		if (samples_init(&cases[i].samples, options.samples) != 0)
			return EXIT_FAILURE;
	}
	if (create(&bench, &options) == 0) {
		measure(&bench, &options);
		(options.json ? print_json : print_table)(&options);
		status = EXIT_SUCCESS;
	} else {
		fprintf(stderr, "vpebench: no engine named %s, or no memory\n", options.engine);
	}
	destroy(&bench);
	for (unsigned i = 0; i < CASES; i++)
		samples_free(&cases[i].samples);
	return status;
}
