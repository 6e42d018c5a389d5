// The engine contract, met by doing nothing.
#include "bench/engine_null.h"

#include <string.h>

static bool probe(void)
{
	return true;
}

static bool supports(enum aead_algorithm algorithm)
{
	(void)algorithm;
	return true;
}

static size_t key_octets(enum aead_algorithm algorithm)
{
	return aead_key_octets(algorithm);
}

static int expand(enum aead_algorithm algorithm, const uint8_t *key, void *expanded)
{
	memcpy(expanded, key, aead_key_octets(algorithm));
	return 0;
}

static int ctx_create(void **ctx)
{
	*ctx = NULL;
	return 0;
}

static void ctx_destroy(void *ctx)
{
	(void)ctx;
}

static void seal_burst(void *ctx, enum aead_algorithm algorithm, struct aead_op *ops, unsigned n)
{
	(void)ctx;
	(void)algorithm;
	(void)ops;
	(void)n;
}

static bool open_burst(void *ctx, enum aead_algorithm algorithm, struct aead_op *ops, unsigned n)
{
	(void)ctx;
	(void)algorithm;
	(void)ops;
	(void)n;
	return true;
}

const struct aead_engine engine_null = {
	.name = "null",
	.probe = probe,
	.supports = supports,
	.key_octets = key_octets,
	.expand = expand,
	.ctx_create = ctx_create,
	.ctx_destroy = ctx_destroy,
	.seal_burst = seal_burst,
	.open_burst = open_burst,
};
