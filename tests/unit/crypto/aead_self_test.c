// The start-up self-test: real engines pass it, broken engines and corrupted answers do not.
#include "aead_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void real_engines_pass(void **state)
{
	struct error err;

	(void)state;
	for (unsigned i = 0; i < engines_all.n; i++) {
		const struct aead_engine *engine = engines_all.engine[i];

		assert_int_equal(
			aead_self_test(engine, aead_known_answers, aead_known_answers_count, &err),
			engine->probe() ? 0 : -ENOTSUP);
	}
}

static void assert_complains(const struct aead_engine *engine,
	const struct aead_known_answer *answers, unsigned n, const char *source)
{
	struct error err = {""};

	assert_int_equal(aead_self_test(engine, answers, n, &err), -EBADMSG);
	assert_non_null(strstr(err.text, engine->name));
	assert_non_null(strstr(err.text, source));
}

static void corrupted_answers_fail(void **state)
{
	struct aead_known_answer *answers;

	(void)state;
	answers = malloc(aead_known_answers_count * sizeof(*answers));
	assert_non_null(answers);
	for (unsigned i = 0; i < aead_known_answers_count * 5; i++) {
		struct aead_known_answer *answer = &answers[i / 5];
		uint8_t *const spoiled[] = {answer->key, answer->nonce, answer->tag,
			answer->plaintext, answer->ciphertext};

		if (i % 5 >= 3 && aead_known_answers[i / 5].octets == 0)
			continue;
		memcpy(answers, aead_known_answers, aead_known_answers_count * sizeof(*answers));
		spoiled[i % 5][0] ^= 0x10;
		for (unsigned e = 0; e < engines_all.n; e++)
			if (fixture_can(engines_all.engine[e], answer->algorithm))
				assert_complains(engines_all.engine[e], answers,
					aead_known_answers_count, answer->source);
	}
	free(answers);
}

// Engines that break the contract, each in one way, on top of a right one.
static bool open_says_yes(void *ctx, enum aead_algorithm algorithm, struct aead_op *ops, unsigned n)
{
	engine_openssl.open_burst(ctx, algorithm, ops, n);
	for (unsigned i = 0; i < n; i++)
		ops[i].forged = false;
	return true;
}

static bool open_says_no(void *ctx, enum aead_algorithm algorithm, struct aead_op *ops, unsigned n)
{
	engine_openssl.open_burst(ctx, algorithm, ops, n);
	for (unsigned i = 0; i < n; i++)
		ops[i].forged = true;
	return false;
}

static bool open_overlooks(
	void *ctx, enum aead_algorithm algorithm, struct aead_op *ops, unsigned n)
{
	engine_openssl.open_burst(ctx, algorithm, ops, n);
	return true;
}

static bool open_suspects(void *ctx, enum aead_algorithm algorithm, struct aead_op *ops, unsigned n)
{
	engine_openssl.open_burst(ctx, algorithm, ops, n);
	return false;
}

// Compares fifteen octets of the tag.
static bool open_forgets_an_octet(
	void *ctx, enum aead_algorithm algorithm, struct aead_op *ops, unsigned n)
{
	bool authentic = true;

	for (unsigned i = 0; i < n; i++) {
		uint8_t saved[FIXTURE_OCTETS_MAX];
		uint8_t last = ops[i].tag[AEAD_TAG_OCTETS - 1];

		memcpy(saved, ops[i].data, ops[i].octets);
		for (unsigned guess = 0; guess < 256; guess++) {
			memcpy(ops[i].data, saved, ops[i].octets);
			ops[i].tag[AEAD_TAG_OCTETS - 1] = (uint8_t)guess;
			ops[i].forged = false;
			if (engine_openssl.open_burst(ctx, algorithm, &ops[i], 1))
				break;
		}
		ops[i].tag[AEAD_TAG_OCTETS - 1] = last;
		authentic &= !ops[i].forged;
	}
	return authentic;
}

static bool open_keeps_output(
	void *ctx, enum aead_algorithm algorithm, struct aead_op *ops, unsigned n)
{
	bool authentic = true;

	for (unsigned i = 0; i < n; i++) {
		uint8_t saved[FIXTURE_OCTETS_MAX];

		memcpy(saved, ops[i].data, ops[i].octets);
		engine_openssl.open_burst(ctx, algorithm, &ops[i], 1);
		if (ops[i].forged)
			memcpy(ops[i].data, saved, ops[i].octets);
		authentic &= !ops[i].forged;
	}
	return authentic;
}

static bool open_leaves_ciphertext(
	void *ctx, enum aead_algorithm algorithm, struct aead_op *ops, unsigned n)
{
	(void)ctx, (void)algorithm;
	for (unsigned i = 0; i < n; i++)
		ops[i].forged = false;
	return true;
}

static void seal_flips_data(
	void *ctx, enum aead_algorithm algorithm, struct aead_op *ops, unsigned n)
{
	engine_openssl.seal_burst(ctx, algorithm, ops, n);
	for (unsigned i = 0; i < n; i++)
		if (ops[i].octets > 0)
			ops[i].data[ops[i].octets - 1] ^= 0x80;
}

static void seal_flips_tag(
	void *ctx, enum aead_algorithm algorithm, struct aead_op *ops, unsigned n)
{
	engine_openssl.seal_burst(ctx, algorithm, ops, n);
	for (unsigned i = 0; i < n; i++)
		ops[i].tag[AEAD_TAG_OCTETS - 1] ^= 1;
}

static void seal_does_nothing(
	void *ctx, enum aead_algorithm algorithm, struct aead_op *ops, unsigned n)
{
	(void)ctx, (void)algorithm, (void)ops, (void)n;
}

static void broken_engines_fail(void **state)
{
	static bool (*const opens[])(void *, enum aead_algorithm, struct aead_op *, unsigned) = {
		open_says_yes, open_says_no, open_forgets_an_octet, open_keeps_output,
		open_leaves_ciphertext, open_overlooks, open_suspects};
	static void (*const seals[])(void *, enum aead_algorithm, struct aead_op *, unsigned) = {
		seal_flips_data, seal_flips_tag, seal_does_nothing};

	(void)state;
	for (unsigned i = 0; i < COUNT(opens); i++) {
		struct aead_engine broken = engine_openssl;

		broken.name = "broken";
		broken.open_burst = opens[i];
		assert_complains(&broken, aead_known_answers, aead_known_answers_count,
			aead_known_answers[0].source);
	}
	for (unsigned i = 0; i < COUNT(seals); i++) {
		struct aead_engine broken = engine_openssl;

		broken.name = "broken";
		broken.seal_burst = seals[i];
		assert_complains(&broken, aead_known_answers, aead_known_answers_count,
			aead_known_answers[0].source);
	}
}

static bool no(void)
{
	return false;
}

static bool only_chacha(enum aead_algorithm algorithm)
{
	return algorithm == AEAD_CHACHA20_POLY1305;
}

static int refuse_expand(enum aead_algorithm algorithm, const uint8_t *key, void *expanded)
{
	(void)algorithm, (void)key, (void)expanded;
	return -EIO;
}

static void nothing_tried_is_no_pass(void **state)
{
	struct aead_engine absent = engine_openssl, narrow = engine_openssl, mute = engine_openssl;
	struct error err;

	(void)state;
	absent.probe = no;
	narrow.supports = only_chacha;
	mute.expand = refuse_expand;
	assert_int_equal(aead_self_test(&absent, aead_known_answers, 1, &err), -ENOTSUP);
	assert_int_equal(aead_self_test(&engine_openssl, aead_known_answers, 0, &err), -EBADMSG);
	assert_int_equal(aead_known_answers[0].algorithm, AEAD_AES_128_GCM);
	assert_int_equal(aead_self_test(&narrow, aead_known_answers, 1, &err), -EBADMSG);
	assert_int_equal(
		aead_self_test(&narrow, aead_known_answers, aead_known_answers_count, &err), 0);
	assert_int_equal(aead_self_test(&mute, aead_known_answers, 1, &err), -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_engines_pass),
		cmocka_unit_test(corrupted_answers_fail),
		cmocka_unit_test(broken_engines_fail),
		cmocka_unit_test(nothing_tried_is_no_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
