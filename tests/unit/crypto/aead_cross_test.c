// Every ordered pair of engines: what one seals the other opens, at every length and place.
#include "aead_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t aad_sizes[] = {0, 8, 12};

struct pair {
	struct aead_ctx *ctx;
	struct aead_key *seal, *open;
	struct packet *packets; // FIXTURE_BURST
	struct fixture_random random;
};

static void seal_then_open(struct pair *pair, unsigned n)
{
	struct aead_op ops[FIXTURE_BURST];

	for (unsigned i = 0; i < n; i++) {
		pair->packets[i].op.key = pair->seal;
		ops[i] = pair->packets[i].op;
	}
	aead_seal_burst(pair->ctx, ops, n);
	for (unsigned i = 0; i < n; i++) {
		struct packet *packet = &pair->packets[i];

		packet_assert_rest_untouched(packet, false);
		if (packet->op.octets >= 16)
			assert_memory_not_equal(
				packet->op.data, packet->plaintext, packet->op.octets);
		packet_snapshot(packet);
		ops[i].key = pair->open;
	}
	assert_true(aead_open_burst(pair->ctx, ops, n));
	for (unsigned i = 0; i < n; i++) {
		struct packet *packet = &pair->packets[i];

		assert_false(ops[i].forged);
		assert_memory_equal(packet->op.data, packet->plaintext, packet->op.octets);
		packet_assert_rest_untouched(packet, true);
	}
}

static void all_lengths(struct pair *pair)
{
	static const uint32_t more[] = {511, 512, 513, 576, 768, 1023, 1024, 1025, 1279, 1280, 1406,
		1460, 1500, 2047, 2048, 2049, 4095, 4096, 4097, 8191, 8192, 9000, 9215, 9216};
	unsigned filled = 0;

	for (unsigned a = 0; a < COUNT(aad_sizes); a++) {
		for (uint32_t i = 0; i <= 300 + COUNT(more); i++) {
			struct packet_shape shape = {
				.octets = i <= 300 ? i : more[i - 301],
				.aad_octets = aad_sizes[a],
				.misalignment = (uint8_t)(i * 13 % 64),
				.tag_first = i % 3 == 0,
			};

			packet_lay_out(&pair->packets[filled++], &shape, &pair->random);
			if (filled == FIXTURE_BURST) {
				seal_then_open(pair, filled);
				filled = 0;
			}
		}
	}
	seal_then_open(pair, filled);
}

static void every_pair_every_length(void **state)
{
	struct pair pair = {
		.random = {20}, .packets = calloc(FIXTURE_BURST, sizeof(struct packet))};
	uint8_t key[AEAD_KEY_MAX];

	(void)state;
	assert_non_null(pair.packets);
	pair.ctx = fixture_ctx();
	for (unsigned from = 0; from < engines_all.n; from++) {
		for (unsigned to = 0; to < engines_all.n; to++) {
			for (unsigned i = 0; i < AEAD_ALGORITHMS; i++) {
				enum aead_algorithm algorithm = (enum aead_algorithm)i;

				if (!fixture_can(engines_all.engine[from], algorithm) ||
					!fixture_can(engines_all.engine[to], algorithm))
					continue;
				fixture_fill(&pair.random, key, sizeof(key));
				pair.seal = fixture_key(engines_all.engine[from], algorithm, key);
				pair.open = fixture_key(engines_all.engine[to], algorithm, key);
				all_lengths(&pair);
				aead_key_destroy(pair.seal);
				aead_key_destroy(pair.open);
			}
		}
	}
	aead_ctx_destroy(pair.ctx);
	free(pair.packets);
}

// Keys of all engines and algorithms, two of each, in one table.
struct mix {
	struct aead_ctx *ctx;
	struct aead_key *keys[AEAD_ENGINES_MAX][AEAD_ALGORITHMS][2];
	struct packet *packets;
	struct fixture_random random;
};

static const struct aead_key *any_key(struct mix *mix, unsigned algorithm, unsigned which)
{
	const struct aead_key *key;

	do
		key = mix->keys[fixture_below(&mix->random, engines_all.n)][algorithm][which];
	while (!key);
	return key;
}

static void mix_packet(struct mix *mix, struct packet *packet, struct aead_op *op, bool *forged)
{
	struct fixture_random *random = &mix->random;
	struct packet_shape shape = {
		.octets = fixture_below(random, 200),
		.aad_octets = aad_sizes[fixture_below(random, COUNT(aad_sizes))],
		.misalignment = (uint8_t)fixture_below(random, 64),
		.tag_first = fixture_below(random, 2),
	};

	packet_lay_out(packet, &shape, random);
	*op = packet->op;
	*forged = fixture_below(random, 4) == 0;
}

static void mixed_burst(struct mix *mix, unsigned n)
{
	struct aead_op ops[FIXTURE_BURST];
	bool forged[FIXTURE_BURST];
	const struct aead_key *open[FIXTURE_BURST];
	bool any_forged = false;

	for (unsigned i = 0; i < n; i++) {
		unsigned algorithm = fixture_below(&mix->random, AEAD_ALGORITHMS);
		unsigned which = fixture_below(&mix->random, 2);

		mix_packet(mix, &mix->packets[i], &ops[i], &forged[i]);
		ops[i].key = any_key(mix, algorithm, which);
		open[i] = any_key(mix, algorithm, which);
	}
	aead_seal_burst(mix->ctx, ops, n);
	for (unsigned i = 0; i < n; i++) {
		packet_assert_rest_untouched(&mix->packets[i], false);
		if (forged[i])
			ops[i].tag[fixture_below(&mix->random, AEAD_TAG_OCTETS)] ^= 0x40;
		packet_snapshot(&mix->packets[i]);
		ops[i].key = open[i];
		any_forged |= forged[i];
	}
	assert_int_equal(aead_open_burst(mix->ctx, ops, n), !any_forged);
	for (unsigned i = 0; i < n; i++) {
		struct packet *packet = &mix->packets[i];

		assert_int_equal(ops[i].forged, forged[i]);
		packet_assert_rest_untouched(packet, true);
		if (forged[i])
			packet_assert_wiped(packet);
		else
			assert_memory_equal(packet->op.data, packet->plaintext, packet->op.octets);
	}
}

static void mixed_keys_in_one_burst(void **state)
{
	struct mix mix = {.random = {7}, .packets = calloc(FIXTURE_BURST, sizeof(struct packet))};
	uint8_t key[AEAD_KEY_MAX];

	(void)state;
	assert_non_null(mix.packets);
	mix.ctx = fixture_ctx();
	for (unsigned i = 0; i < AEAD_ALGORITHMS * 2; i++) {
		fixture_fill(&mix.random, key, sizeof(key));
		for (unsigned e = 0; e < engines_all.n; e++)
			if (fixture_can(engines_all.engine[e], (enum aead_algorithm)(i / 2)))
				mix.keys[e][i / 2][i % 2] = fixture_key(
					engines_all.engine[e], (enum aead_algorithm)(i / 2), key);
	}
	for (unsigned round = 0; round < 200; round++)
		mixed_burst(&mix, round % (FIXTURE_BURST + 1));
	for (unsigned e = 0; e < engines_all.n; e++)
		for (unsigned i = 0; i < AEAD_ALGORITHMS * 2; i++)
			aead_key_destroy(mix.keys[e][i / 2][i % 2]);
	aead_ctx_destroy(mix.ctx);
	free(mix.packets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair_every_length),
		cmocka_unit_test(mixed_keys_in_one_burst),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
