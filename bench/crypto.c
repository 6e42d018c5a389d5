// vpebench crypto: every engine, algorithm, direction, size and burst, in cycles per message. The
// engines of a case take turns, so that a slow moment of the machine meets all of them; engines are
// verified against OpenSSL before they are timed.
#include "bench/crypto.h"

#include "bench/messages.h"
#include "bench/option.h"
#include "bench/samples.h"
#include "bench/tag_timing.h"
#include "bench/verify.h"
#include "crypto/engines.h"

#include <errno.h>
#include <rte_cycles.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 1024
#define OCTETS_MAX 9600
#define AAD_MAX 12
// Of the engine that the others are compared with.
#define BASE "ipsec-mb"

struct crypto_options {
	uint64_t verify;
	unsigned samples;
	unsigned keys;
	unsigned aad_octets;
	unsigned tag_samples; // 0: cases; otherwise the timing of tags
	struct number_list sizes;
	struct number_list bursts;
	unsigned algorithms; // bits
	unsigned engines;    // bits: rows of the table
	bool auto_engine;    // what a gateway would take for the algorithm
	bool json;
};

// What all engines do in turn.
struct contest {
	enum aead_algorithm algorithm;
	bool seal;
	uint32_t octets;
	unsigned burst;
};

struct runner {
	const struct aead_engine *engine;
	struct aead_key *key[KEYS_MAX];
	struct messages messages;
	struct samples samples;
};

struct crypto_bench {
	const struct crypto_options *options;
	struct aead_ctx *ctx;
	unsigned n;
	struct runner runner[AEAD_ENGINES_MAX]; // that support the algorithm
	bool first_case;
};

static bool takes_part(const struct crypto_options *options, unsigned engine, unsigned algorithm)
{
	const bool chosen = options->auto_engine &&
		aead_choose(&engines_all, algorithm, NULL) == engines_all.engine[engine];

	return (chosen || (options->engines & 1u << engine) != 0) &&
		(options->algorithms & 1u << algorithm) != 0 &&
		engines_all.engine[engine]->probe() &&
		engines_all.engine[engine]->supports((enum aead_algorithm)algorithm);
}

static void destroy_runners(struct crypto_bench *bench)
{
	for (unsigned i = 0; i < bench->n; i++) {
		struct runner *runner = &bench->runner[i];

		for (unsigned k = 0; k < bench->options->keys; k++)
			aead_key_destroy(runner->key[k]);
		messages_free(&runner->messages);
		samples_free(&runner->samples);
	}
	bench->n = 0;
}

static int create_runner(
	struct runner *runner, enum aead_algorithm algorithm, const struct crypto_options *options)
{
	struct messages_random random = {1406};
	uint8_t key[AEAD_KEY_MAX];
	int rc = messages_init(&runner->messages, OCTETS_MAX);

	if (rc == 0)
		rc = samples_init(&runner->samples, options->samples);
	for (unsigned i = 0; i < options->keys && rc == 0; i++) {
		messages_fill(&random, key, sizeof(key));
		rc = aead_key_create(runner->engine, algorithm, key, &runner->key[i]);
	}
	return rc;
}

static int create_runners(struct crypto_bench *bench, enum aead_algorithm algorithm)
{
	int rc = 0;

	for (unsigned i = 0; i < engines_all.n && rc == 0; i++) {
		if (!takes_part(bench->options, i, algorithm))
			continue;
		bench->runner[bench->n] = (struct runner){.engine = engines_all.engine[i]};
		rc = create_runner(&bench->runner[bench->n++], algorithm, bench->options);
	}
	return rc;
}

static void lay_out(struct crypto_bench *bench, const struct contest *contest)
{
	for (unsigned r = 0; r < bench->n; r++) {
		struct runner *runner = &bench->runner[r];

		messages_narrow(&runner->messages, contest->octets);
		runner->samples.n = 0;
		for (unsigned i = 0; i < contest->burst; i++)
			messages_lay_out(&runner->messages, i,
				runner->key[i % bench->options->keys], contest->octets,
				(uint8_t)bench->options->aad_octets, 0);
	}
}

// The burst is sealed once more untimed: what is opened must be sealed, and what is sealed must not
// pay for what the engine before left in caches and power states.
static int take_sample(struct crypto_bench *bench, struct runner *runner,
	const struct contest *contest, struct error *err)
{
	struct aead_op *ops = runner->messages.op;
	uint64_t start, cycles;
	bool authentic = true;

	aead_seal_burst(bench->ctx, ops, contest->burst);
	start = rte_rdtsc_precise();
	if (contest->seal)
		aead_seal_burst(bench->ctx, ops, contest->burst);
	else
		authentic = aead_open_burst(bench->ctx, ops, contest->burst);
	cycles = rte_rdtsc_precise() - start;
	samples_add(&runner->samples, (double)cycles / contest->burst);
	return authentic
		? 0
		: error_set(err, EBADMSG, "%s refuses what it sealed", runner->engine->name);
}

static struct runner *base_of(struct crypto_bench *bench)
{
	for (unsigned i = 0; i < bench->n; i++)
		if (strcmp(bench->runner[i].engine->name, BASE) == 0)
			return &bench->runner[i];
	return NULL;
}

static void print_rows(struct crypto_bench *bench, const struct contest *contest)
{
	struct runner *base = base_of(bench);

	for (unsigned i = 0; i < bench->n; i++) {
		struct samples *samples = &bench->runner[i].samples;

		printf("%-18s %-5s %6u %6u  %-9s %9.1f %9.1f %9.1f %9.1f",
			aead_name(contest->algorithm), contest->seal ? "seal" : "open",
			contest->octets, contest->burst, bench->runner[i].engine->name,
			samples_quantile(samples, 0.5), samples_quantile(samples, 0),
			samples_quantile(samples, 0.1), samples_quantile(samples, 0.9));
		if (base != NULL)
			printf(" %8.2f %8.2f",
				samples_quantile(&base->samples, 0.5) /
					samples_quantile(samples, 0.5),
				samples_quantile(&base->samples, 0) / samples_quantile(samples, 0));
		putchar('\n');
	}
}

static void print_json_rows(struct crypto_bench *bench, const struct contest *contest)
{
	for (unsigned i = 0; i < bench->n; i++) {
		struct samples *samples = &bench->runner[i].samples;

		printf("%s\n {\"algorithm\": \"%s\", \"direction\": \"%s\", \"octets\": %u, "
		       "\"burst\": %u, \"engine\": \"%s\", \"median\": %.1f, \"min\": %.1f, "
		       "\"p10\": %.1f, \"p90\": %.1f}",
			bench->first_case ? "" : ",", aead_name(contest->algorithm),
			contest->seal ? "seal" : "open", contest->octets, contest->burst,
			bench->runner[i].engine->name, samples_quantile(samples, 0.5),
			samples_quantile(samples, 0), samples_quantile(samples, 0.1),
			samples_quantile(samples, 0.9));
		bench->first_case = false;
	}
}

static int run_contest(struct crypto_bench *bench, const struct contest *contest, struct error *err)
{
	int rc = 0;

	lay_out(bench, contest);
	for (unsigned s = 0; s < bench->options->samples && rc == 0; s++)
		for (unsigned i = 0; i < bench->n && rc == 0; i++)
			rc = take_sample(bench, &bench->runner[i], contest, err);
	if (rc == 0 && bench->options->json)
		print_json_rows(bench, contest);
	else if (rc == 0)
		print_rows(bench, contest);
	return rc;
}

static int run_algorithm(
	struct crypto_bench *bench, enum aead_algorithm algorithm, struct error *err)
{
	const struct crypto_options *options = bench->options;
	unsigned contests = 2 * options->sizes.n * options->bursts.n;
	int rc = create_runners(bench, algorithm);

	if (rc != 0)
		error_set(err, -rc, "no keys or no memory");
	for (unsigned i = 0; i < contests && rc == 0; i++) {
		struct contest contest = {
			.algorithm = algorithm,
			.seal = i < contests / 2,
			.octets = options->sizes.number[i / options->bursts.n % options->sizes.n],
			.burst = options->bursts.number[i % options->bursts.n],
		};

		rc = run_contest(bench, &contest, err);
	}
	destroy_runners(bench);
	return rc;
}

static int run_cases(const struct crypto_options *options, struct error *err)
{
	static struct crypto_bench bench;
	int rc = aead_ctx_create(&engines_all, &bench.ctx);

	bench.options = options;
	bench.first_case = true;
	if (rc != 0)
		return error_set(err, -rc, "no contexts");
	if (options->json)
		printf("{\"program\": \"vpebench crypto\", \"samples\": %u, \"keys\": %u, "
		       "\"aad_octets\": %u, \"verified\": %lu, \"unit\": \"TSC cycles per "
		       "message\", \"cases\": [",
			options->samples, options->keys, options->aad_octets, options->verify);
	else
		printf("TSC cycles per message in place, %u octets of associated data, %u keys, "
		       "%u samples;\nratios of medians and minima: how many times faster than "
		       "%s\n\n%-18s %-5s %6s %6s  %-9s %9s %9s %9s %9s %8s %8s\n",
			options->aad_octets, options->keys, options->samples, BASE, "", "",
			"octets", "burst", "", "median", "min", "p10", "p90", "median", "min");
	for (unsigned i = 0; i < AEAD_ALGORITHMS && rc == 0; i++)
		if (options->algorithms & 1u << i)
			rc = run_algorithm(&bench, (enum aead_algorithm)i, err);
	if (options->json)
		puts("]}");
	aead_ctx_destroy(bench.ctx);
	return rc;
}

static int run_tags(const struct crypto_options *options, struct error *err)
{
	printf("Welch's t between tags that are wrong in the first and in the last octet, %u "
	       "samples each; a difference is seen beyond 4.5\n\n",
		options->tag_samples);
	for (unsigned i = 0; i < engines_all.n * AEAD_ALGORITHMS; i++) {
		const struct aead_engine *engine = engines_all.engine[i / AEAD_ALGORITHMS];
		enum aead_algorithm algorithm = (enum aead_algorithm)(i % AEAD_ALGORITHMS);
		double t;

		if (!takes_part(options, i / AEAD_ALGORITHMS, algorithm))
			continue;
		if (tag_timing(engine, algorithm, options->tag_samples, &t) != 0)
			return error_set(err, ENOMEM, "no memory");
		printf("%-18s %-9s %7.2f\n", aead_name(algorithm), engine->name, t);
	}
	return 0;
}

static int set_sizes(void *target, const char *value, struct error *err)
{
	struct crypto_options *options = target;

	return option_numbers(value, 1, OCTETS_MAX, &options->sizes, err);
}

static int set_bursts(void *target, const char *value, struct error *err)
{
	struct crypto_options *options = target;

	return option_numbers(value, 1, MESSAGES_MAX, &options->bursts, err);
}

static int add_algorithm(void *target, const char *value, struct error *err)
{
	struct crypto_options *options = target;
	enum aead_algorithm algorithm = 0;
	int rc = option_algorithm(value, &algorithm, err);

	if (rc == 0)
		options->algorithms |= 1u << algorithm;
	return rc;
}

static int add_engine(void *target, const char *value, struct error *err)
{
	struct crypto_options *options = target;

	if (strcmp(value, "auto") == 0) {
		options->auto_engine = true;
		return 0;
	}
	for (unsigned i = 0; i < engines_all.n; i++) {
		if (strcmp(engines_all.engine[i]->name, value) == 0) {
			options->engines |= 1u << i;
			return 0;
		}
	}
	return error_set(err, EINVAL, "'%s' is no engine", value);
}

#define NUMBER(member, from, to) OPTION_UNSIGNED(struct crypto_options, member, from, to)
#define AT(member) OPTION_AT(struct crypto_options, member)

static const struct cli_option rows[] = {
	{"verify", "N", "just compare so many messages with OpenSSL's", CLI_NUMBER, AT(verify), 1,
		1000000000},
	{"tags", "N", "just time the refusal of tags, so often", NUMBER(tag_samples, 1, 10000000)},
	{"samples", "N", "of each case (101)", NUMBER(samples, 1, 100000)},
	{"sizes", "N,...", "octets of messages", CLI_OTHER, .set = set_sizes},
	{"bursts", "N,...", "messages at a time (1,8,32)", CLI_OTHER, .set = set_bursts},
	{"keys", "N", "(1)", NUMBER(keys, 1, KEYS_MAX)},
	{"aad", "N", "octets (8)", NUMBER(aad_octets, 0, AAD_MAX)},
	{"algorithm", "NAME", "may be repeated (all)", CLI_OTHER, .set = add_algorithm},
	{"engine", "NAME", "or auto, may be repeated (all)", CLI_OTHER, .set = add_engine},
	{"json", NULL, "no table but JSON", CLI_FLAG, AT(json)},
};

static const struct cli cli = {
	.program = "vpebench crypto",
	.purpose = "The engines alone, after a comparison with OpenSSL: cycles per message.",
	.n = sizeof(rows) / sizeof(rows[0]),
	.option = rows,
};

int crypto_main(int argc, char **argv)
{
	struct crypto_options options = {
		.samples = 101,
		.keys = 1,
		.aad_octets = 8,
		.sizes = {14,
			{16, 46, 64, 110, 128, 238, 256, 494, 512, 1024, 1406, 2048, 4096, 9000}},
		.bursts = {3, {1, 8, 32}},
	};
	struct error err;
	int rc;

	option_parse(&cli, argc, argv, &options);
	if (options.algorithms == 0)
		options.algorithms = (1u << AEAD_ALGORITHMS) - 1;
	if (options.engines == 0 && !options.auto_engine)
		options.engines = (1u << AEAD_ENGINES_MAX) - 1;
	if (options.tag_samples > 0)
		rc = run_tags(&options, &err);
	else if (options.verify > 0)
		rc = verify_engines(&engines_all, options.verify, &err);
	else
		rc = verify_engines(&engines_all, 10000, &err);
	if (rc == 0 && options.verify > 0)
		printf("%lu messages of each engine and algorithm: no difference from OpenSSL\n",
			options.verify);
	else if (rc == 0 && options.tag_samples == 0)
		rc = run_cases(&options, &err);
	if (rc != 0)
		fprintf(stderr, "vpebench: %s\n", err.text);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
