// AES-GCM of our own for bursts of independent packets, each with a key of its own: VAES and
// VPCLMULQDQ with AVX512, and with AVX2. This file has the rows of both engines; it runs on any CPU
// and keeps the other files from running where they cannot.
#include "crypto/engine_vaes.h"

#include "base/secret.h"
#include "crypto/engines.h"

#include <errno.h>

// The compiler's run-time library asks the CPU, and the operating system about wide registers.
static bool probe_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") &&
		__builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul") &&
		__builtin_cpu_supports("vaes") && __builtin_cpu_supports("vpclmulqdq");
}

static bool probe_avx512(void)
{
	return probe_avx2() && __builtin_cpu_supports("avx512f") &&
		__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
		__builtin_cpu_supports("avx512dq");
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
	if (!probe_avx2() || !supports(algorithm))
		return -ENOTSUP;
	vaes_expand(key, aead_key_octets(algorithm), expanded);
	return 0;
}

static int expand_avx512(enum aead_algorithm algorithm, const uint8_t *key, void *expanded)
{
	return probe_avx512() ? expand(algorithm, key, expanded) : -ENOTSUP;
}

static int scratch_create(void **ctx)
{
	*ctx = secret_alloc(vaes_scratch_octets());
	return *ctx ? 0 : -ENOMEM;
}

static void scratch_destroy(void *ctx)
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
	.probe = probe_avx512,
	.supports = supports,
	.key_octets = key_octets,
	.expand = expand_avx512,
	.ctx_create = scratch_create,
	.ctx_destroy = scratch_destroy,
	.seal_burst = seal_burst,
	.open_burst = open_burst,
};

static int nothing_create(void **ctx)
{
	*ctx = NULL;
	return 0;
}

static void nothing_destroy(void *ctx)
{
	(void)ctx;
}

static void avx2_seal_burst(
	void *ctx, enum aead_algorithm algorithm, struct aead_op *ops, unsigned n)
{
	(void)ctx;
	vaes_avx2_seal_burst(algorithm, ops, n);
}

static bool avx2_open_burst(
	void *ctx, enum aead_algorithm algorithm, struct aead_op *ops, unsigned n)
{
	(void)ctx;
	return vaes_avx2_open_burst(algorithm, ops, n);
}

const struct aead_engine engine_vaes_avx2 = {
	.name = "vaes-avx2",
	.probe = probe_avx2,
	.supports = supports,
	.key_octets = key_octets,
	.expand = expand,
	.ctx_create = nothing_create,
	.ctx_destroy = nothing_destroy,
	.seal_burst = avx2_seal_burst,
	.open_burst = avx2_open_burst,
};
