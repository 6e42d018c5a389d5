// The front of the engines: names, choice, keys, and bursts cut into runs of one engine and
// algorithm.
#include "crypto/aead.h"

#include "base/secret.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	size_t key_octets;
} algorithms[AEAD_ALGORITHMS] = {
	[AEAD_AES_128_GCM] = {"aes-128-gcm", 16},
	[AEAD_AES_192_GCM] = {"aes-192-gcm", 24},
	[AEAD_AES_256_GCM] = {"aes-256-gcm", 32},
	[AEAD_CHACHA20_POLY1305] = {"chacha20-poly1305", 32},
};

// Written by aead_ctx_create; afterwards read by its worker alone.
struct aead_ctx {
	unsigned n;
	const struct aead_engine *engine[AEAD_ENGINES_MAX];
	void *engine_ctx[AEAD_ENGINES_MAX];
};

size_t aead_key_octets(enum aead_algorithm algorithm)
{
	return algorithms[algorithm].key_octets;
}

const char *aead_name(enum aead_algorithm algorithm)
{
	return algorithms[algorithm].name;
}

int aead_by_name(const char *name, enum aead_algorithm *algorithm)
{
	for (unsigned i = 0; i < AEAD_ALGORITHMS; i++) {
		if (strcmp(algorithms[i].name, name) == 0) {
			*algorithm = (enum aead_algorithm)i;
			return 0;
		}
	}
	return -ENOENT;
}

const struct aead_engine *aead_choose(
	const struct aead_table *table, enum aead_algorithm algorithm, const char *wanted)
{
	bool any = !wanted || strcmp(wanted, "auto") == 0;

	for (unsigned i = 0; i < table->n; i++) {
		const struct aead_engine *engine = table->engine[i];

		if (!any && strcmp(engine->name, wanted) != 0)
			continue;
		if (engine->probe() && engine->supports(algorithm))
			return engine;
	}
	return NULL;
}

int aead_key_create(const struct aead_engine *engine, enum aead_algorithm algorithm,
	const uint8_t *key, struct aead_key **created)
{
	struct aead_key *new;
	int ret;

	if (!engine->supports(algorithm))
		return -ENOTSUP;
	new = secret_alloc(sizeof(*new) + engine->key_octets(algorithm));
	if (!new)
		return -ENOMEM;
	new->engine = engine;
	new->algorithm = algorithm;
	ret = engine->expand(algorithm, key, new->expanded);
	if (ret < 0)
		secret_free(new);
	else
		*created = new;
	return ret;
}

void aead_key_destroy(struct aead_key *key)
{
	secret_free(key);
}

void aead_key_reveal(const struct aead_key *key, uint8_t revealed[AEAD_KEY_MAX])
{
	memcpy(revealed, key->expanded, aead_key_octets(key->algorithm));
}

int aead_ctx_create(const struct aead_table *table, struct aead_ctx **created)
{
	struct aead_ctx *ctx;
	int ret = 0;

	ctx = calloc(1, sizeof(*ctx));
	if (!ctx)
		return -ENOMEM;
	for (unsigned i = 0; i < table->n; i++) {
		const struct aead_engine *engine = table->engine[i];

		if (!engine->probe())
			continue;
		ret = engine->ctx_create(&ctx->engine_ctx[ctx->n]);
		if (ret < 0)
			goto out;
		ctx->engine[ctx->n++] = engine;
	}
	*created = ctx;
	ctx = NULL;
out:
	aead_ctx_destroy(ctx);
	return ret;
}

void aead_ctx_destroy(struct aead_ctx *ctx)
{
	if (!ctx)
		return;
	for (unsigned i = 0; i < ctx->n; i++)
		ctx->engine[i]->ctx_destroy(ctx->engine_ctx[i]);
	free(ctx);
}

static ALWAYS_INLINE unsigned run_length(const struct aead_op *ops, unsigned n)
{
	const struct aead_key *first = ops[0].key;
	unsigned length = 1;

	while (length < n &&
		(ops[length].key == first ||
			(ops[length].key->engine == first->engine &&
				ops[length].key->algorithm == first->algorithm)))
		length++;
	return length;
}

// A key of an engine that this context lacks: nothing readable leaves, nothing is believed.
static void refuse_run(struct aead_op *ops, unsigned n, bool seal)
{
	for (unsigned i = 0; i < n; i++) {
		secret_wipe(ops[i].data, ops[i].octets);
		if (seal)
			secret_wipe(ops[i].tag, AEAD_TAG_OCTETS);
		ops[i].forged = !seal;
	}
}

// True: nothing was opened that is not authentic.
static ALWAYS_INLINE bool run(
	struct aead_ctx *ctx, struct aead_op *ops, unsigned n, const bool seal)
{
	const struct aead_engine *engine = ops[0].key->engine;
	enum aead_algorithm algorithm = ops[0].key->algorithm;
	unsigned at = 0;

	while (at < ctx->n && ctx->engine[at] != engine)
		at++;
	if (unlikely(at == ctx->n)) {
		refuse_run(ops, n, seal);
		return false;
	}
	if (!seal)
		return engine->open_burst(ctx->engine_ctx[at], algorithm, ops, n);
	engine->seal_burst(ctx->engine_ctx[at], algorithm, ops, n);
	return true;
}

static ALWAYS_INLINE bool burst(
	struct aead_ctx *ctx, struct aead_op *ops, unsigned n, const bool seal)
{
	bool authentic = true;

	for (unsigned length; n > 0; ops += length, n -= length) {
		length = run_length(ops, n);
		authentic &= run(ctx, ops, length, seal);
	}
	return authentic;
}

void aead_seal_burst(struct aead_ctx *ctx, struct aead_op *ops, unsigned n)
{
	burst(ctx, ops, n, true);
}

bool aead_open_burst(struct aead_ctx *ctx, struct aead_op *ops, unsigned n)
{
	return burst(ctx, ops, n, false);
}

void aead_seal_run(struct aead_ctx *ctx, struct aead_op *ops, unsigned n)
{
	if (likely(n > 0))
		run(ctx, ops, n, true);
}

bool aead_open_run(struct aead_ctx *ctx, struct aead_op *ops, unsigned n)
{
	return unlikely(n == 0) || run(ctx, ops, n, false);
}
