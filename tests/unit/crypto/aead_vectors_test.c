// Every engine against every published vector, both directions.
#include "aead_fixture.h"
#include "aead_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *vectors_root;

struct tally {
	struct aead_ctx *ctx;
	unsigned n[AEAD_ALGORITHMS];
	bool aad_seen[AEAD_ALGORITHMS][AEAD_AAD_MAX + 1];
};

static void seal_and_open(
	const struct aead_engine *engine, struct aead_ctx *ctx, const struct aead_vector *vector)
{
	struct aead_key *key = fixture_key(engine, vector->algorithm, vector->key);
	uint8_t data[sizeof(vector->plaintext)];
	uint8_t tag[AEAD_TAG_OCTETS];
	struct aead_op op = {
		.key = key,
		.nonce = vector->nonce,
		.aad = vector->aad,
		.data = data,
		.tag = tag,
		.octets = vector->octets,
		.aad_octets = vector->aad_octets,
	};

	memcpy(data, vector->plaintext, sizeof(data));
	aead_seal_burst(ctx, &op, 1);
	assert_memory_equal(data, vector->ciphertext, vector->octets);
	assert_memory_equal(tag, vector->tag, sizeof(tag));
	assert_true(aead_open_burst(ctx, &op, 1));
	assert_false(op.forged);
	assert_memory_equal(data, vector->plaintext, vector->octets);
	aead_key_destroy(key);
}

static void visit(const struct aead_vector *vector, void *arg)
{
	struct tally *tally = arg;

	for (unsigned i = 0; i < engines_all.n; i++) {
		const struct aead_engine *engine = engines_all.engine[i];

		if (!fixture_can(engine, vector->algorithm))
			continue;
		seal_and_open(engine, tally->ctx, vector);
	}
	tally->n[vector->algorithm]++;
	tally->aad_seen[vector->algorithm][vector->aad_octets] = true;
}

static void every_engine_every_vector(void **state)
{
	struct tally tally = {.ctx = fixture_ctx()};

	(void)state;
	assert_true(aead_vectors_each(vectors_root, visit, &tally) >= 60);
	for (unsigned i = 0; i < AEAD_ALGORITHMS; i++) {
		assert_true(tally.n[i] >= 10);
		assert_true(tally.aad_seen[i][0]);
		assert_true(tally.aad_seen[i][8]);
		// No published case of AES-192 has 12 octets of associated data.
		assert_true(tally.aad_seen[i][12] || i == AEAD_AES_192_GCM);
	}
	aead_ctx_destroy(tally.ctx);
}

// The built-in answers reach every algorithm, with the shapes that the protocols use.
static void start_up_answers_cover(void **state)
{
	bool seen[AEAD_ALGORITHMS][AEAD_AAD_MAX + 1] = {0};

	(void)state;
	for (unsigned i = 0; i < aead_known_answers_count; i++) {
		const struct aead_known_answer *answer = &aead_known_answers[i];

		assert_true(strlen(answer->source) > 0);
		assert_true(answer->octets <= sizeof(answer->plaintext));
		seen[answer->algorithm][answer->aad_octets] = true;
	}
	for (unsigned i = 0; i < AEAD_ALGORITHMS; i++) {
		assert_true(seen[i][0]);
		assert_true(seen[i][8]);
		assert_true(seen[i][12] || i == AEAD_AES_192_GCM);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_engine_every_vector),
		cmocka_unit_test(start_up_answers_cover),
	};

	if (argc < 2) {
		fprintf(stderr, "usage: %s VECTORS\n", argv[0]);
		return 2;
	}
	vectors_root = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
