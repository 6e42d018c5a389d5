// OpenSSL's EVP behind the engine contract: one call after the other, for comparison, not for
// speed.
#include "base/secret.h"
#include "crypto/engines.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

static const char *const evp_names[AEAD_ALGORITHMS] = {
	[AEAD_AES_128_GCM] = "AES-128-GCM",
	[AEAD_AES_192_GCM] = "AES-192-GCM",
	[AEAD_AES_256_GCM] = "AES-256-GCM",
	[AEAD_CHACHA20_POLY1305] = "ChaCha20-Poly1305",
};

// One worker's. Each context stays bound to its algorithm and direction.
struct openssl_ctx {
	EVP_CIPHER_CTX *seal[AEAD_ALGORITHMS];
	EVP_CIPHER_CTX *open[AEAD_ALGORITHMS];
};

static bool probe(void)
{
	return true;
}

static bool supports(enum aead_algorithm algorithm)
{
	return algorithm < AEAD_ALGORITHMS;
}

static int expand(enum aead_algorithm algorithm, const uint8_t *key, void *expanded)
{
	memcpy(expanded, key, aead_key_octets(algorithm));
	return 0;
}

static EVP_CIPHER_CTX *bound_ctx(const EVP_CIPHER *cipher, int encrypt)
{
	EVP_CIPHER_CTX *evp = EVP_CIPHER_CTX_new();

	if (evp && EVP_CipherInit_ex2(evp, cipher, NULL, NULL, encrypt, NULL) == 1)
		return evp;
	EVP_CIPHER_CTX_free(evp);
	return NULL;
}

static void ctx_destroy(void *ctx)
{
	struct openssl_ctx *all = ctx;

	for (unsigned i = 0; i < AEAD_ALGORITHMS; i++) {
		EVP_CIPHER_CTX_free(all->seal[i]);
		EVP_CIPHER_CTX_free(all->open[i]);
	}
	free(all);
}

static int ctx_create(void **ctx)
{
	struct openssl_ctx *all = calloc(1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	for (unsigned i = 0; i < AEAD_ALGORITHMS; i++) {
		EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, evp_names[i], NULL);

		if (cipher) {
			all->seal[i] = bound_ctx(cipher, 1);
			all->open[i] = bound_ctx(cipher, 0);
		}
		EVP_CIPHER_free(cipher);
		if (!all->seal[i] || !all->open[i]) {
			ctx_destroy(all);
			return -EIO;
		}
	}
	*ctx = all;
	return 0;
}

// Key, nonce, AAD and data; the tag is the callers'. Each EVP call returns 1 for success.
static bool run_one(EVP_CIPHER_CTX *evp, const struct aead_op *op)
{
	int octets = (int)op->octets, out;

	if (op->octets > INT32_MAX ||
		EVP_CipherInit_ex2(evp, NULL, op->key->expanded, op->nonce, -1, NULL) != 1)
		return false;
	if (op->aad_octets > 0 && EVP_CipherUpdate(evp, NULL, &out, op->aad, op->aad_octets) != 1)
		return false;
	return octets == 0 || EVP_CipherUpdate(evp, op->data, &out, op->data, octets) == 1;
}

// The contexts lie in OpenSSL's memory and outlive the SA: no schedule of its key stays there.
static void forget_key(EVP_CIPHER_CTX *evp)
{
	static const uint8_t nothing[AEAD_KEY_MAX];

	EVP_CipherInit_ex2(evp, NULL, nothing, nothing, -1, NULL);
}

static void seal_burst(void *ctx, enum aead_algorithm algorithm, struct aead_op *ops, unsigned n)
{
	EVP_CIPHER_CTX *evp = ((struct openssl_ctx *)ctx)->seal[algorithm];
	uint8_t rest[16];
	int out;

	for (unsigned i = 0; i < n; i++) {
		struct aead_op *op = &ops[i];

		if (run_one(evp, op) && EVP_CipherFinal_ex(evp, rest, &out) == 1 &&
			EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_OCTETS, op->tag) ==
				1)
			continue;
		// A packet of zeros is lost; one in clear would be told.
		secret_wipe(op->data, op->octets);
		secret_wipe(op->tag, AEAD_TAG_OCTETS);
	}
	forget_key(evp);
}

static bool open_burst(void *ctx, enum aead_algorithm algorithm, struct aead_op *ops, unsigned n)
{
	EVP_CIPHER_CTX *evp = ((struct openssl_ctx *)ctx)->open[algorithm];
	bool authentic = true;
	uint8_t rest[16];
	int out;

	for (unsigned i = 0; i < n; i++) {
		struct aead_op *op = &ops[i];

		if (run_one(evp, op) &&
			EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_OCTETS, op->tag) ==
				1 &&
			EVP_CipherFinal_ex(evp, rest, &out) == 1)
			continue;
		op->forged = true;
		secret_wipe(op->data, op->octets);
		authentic = false;
	}
	forget_key(evp);
	return authentic;
}

const struct aead_engine engine_openssl = {
	.name = "openssl",
	.probe = probe,
	.supports = supports,
	.key_octets = aead_key_octets,
	.expand = expand,
	.ctx_create = ctx_create,
	.ctx_destroy = ctx_destroy,
	.seal_burst = seal_burst,
	.open_burst = open_burst,
};
