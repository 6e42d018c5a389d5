// Whether the time to refuse a message tells where its tag is wrong (after Reparaz, Balasch and
// Verbauwhede, "Dude, is my code constant time?", 2017): two classes in random order, slow samples
// cut off, Welch's t-test.
#include "bench/tag_timing.h"

#include "base/secret.h"
#include "bench/messages.h"
#include "bench/samples.h"

#include <errno.h>
#include <math.h>
#include <rte_cycles.h>
#include <string.h>

#define OCTETS 46
#define BURST 8
#define KEPT 0.9 // of the samples: those above are interrupts and the like

enum { FIRST_OCTET, LAST_OCTET, CLASSES };

struct experiment {
	struct aead_ctx *ctx;
	struct aead_key *key;
	struct messages sealed, messages;
	struct samples samples[CLASSES];
	struct messages_random random;
};

static void take_sample(struct experiment *experiment)
{
	struct messages *messages = &experiment->messages;
	unsigned class = messages_below(&experiment->random, CLASSES);
	uint64_t start;

	messages_copy(messages, &experiment->sealed, BURST);
	for (unsigned i = 0; i < BURST; i++)
		messages->op[i].tag[class == FIRST_OCTET ? 0 : AEAD_TAG_OCTETS - 1] ^= 0x80;
	start = rte_rdtsc_precise();
	aead_open_burst(experiment->ctx, messages->op, BURST);
	samples_add(&experiment->samples[class], (double)(rte_rdtsc_precise() - start));
}

static void mean_and_variance(
	const struct samples *samples, double most, double *mean, double *variance, double *n)
{
	double sum = 0, squares = 0;

	*n = 0;
	for (size_t i = 0; i < samples->n; i++) {
		if (samples->value[i] > most)
			continue;
		sum += samples->value[i];
		squares += samples->value[i] * samples->value[i];
		++*n;
	}
	*mean = sum / *n;
	*variance = (squares - sum * sum / *n) / (*n - 1);
}

// One limit for both classes, or the cut would be a difference of its own.
static double welch(struct samples *samples)
{
	double mean[CLASSES], variance[CLASSES], n[CLASSES];
	double most = fmax(samples_quantile(&samples[FIRST_OCTET], KEPT),
		samples_quantile(&samples[LAST_OCTET], KEPT));

	for (unsigned i = 0; i < CLASSES; i++)
		mean_and_variance(&samples[i], most, &mean[i], &variance[i], &n[i]);
	return (mean[0] - mean[1]) / sqrt(variance[0] / n[0] + variance[1] / n[1]);
}

static int prepare(struct experiment *experiment, const struct aead_engine *engine,
	enum aead_algorithm algorithm, unsigned samples)
{
	const struct aead_table only = {.n = 1, .engine = {engine}};
	uint8_t key[AEAD_KEY_MAX];
	int rc = aead_ctx_create(&only, &experiment->ctx);

	messages_fill(&experiment->random, key, sizeof(key));
	if (rc == 0)
		rc = aead_key_create(engine, algorithm, key, &experiment->key);
	if (rc == 0)
		rc = messages_init(&experiment->sealed, OCTETS);
	if (rc == 0)
		rc = messages_init(&experiment->messages, OCTETS);
	for (unsigned i = 0; i < CLASSES && rc == 0; i++)
		rc = samples_init(&experiment->samples[i], samples);
	if (rc != 0)
		return rc;
	for (unsigned i = 0; i < BURST; i++) {
		messages_lay_out(&experiment->sealed, i, experiment->key, OCTETS, 8, 0);
		messages_randomize(&experiment->sealed, i, &experiment->random);
	}
	aead_seal_burst(experiment->ctx, experiment->sealed.op, BURST);
	return 0;
}

int tag_timing(const struct aead_engine *engine, enum aead_algorithm algorithm, unsigned samples,
	double *t)
{
	struct experiment experiment = {.random = {1973}};
	int rc = prepare(&experiment, engine, algorithm, 2 * samples);

	if (rc == 0) {
		for (unsigned i = 0; i < 2 * samples; i++)
			take_sample(&experiment);
		*t = welch(experiment.samples);
	}
	for (unsigned i = 0; i < CLASSES; i++)
		samples_free(&experiment.samples[i]);
	messages_free(&experiment.sealed);
	messages_free(&experiment.messages);
	aead_key_destroy(experiment.key);
	aead_ctx_destroy(experiment.ctx);
	return rc;
}
