// intel-ipsec-mb behind the engine contract: its direct calls, one packet at a time.
//
// The direct decrypt calls write the tag that they computed and leave the comparison to the caller.
// Every call of 1.3, direct or burst, also stores to the library's process-wide imb_errno: a cache
// line that all workers write.
//
// Direct calls, because which kind is faster depends on the CPU: for 46 octets of AES-128-GCM the
// library's bursts (without checks, 64 at once) take 63 TSC cycles and direct calls 43 on an Intel
// CPU with AVX-512, 71 and 108 on an AMD one. Both CPUs run engine_vaes.c instead.
#include "base/secret.h"
#include "crypto/engines.h"

#include <errno.h>
#include <intel-ipsec-mb.h>
#include <pthread.h>
#include <string.h>

#define NEEDED_FEATURES (IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ)

// NULL without AES-NI, whose emulation is slow and looks up tables by secret data, and where the
// library's own self-test failed.
static IMB_MGR *manager_create(void)
{
	IMB_MGR *manager = alloc_mb_mgr(0);

	if (!manager)
		return NULL;
	init_mb_mgr_auto(manager, NULL);
	if (imb_get_errno(manager) == 0 &&
		(manager->features & NEEDED_FEATURES) == NEEDED_FEATURES &&
		(!(manager->features & IMB_FEATURE_SELF_TEST) ||
			(manager->features & IMB_FEATURE_SELF_TEST_PASS)))
		return manager;
	free_mb_mgr(manager);
	return NULL;
}

// For probing and key expansion. Lives as long as the program; read only once it is made.
static IMB_MGR *shared_manager;
static pthread_once_t shared_manager_once = PTHREAD_ONCE_INIT;

static void shared_manager_make(void)
{
	shared_manager = manager_create();
}

static bool probe(void)
{
	pthread_once(&shared_manager_once, shared_manager_make);
	return shared_manager != NULL;
}

static bool supports(enum aead_algorithm algorithm)
{
	return algorithm < AEAD_ALGORITHMS;
}

static size_t key_octets(enum aead_algorithm algorithm)
{
	if (algorithm == AEAD_CHACHA20_POLY1305)
		return aead_key_octets(algorithm);
	return sizeof(struct gcm_key_data);
}

static int expand(enum aead_algorithm algorithm, const uint8_t *key, void *expanded)
{
	if (!probe())
		return -ENOTSUP;
	switch (algorithm) {
	case AEAD_AES_128_GCM:
		IMB_AES128_GCM_PRE(shared_manager, key, expanded);
		return 0;
	case AEAD_AES_192_GCM:
		IMB_AES192_GCM_PRE(shared_manager, key, expanded);
		return 0;
	case AEAD_AES_256_GCM:
		IMB_AES256_GCM_PRE(shared_manager, key, expanded);
		return 0;
	case AEAD_CHACHA20_POLY1305:
		memcpy(expanded, key, aead_key_octets(algorithm));
		return 0;
	default:
		return -ENOTSUP;
	}
}

static int ctx_create(void **ctx)
{
	*ctx = manager_create();
	return *ctx ? 0 : -ENOMEM;
}

static void ctx_destroy(void *ctx)
{
	free_mb_mgr(ctx);
}

static const struct gcm_key_data *gcm_key(const struct aead_op *op)
{
	return (const struct gcm_key_data *)op->key->expanded;
}

static ALWAYS_INLINE bool tag_equal(const uint8_t *a, const uint8_t *b)
{
	uint64_t left[2], right[2];

	memcpy(left, a, sizeof(left));
	memcpy(right, b, sizeof(right));
	return ((left[0] ^ right[0]) | (left[1] ^ right[1])) == 0;
}

static ALWAYS_INLINE bool judge(struct aead_op *op, const uint8_t *computed)
{
	if (likely(tag_equal(op->tag, computed)))
		return true;
	op->forged = true;
	secret_wipe(op->data, op->octets);
	return false;
}

static void gcm_seal(aes_gcm_enc_dec_t encrypt, struct aead_op *ops, unsigned n)
{
	struct gcm_context_data state;

	for (unsigned i = 0; i < n; i++) {
		struct aead_op *op = &ops[i];

		encrypt(gcm_key(op), &state, op->data, op->data, op->octets, op->nonce, op->aad,
			op->aad_octets, op->tag, AEAD_TAG_OCTETS);
	}
	secret_wipe(&state, sizeof(state));
}

static bool gcm_open(aes_gcm_enc_dec_t decrypt, struct aead_op *ops, unsigned n)
{
	struct gcm_context_data state;
	uint8_t computed[AEAD_TAG_OCTETS] = {0};
	bool authentic = true;

	for (unsigned i = 0; i < n; i++) {
		struct aead_op *op = &ops[i];

		decrypt(gcm_key(op), &state, op->data, op->data, op->octets, op->nonce, op->aad,
			op->aad_octets, computed, sizeof(computed));
		authentic &= judge(op, computed);
	}
	secret_wipe(&state, sizeof(state));
	secret_wipe(computed, sizeof(computed));
	return authentic;
}

static void chacha_seal(IMB_MGR *manager, struct aead_op *ops, unsigned n)
{
	struct chacha20_poly1305_context_data state;

	for (unsigned i = 0; i < n; i++) {
		struct aead_op *op = &ops[i];
		const uint8_t *key = op->key->expanded;

		IMB_CHACHA20_POLY1305_INIT(
			manager, key, &state, op->nonce, op->aad, op->aad_octets);
		IMB_CHACHA20_POLY1305_ENC_UPDATE(
			manager, key, &state, op->data, op->data, op->octets);
		IMB_CHACHA20_POLY1305_ENC_FINALIZE(manager, &state, op->tag, AEAD_TAG_OCTETS);
	}
	secret_wipe(&state, sizeof(state));
}

static bool chacha_open(IMB_MGR *manager, struct aead_op *ops, unsigned n)
{
	struct chacha20_poly1305_context_data state;
	uint8_t computed[AEAD_TAG_OCTETS] = {0};
	bool authentic = true;

	for (unsigned i = 0; i < n; i++) {
		struct aead_op *op = &ops[i];
		const uint8_t *key = op->key->expanded;

		IMB_CHACHA20_POLY1305_INIT(
			manager, key, &state, op->nonce, op->aad, op->aad_octets);
		IMB_CHACHA20_POLY1305_DEC_UPDATE(
			manager, key, &state, op->data, op->data, op->octets);
		IMB_CHACHA20_POLY1305_DEC_FINALIZE(manager, &state, computed, sizeof(computed));
		authentic &= judge(op, computed);
	}
	secret_wipe(&state, sizeof(state));
	secret_wipe(computed, sizeof(computed));
	return authentic;
}

static void seal_burst(void *ctx, enum aead_algorithm algorithm, struct aead_op *ops, unsigned n)
{
	IMB_MGR *manager = ctx;

	switch (algorithm) {
	case AEAD_AES_128_GCM:
		gcm_seal(manager->gcm128_enc, ops, n);
		break;
	case AEAD_AES_192_GCM:
		gcm_seal(manager->gcm192_enc, ops, n);
		break;
	case AEAD_AES_256_GCM:
		gcm_seal(manager->gcm256_enc, ops, n);
		break;
	default:
		chacha_seal(manager, ops, n);
		break;
	}
}

static bool open_burst(void *ctx, enum aead_algorithm algorithm, struct aead_op *ops, unsigned n)
{
	IMB_MGR *manager = ctx;

	switch (algorithm) {
	case AEAD_AES_128_GCM:
		return gcm_open(manager->gcm128_dec, ops, n);
	case AEAD_AES_192_GCM:
		return gcm_open(manager->gcm192_dec, ops, n);
	case AEAD_AES_256_GCM:
		return gcm_open(manager->gcm256_dec, ops, n);
	default:
		return chacha_open(manager, ops, n);
	}
}

const struct aead_engine engine_ipsecmb = {
	.name = "ipsec-mb",
	.probe = probe,
	.supports = supports,
	.key_octets = key_octets,
	.expand = expand,
	.ctx_create = ctx_create,
	.ctx_destroy = ctx_destroy,
	.seal_burst = seal_burst,
	.open_burst = open_burst,
};
