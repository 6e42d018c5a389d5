// AES-GCM of our own for bursts of independent packets, each with a key of its own: AVX512 with
// VAES and VPCLMULQDQ. This file is the engine's row; it runs on any CPU and keeps the others from
// running where they cannot.
#include "crypto/engine_vaes.h"

#include "base/secret.h"
#include "crypto/engines.h"

#include <errno.h>

// The compiler's run-time library asks the CPU, and the operating system about wide registers.
static bool probe(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
		__builtin_cpu_supports("bmi2") && __builtin_cpu_supports("vaes") &&
		__builtin_cpu_supports("vpclmulqdq");
}

static bool supports(enum aead_algorithm algorithm)
{
	return algorithm == AEAD_AES_128_GCM || algorithm == AEAD_AES_192_GCM ||
		algorithm == AEAD_AES_256_GCM;
}

static size_t key_octets(enum aead_algorithm algorithm)
{
	(void)algorithm;
	return sizeof(struct vaes_key);
}

static int expand(enum aead_algorithm algorithm, const uint8_t *key, void *expanded)
{
	if (!probe() || !supports(algorithm))
		return -ENOTSUP;
	vaes_expand(key, aead_key_octets(algorithm), expanded);
	return 0;
}

static int ctx_create(void **ctx)
{
	*ctx = secret_alloc(vaes_scratch_octets());
	return *ctx ? 0 : -ENOMEM;
}

static void ctx_destroy(void *ctx)
{
	secret_free(ctx);
}

static void seal_burst(void *ctx, enum aead_algorithm algorithm, struct aead_op *ops, unsigned n)
{
	vaes_seal_burst(ctx, algorithm, ops, n);
}

static bool open_burst(void *ctx, enum aead_algorithm algorithm, struct aead_op *ops, unsigned n)
{
	return vaes_open_burst(ctx, algorithm, ops, n);
}

const struct aead_engine engine_vaes = {
	.name = "vaes",
	.probe = probe,
	.supports = supports,
	.key_octets = key_octets,
	.expand = expand,
	.ctx_create = ctx_create,
	.ctx_destroy = ctx_destroy,
	.seal_burst = seal_burst,
	.open_burst = open_burst,
};
