// The front of the engines: names, choice, keys, a context that lacks an engine.
#include "aead_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

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

static int refuse_ctx(void **ctx)
{
	(void)ctx;
	return -ENOMEM;
}

static void names(void **state)
{
	static const size_t key_octets[] = {16, 24, 32, 32};
	enum aead_algorithm algorithm;

	(void)state;
	for (unsigned i = 0; i < AEAD_ALGORITHMS; i++) {
		assert_int_equal(aead_by_name(aead_name((enum aead_algorithm)i), &algorithm), 0);
		assert_int_equal(algorithm, i);
		assert_int_equal(aead_key_octets((enum aead_algorithm)i), key_octets[i]);
	}
	assert_int_equal(aead_by_name("aes-256-gcm", &algorithm), 0);
	assert_int_equal(algorithm, AEAD_AES_256_GCM);
	assert_int_equal(aead_by_name("AES-256-GCM", &algorithm), -ENOENT);
	assert_int_equal(aead_by_name("aes-256-gcm ", &algorithm), -ENOENT);
	assert_int_equal(aead_by_name("", &algorithm), -ENOENT);
}

static void choose(void **state)
{
	struct aead_engine absent = engine_openssl, narrow = engine_openssl;
	struct aead_table table = {.n = 3, .engine = {&absent, &narrow, &engine_openssl}};

	(void)state;
	absent.name = "absent";
	absent.probe = no;
	narrow.name = "narrow";
	narrow.supports = only_chacha;
	assert_ptr_equal(aead_choose(&table, AEAD_AES_128_GCM, NULL), &engine_openssl);
	assert_ptr_equal(aead_choose(&table, AEAD_AES_128_GCM, "auto"), &engine_openssl);
	assert_ptr_equal(aead_choose(&table, AEAD_CHACHA20_POLY1305, NULL), &narrow);
	assert_ptr_equal(aead_choose(&table, AEAD_CHACHA20_POLY1305, "openssl"), &engine_openssl);
	assert_null(aead_choose(&table, AEAD_AES_128_GCM, "absent"));
	assert_null(aead_choose(&table, AEAD_AES_128_GCM, "narrow"));
	assert_null(aead_choose(&table, AEAD_AES_128_GCM, "unknown"));
	assert_null(aead_choose(&table, AEAD_AES_128_GCM, ""));
	table.n = 0;
	assert_null(aead_choose(&table, AEAD_AES_128_GCM, NULL));
}

static void choose_real(void **state)
{
	(void)state;
	for (unsigned i = 0; i < engines_all.n; i++) {
		const struct aead_engine *engine = engines_all.engine[i];

		for (unsigned a = 0; a < AEAD_ALGORITHMS; a++)
			assert_ptr_equal(
				aead_choose(&engines_all, (enum aead_algorithm)a, engine->name),
				fixture_can(engine, (enum aead_algorithm)a) ? engine : NULL);
	}
}

static void keys(void **state)
{
	static const uint8_t octets[AEAD_KEY_MAX] = {1, 2, 3};
	struct aead_engine narrow = engine_openssl, broken = engine_openssl;
	uint8_t revealed[AEAD_KEY_MAX];
	struct aead_key *key = NULL;

	(void)state;
	narrow.supports = only_chacha;
	broken.expand = refuse_expand;
	assert_int_equal(aead_key_create(&narrow, AEAD_AES_128_GCM, octets, &key), -ENOTSUP);
	assert_int_equal(aead_key_create(&broken, AEAD_AES_128_GCM, octets, &key), -EIO);
	assert_null(key);
	aead_key_destroy(NULL);
	for (unsigned i = 0; i < engines_all.n * AEAD_ALGORITHMS; i++) {
		const struct aead_engine *engine = engines_all.engine[i / AEAD_ALGORITHMS];
		enum aead_algorithm algorithm = (enum aead_algorithm)(i % AEAD_ALGORITHMS);

		if (!fixture_can(engine, algorithm))
			continue;
		assert_int_equal(aead_key_create(engine, algorithm, octets, &key), 0);
		assert_ptr_equal(key->engine, engine);
		assert_int_equal(key->algorithm, algorithm);
		assert_int_equal((uintptr_t)key->expanded % CACHE_LINE, 0);
		aead_key_reveal(key, revealed);
		assert_memory_equal(revealed, octets, aead_key_octets(algorithm));
		aead_key_destroy(key);
	}
}

static void context_failure(void **state)
{
	struct aead_engine broken = engine_openssl, absent = engine_openssl;
	struct aead_table table = {.n = 2, .engine = {&engine_openssl, &broken}};
	struct aead_ctx *ctx = NULL;

	(void)state;
	broken.ctx_create = refuse_ctx;
	assert_int_equal(aead_ctx_create(&table, &ctx), -ENOMEM);
	assert_null(ctx);
	absent.probe = no;
	absent.ctx_create = refuse_ctx;
	table.engine[1] = &absent;
	assert_int_equal(aead_ctx_create(&table, &ctx), 0);
	aead_seal_burst(ctx, NULL, 0);
	assert_true(aead_open_burst(ctx, NULL, 0));
	assert_true(aead_open_run(ctx, NULL, 0));
	aead_ctx_destroy(ctx);
	aead_ctx_destroy(NULL);
}

// A key whose engine the worker's context does not have: neither plaintext out nor a yes.
static void engine_missing_from_context(void **state)
{
	static const uint8_t octets[AEAD_KEY_MAX] = {9}, zeros[64];
	struct aead_engine stranger = engine_openssl;
	struct aead_key *strange = NULL, *known = NULL;
	struct aead_ctx *ctx = fixture_ctx();
	uint8_t data[2][64], tag[2][AEAD_TAG_OCTETS], nonce[AEAD_NONCE_OCTETS] = {0};
	struct aead_op ops[2];

	(void)state;
	strange = fixture_key(&stranger, AEAD_AES_128_GCM, octets);
	known = fixture_key(&engine_openssl, AEAD_AES_128_GCM, octets);
	memset(data, 'p', sizeof(data));
	for (unsigned i = 0; i < 2; i++)
		ops[i] = (struct aead_op){.key = i ? known : strange,
			.nonce = nonce,
			.aad = nonce,
			.data = data[i],
			.tag = tag[i],
			.octets = sizeof(data[i])};
	aead_seal_burst(ctx, ops, 2);
	assert_memory_equal(data[0], zeros, sizeof(zeros));
	assert_memory_equal(tag[0], zeros, AEAD_TAG_OCTETS);
	assert_memory_not_equal(data[1], zeros, sizeof(zeros));

	memcpy(data[0], data[1], sizeof(data[0]));
	memcpy(tag[0], tag[1], sizeof(tag[0]));
	assert_false(aead_open_burst(ctx, ops, 2));
	assert_true(ops[0].forged);
	assert_memory_equal(data[0], zeros, sizeof(zeros));
	assert_false(ops[1].forged);
	aead_key_destroy(strange);
	aead_key_destroy(known);
	aead_ctx_destroy(ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(choose),
		cmocka_unit_test(choose_real),
		cmocka_unit_test(keys),
		cmocka_unit_test(context_failure),
		cmocka_unit_test(engine_missing_from_context),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
