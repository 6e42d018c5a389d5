// Engines against OpenSSL, message by message: bursts of any lengths, layouts and keys, sealed by
// both and compared with all that lies around; then opened, one of them forged now and then.
#include "bench/verify.h"

#include "base/secret.h"
#include "bench/messages.h"
#include "crypto/engines.h"

#include <errno.h>
#include <string.h>

#define KEYS 4
#define OCTETS_MAX 9600

struct trial {
	const struct aead_engine *engine;
	enum aead_algorithm algorithm;
	struct aead_ctx *ctx;
	struct aead_key *key[KEYS];
	struct aead_key *reference_key[KEYS];
	struct messages messages;
	struct messages expected;
	struct messages plain;
	struct messages_random random;
};

static int make_keys(struct trial *trial)
{
	uint8_t key[AEAD_KEY_MAX];
	int rc = 0;

	for (unsigned i = 0; i < KEYS && rc == 0; i++) {
		messages_fill(&trial->random, key, sizeof(key));
		rc = aead_key_create(trial->engine, trial->algorithm, key, &trial->key[i]);
		if (rc == 0)
			rc = aead_key_create(
				&engine_openssl, trial->algorithm, key, &trial->reference_key[i]);
	}
	return rc;
}

static void forget_keys(struct trial *trial)
{
	for (unsigned i = 0; i < KEYS; i++) {
		aead_key_destroy(trial->key[i]);
		aead_key_destroy(trial->reference_key[i]);
		trial->key[i] = trial->reference_key[i] = NULL;
	}
}

// Lengths as packets have them, and now and then one that is as long as can be. Runs of equal
// lengths, half of them alike in all, because engines may treat neighbours together.
static unsigned lay_out(struct trial *trial)
{
	static const uint8_t aad_sizes[] = {0, 8, 12};
	static const uint32_t bounds[] = {64, 256, 256, 600, 600, 1600, 1600, OCTETS_MAX + 1};
	struct messages_random *random = &trial->random;
	unsigned n = 1 + messages_below(random, MESSAGES_MAX);
	unsigned keys = 1 + messages_below(random, KEYS);
	unsigned same = 0, key = 0;
	bool alike = false;
	uint32_t octets = 0;
	uint8_t aad = 0;

	for (unsigned i = 0; i < n; i++) {
		bool next = same-- == 0;

		if (next) {
			octets = messages_below(random, bounds[messages_below(random, 8)]);
			same = messages_below(random, 7);
			alike = messages_below(random, 2);
		}
		if (next || !alike) {
			key = messages_below(random, keys);
			aad = aad_sizes[messages_below(random, 3)];
		}
		messages_lay_out(&trial->messages, i, trial->key[key], octets, aad,
			(uint8_t)messages_below(random, 64));
		messages_randomize(&trial->messages, i, random);
	}
	messages_copy(&trial->plain, &trial->messages, n);
	messages_copy(&trial->expected, &trial->messages, n);
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < KEYS; k++)
			if (trial->expected.op[i].key == trial->key[k])
				trial->expected.op[i].key = trial->reference_key[k];
	return n;
}

static int complain(const struct trial *trial, unsigned i, const char *what, struct error *err)
{
	return error_set(err, EBADMSG, "%s, %s: %s (%u octets, %u of associated data, place %u)",
		trial->engine->name, aead_name(trial->algorithm), what,
		trial->messages.op[i].octets, trial->messages.op[i].aad_octets, i);
}

static bool is_wiped(const struct aead_op *op)
{
	uint8_t any = 0;

	for (uint32_t i = 0; i < op->octets; i++)
		any |= op->data[i];
	return any == 0;
}

static int check_opened(struct trial *trial, unsigned n, unsigned forged, struct error *err)
{
	for (unsigned i = 0; i < n; i++) {
		const struct aead_op *op = &trial->messages.op[i];

		if (op->forged != (i == forged))
			return complain(trial, i, "judges a tag wrongly", err);
		if (i == forged && !is_wiped(op))
			return complain(trial, i, "leaves what was not authentic", err);
		if (i != forged && memcmp(op->data, trial->plain.op[i].data, op->octets) != 0)
			return complain(trial, i, "opens to another plaintext", err);
	}
	return 0;
}

static int run_burst(struct trial *trial, unsigned *n, struct error *err)
{
	unsigned differs, forged;

	*n = lay_out(trial);
	aead_seal_burst(trial->ctx, trial->messages.op, *n);
	aead_seal_burst(trial->ctx, trial->expected.op, *n);
	differs = messages_differ(&trial->messages, &trial->expected, *n);
	if (differs < *n)
		return complain(trial, differs, "seals to something else than OpenSSL", err);
	forged = messages_below(&trial->random, 4 * *n);
	if (forged < *n)
		trial->messages.op[forged].tag[messages_below(&trial->random, 16)] ^=
			(uint8_t)(1u << messages_below(&trial->random, 8));
	if (aead_open_burst(trial->ctx, trial->messages.op, *n) != (forged >= *n))
		return complain(trial, 0, "judges a burst's tags wrongly", err);
	return check_opened(trial, *n, forged, err);
}

// New keys every thousand messages.
static int run(struct trial *trial, uint64_t messages, struct error *err)
{
	int rc = 0;

	while (messages > 0 && rc == 0) {
		unsigned left = messages < 1000 ? (unsigned)messages : 1000;

		messages -= left;
		if (make_keys(trial) != 0)
			rc = error_set(err, ENOMEM, "no keys");
		while (left > 0 && rc == 0) {
			unsigned n;

			rc = run_burst(trial, &n, err);
			left -= n < left ? n : left;
		}
		forget_keys(trial);
	}
	return rc;
}

int verify_engines(const struct aead_table *engines, uint64_t messages, struct error *err)
{
	struct trial trial = {.random = {20201120}};
	int rc = aead_ctx_create(engines, &trial.ctx);

	if (rc == 0)
		rc = messages_init(&trial.messages, OCTETS_MAX);
	if (rc == 0)
		rc = messages_init(&trial.expected, OCTETS_MAX);
	if (rc == 0)
		rc = messages_init(&trial.plain, OCTETS_MAX);
	if (rc != 0)
		error_set(err, -rc, "no memory for messages");
	for (unsigned i = 0; i < engines->n * AEAD_ALGORITHMS && rc == 0; i++) {
		trial.engine = engines->engine[i / AEAD_ALGORITHMS];
		trial.algorithm = (enum aead_algorithm)(i % AEAD_ALGORITHMS);
		if (trial.engine == &engine_openssl || !trial.engine->probe() ||
			!trial.engine->supports(trial.algorithm))
			continue;
		rc = run(&trial, messages, err);
	}
	messages_free(&trial.messages);
	messages_free(&trial.expected);
	messages_free(&trial.plain);
	aead_ctx_destroy(trial.ctx);
	return rc;
}
