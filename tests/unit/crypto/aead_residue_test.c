// A destroyed key is nowhere in the process: not in an engine's context, not in what it freed.
#include "aead_fixture.h"

#include "base/secret.h"

#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PATTERN 16 // octets of the key that are looked for
// Larger mappings are a sanitizer's shadow.
#define MAPPING_MAX ((uintptr_t)64 << 20)

static uint8_t chunk[1 << 16];

// The pattern is given inverted, so that the search itself does not hold it.
static bool chunk_holds(const uint8_t *inverted, size_t octets)
{
	const uint8_t *end = chunk + octets - PATTERN + 1;
	const uint8_t *at = chunk;

	if (octets < PATTERN)
		return false;
	while ((at = memchr(at, inverted[0] ^ 0xff, (size_t)(end - at)))) {
		size_t same = 1;

		while (same < PATTERN && (at[same] ^ inverted[same]) == 0xff)
			same++;
		if (same == PATTERN)
			return true;
		if (++at == end)
			break;
	}
	return false;
}

static bool mapping_holds(int memory, uintptr_t start, uintptr_t end, const uint8_t *inverted)
{
	const uintptr_t step = sizeof(chunk) - PATTERN;

	for (uintptr_t at = start; at < end; at += step) {
		size_t octets = end - at < sizeof(chunk) ? end - at : sizeof(chunk);
		ssize_t got;

		if (at < (uintptr_t)chunk + sizeof(chunk) && at + octets > (uintptr_t)chunk)
			continue; // What is read lands there.
		got = pread(memory, chunk, octets, (off_t)at);
		if (got > 0 && chunk_holds(inverted, (size_t)got))
			return true;
	}
	return false;
}

static bool process_holds(const uint8_t *inverted)
{
	int memory = open("/proc/self/mem", O_RDONLY);
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[4096], mode[8];
	uintptr_t start, end;
	bool found = false;

	assert_true(memory >= 0);
	assert_non_null(maps);
	while (!found && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s", &start, &end, mode) == 3 &&
			mode[1] == 'w' && end - start <= MAPPING_MAX)
			found = mapping_holds(memory, start, end, inverted);
	fclose(maps);
	close(memory);
	return found;
}

static void use_key(struct aead_ctx *ctx, struct aead_key *key)
{
	uint8_t data[256] = {0}, tag[AEAD_TAG_OCTETS], nonce[AEAD_NONCE_OCTETS] = {0};
	struct aead_op op = {.key = key,
		.nonce = nonce,
		.aad = nonce,
		.data = data,
		.tag = tag,
		.octets = sizeof(data),
		.aad_octets = 8};

	aead_seal_burst(ctx, &op, 1);
	aead_open_burst(ctx, &op, 1);
	assert_true(op.authentic);
	tag[0] ^= 1;
	aead_open_burst(ctx, &op, 1);
	assert_false(op.authentic);
}

static void no_key_stays(void **state)
{
	struct aead_ctx *ctx = fixture_ctx();
	uint8_t key[AEAD_KEY_MAX], inverted[AEAD_KEY_MAX];

	(void)state;
	for (unsigned i = 0; i < fixture_engines.n * AEAD_ALGORITHMS; i++) {
		const struct aead_engine *engine = fixture_engines.engine[i / AEAD_ALGORITHMS];
		enum aead_algorithm algorithm = (enum aead_algorithm)(i % AEAD_ALGORITHMS);
		struct aead_key *expanded;

		if (!fixture_can(engine, algorithm))
			continue;
		assert_int_equal(secret_random(key, sizeof(key)), 0);
		for (size_t octet = 0; octet < sizeof(key); octet++)
			inverted[octet] = (uint8_t)~key[octet];
		expanded = fixture_key(engine, algorithm, key);
		secret_wipe(key, sizeof(key));
		assert_true(process_holds(inverted)); // the expanded form begins with the key
		use_key(ctx, expanded);
		aead_key_destroy(expanded);
		assert_false(process_holds(inverted));
	}
	aead_ctx_destroy(ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_key_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
