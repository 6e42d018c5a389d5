// The start-up proof that an engine computes what was published and refuses what was changed.
#include "base/secret.h"
#include "crypto/aead.h"

#include <errno.h>
#include <string.h>

// Engines may treat a packet among equal neighbours otherwise than one alone: each answer is asked
// for five times at once, which is a number that neither pairs nor fours divide.
#define COPIES 5

struct copy {
	uint8_t data[sizeof((struct aead_known_answer *)NULL)->plaintext];
	uint8_t tag[AEAD_TAG_OCTETS];
};

// One answer with the engine that is to give it.
struct trial {
	const struct aead_known_answer *answer;
	struct aead_ctx *ctx;
	struct aead_key *key;
	struct copy copy[COPIES];
	struct aead_op op[COPIES];
};

static void lay_out(struct trial *trial, const uint8_t *data, const uint8_t *tag)
{
	const struct aead_known_answer *answer = trial->answer;

	for (unsigned i = 0; i < COPIES; i++) {
		struct copy *copy = &trial->copy[i];

		memcpy(copy->data, data, sizeof(copy->data));
		memcpy(copy->tag, tag, sizeof(copy->tag));
		trial->op[i] = (struct aead_op){
			.key = trial->key,
			.nonce = answer->nonce,
			.aad = answer->aad,
			.data = copy->data,
			.tag = copy->tag,
			.octets = answer->octets,
			.aad_octets = answer->aad_octets,
		};
	}
}

static const char *try_seal(struct trial *trial)
{
	static const uint8_t no_tag[AEAD_TAG_OCTETS];
	const struct aead_known_answer *answer = trial->answer;

	lay_out(trial, answer->plaintext, no_tag);
	aead_seal_burst(trial->ctx, trial->op, COPIES);
	for (unsigned i = 0; i < COPIES; i++) {
		if (memcmp(trial->copy[i].data, answer->ciphertext, answer->octets) != 0)
			return "seals to another ciphertext";
		if (memcmp(trial->copy[i].tag, answer->tag, AEAD_TAG_OCTETS) != 0)
			return "seals to another tag";
	}
	return NULL;
}

// authentic: what the engine said of all.
static const char *judge(const struct trial *trial, unsigned forged, bool authentic)
{
	static const uint8_t wiped[sizeof(trial->copy[0].data)];
	const struct aead_known_answer *answer = trial->answer;

	for (unsigned i = 0; i < COPIES; i++) {
		const uint8_t *data = trial->copy[i].data;

		if (i == forged && !trial->op[i].forged)
			return "accepts a changed tag";
		if (i == forged && memcmp(data, wiped, answer->octets) != 0)
			return "leaves the output of a changed tag";
		if (i != forged && trial->op[i].forged)
			return "refuses the right tag";
		if (i != forged && memcmp(data, answer->plaintext, answer->octets) != 0)
			return "opens to another plaintext";
	}
	if (authentic != (forged == COPIES))
		return authentic ? "overlooks a changed tag" : "suspects the right tags";
	return NULL;
}

static const char *try_open(struct trial *trial)
{
	lay_out(trial, trial->answer->ciphertext, trial->answer->tag);
	return judge(trial, COPIES, aead_open_burst(trial->ctx, trial->op, COPIES));
}

static const char *try_forgery(struct trial *trial, unsigned bit)
{
	unsigned forged = bit % COPIES;

	lay_out(trial, trial->answer->ciphertext, trial->answer->tag);
	trial->copy[forged].tag[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	return judge(trial, forged, aead_open_burst(trial->ctx, trial->op, COPIES));
}

static const char *try_all(struct trial *trial)
{
	const char *complaint = try_seal(trial);

	if (!complaint)
		complaint = try_open(trial);
	for (unsigned bit = 0; !complaint && bit < AEAD_TAG_OCTETS * 8; bit++)
		complaint = try_forgery(trial, bit);
	return complaint;
}

static int run_answer(const struct aead_engine *engine, struct aead_ctx *ctx,
	const struct aead_known_answer *answer, struct error *err)
{
	struct trial trial = {.answer = answer, .ctx = ctx};
	const char *complaint;
	int ret;

	ret = aead_key_create(engine, answer->algorithm, answer->key, &trial.key);
	if (ret < 0)
		return error_set(err, -ret, "engine %s: cannot expand the %s key of \"%s\"",
			engine->name, aead_name(answer->algorithm), answer->source);
	complaint = try_all(&trial);
	if (complaint)
		ret = error_set(err, EBADMSG,
			"engine %s: %s %s (known answer: %s); the engine must not be used here",
			engine->name, aead_name(answer->algorithm), complaint, answer->source);
	aead_key_destroy(trial.key);
	secret_wipe(&trial, sizeof(trial));
	return ret;
}

int aead_self_test(const struct aead_engine *engine, const struct aead_known_answer *answers,
	unsigned n, struct error *err)
{
	const struct aead_table table = {.n = 1, .engine = {engine}};
	struct aead_ctx *ctx = NULL;
	unsigned tried = 0;
	int ret;

	if (!engine->probe())
		return error_set(
			err, ENOTSUP, "engine %s: this CPU or build cannot run it", engine->name);
	ret = aead_ctx_create(&table, &ctx);
	if (ret < 0)
		return error_set(
			err, -ret, "engine %s: no context: %s", engine->name, strerror(-ret));
	for (unsigned i = 0; ret == 0 && i < n; i++) {
		if (!engine->supports(answers[i].algorithm))
			continue;
		ret = run_answer(engine, ctx, &answers[i], err);
		tried++;
	}
	if (ret == 0 && tried == 0)
		ret = error_set(err, EBADMSG, "engine %s: no known answer for it", engine->name);
	aead_ctx_destroy(ctx);
	return ret;
}
