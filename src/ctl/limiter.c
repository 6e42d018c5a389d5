// Token buckets in a small set-associative table, hashed with a secret so that nobody outside can
// choose addresses that share a set.
#include "ctl/limiter.h"

#include "base/secret.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAYS 4

struct bucket {
	struct ip_addr addr; // family IP_NONE: never used
	uint32_t scope;
	uint32_t tokens;
	uint64_t filled_ms; // when tokens was right
};

struct limiter {
	uint32_t mask;
	uint32_t burst;
	uint32_t interval_ms;
	uint64_t seed;
	struct bucket bucket[];
};

int limiter_create(uint32_t sets, uint32_t burst, uint32_t interval_ms, struct limiter **created)
{
	size_t buckets = (size_t)sets * WAYS;
	struct limiter *limiter =
		calloc(1, sizeof(*limiter) + buckets * sizeof(limiter->bucket[0]));
	int ret;

	if (!limiter)
		return -ENOMEM;
	limiter->mask = sets - 1;
	limiter->burst = burst;
	limiter->interval_ms = interval_ms;
	ret = secret_random(&limiter->seed, sizeof(limiter->seed));
	if (ret < 0) {
		free(limiter);
		return ret;
	}
	*created = limiter;
	return 0;
}

void limiter_destroy(struct limiter *limiter)
{
	free(limiter);
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

static struct bucket *set_of(struct limiter *limiter, const struct ip_addr *addr, uint32_t scope)
{
	uint64_t words[2];
	uint64_t hash = mix(limiter->seed, (uint64_t)scope << 8 | addr->family);

	memcpy(words, addr->octets, sizeof(words));
	hash = mix(mix(hash, words[0]), words[1]);
	return &limiter->bucket[(size_t)((hash >> 32) & limiter->mask) * WAYS];
}

static void refill(const struct limiter *limiter, struct bucket *bucket, uint64_t now_ms)
{
	uint64_t gained = (now_ms - bucket->filled_ms) / limiter->interval_ms;

	if (gained >= limiter->burst - bucket->tokens) {
		bucket->tokens = limiter->burst;
		bucket->filled_ms = now_ms;
	} else {
		bucket->tokens += (uint32_t)gained;
		bucket->filled_ms += gained * limiter->interval_ms;
	}
}

bool limiter_take(
	struct limiter *limiter, const struct ip_addr *addr, uint32_t scope, uint64_t now_ms)
{
	struct bucket *set = set_of(limiter, addr, scope);
	struct bucket *bucket = NULL;

	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].addr.family == IP_NONE) {
			bucket = &set[i];
			continue;
		}
		refill(limiter, &set[i], now_ms);
		if (set[i].scope == scope && ip_addr_equal(&set[i].addr, addr)) {
			bucket = &set[i];
			break;
		}
		// A full bucket is worth nothing more than none.
		if (set[i].tokens == limiter->burst)
			bucket = &set[i];
	}
	if (!bucket)
		return false;
	if (bucket->scope != scope || !ip_addr_equal(&bucket->addr, addr))
		*bucket = (struct bucket){.addr = *addr,
			.scope = scope,
			.tokens = limiter->burst,
			.filled_ms = now_ms};
	if (bucket->tokens == 0)
		return false;
	bucket->tokens--;
	return true;
}

uint64_t limiter_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
