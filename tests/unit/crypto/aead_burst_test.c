// Every engine against OpenSSL and intel-ipsec-mb in bursts: all lengths, neighbours equal and not,
// one key and many, a forged packet among good ones. Whole buffers are compared, so what lies
// around a packet is, too.
#include "aead_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEYS 5
#define EVERY_LENGTH 2100
#define RANDOM_BURSTS 700
#define RANDOM_BURSTS_FULL 40000

static const uint8_t aad_sizes[] = {0, 8, 12};
static const struct aead_engine *const references[] = {&engine_openssl, &engine_ipsecmb};

struct bench {
	struct aead_ctx *ctx;
	struct aead_key *subject[KEYS];
	struct aead_key *reference[COUNT(references)][KEYS];
	struct packet *packets;	 // FIXTURE_BURST
	struct packet *expected; // as the reference sealed it
	struct fixture_random random;
	unsigned keys_used;
	unsigned messages;
};

// What neighbours of one length may have in common.
struct kind {
	unsigned key;
	uint8_t aad_octets;
};

static struct kind any_kind(struct bench *bench)
{
	return (struct kind){
		.key = fixture_below(&bench->random, bench->keys_used),
		.aad_octets = aad_sizes[fixture_below(&bench->random, COUNT(aad_sizes))],
	};
}

static void lay_out(struct bench *bench, unsigned i, uint32_t octets, unsigned reference,
	const struct kind *kind)
{
	struct packet *packet = &bench->packets[i], *expected = &bench->expected[i];
	struct packet_shape shape = {
		.octets = octets,
		.aad_octets = kind->aad_octets,
		.misalignment = (uint8_t)fixture_below(&bench->random, 64),
		.tag_first = fixture_below(&bench->random, 2),
	};

	packet_lay_out(packet, &shape, &bench->random);
	memcpy(expected->image, packet->image, sizeof(packet->image));
	expected->op = packet->op;
	expected->op.nonce = expected->image + (packet->op.nonce - packet->image);
	expected->op.aad = expected->image + (packet->op.aad - packet->image);
	expected->op.data = expected->image + (packet->op.data - packet->image);
	expected->op.tag = expected->image + (packet->op.tag - packet->image);
	packet->op.key = bench->subject[kind->key];
	expected->op.key = bench->reference[reference][kind->key];
}

static void assert_seals(struct bench *bench, unsigned n)
{
	struct aead_op ops[FIXTURE_BURST];

	for (unsigned i = 0; i < n; i++)
		ops[i] = bench->expected[i].op;
	aead_seal_burst(bench->ctx, ops, n);
	for (unsigned i = 0; i < n; i++)
		ops[i] = bench->packets[i].op;
	aead_seal_burst(bench->ctx, ops, n);
	for (unsigned i = 0; i < n; i++)
		assert_memory_equal(bench->packets[i].image, bench->expected[i].image,
			sizeof(bench->packets[i].image));
}

static void assert_opens(struct bench *bench, unsigned n)
{
	struct aead_op ops[FIXTURE_BURST];
	unsigned forged = fixture_below(&bench->random, 2 * n);

	if (forged < n)
		bench->packets[forged].op.tag[fixture_below(&bench->random, AEAD_TAG_OCTETS)] ^=
			(uint8_t)(1u << fixture_below(&bench->random, 8));
	for (unsigned i = 0; i < n; i++) {
		packet_snapshot(&bench->packets[i]);
		ops[i] = bench->packets[i].op;
	}
	assert_int_equal(aead_open_burst(bench->ctx, ops, n), forged >= n);
	for (unsigned i = 0; i < n; i++) {
		const struct packet *packet = &bench->packets[i];

		assert_int_equal(ops[i].forged, i == forged);
		packet_assert_rest_untouched(packet, true);
		if (i == forged)
			packet_assert_wiped(packet);
		else
			assert_memory_equal(packet->op.data, packet->plaintext, packet->op.octets);
	}
}

static void run(struct bench *bench, unsigned n)
{
	assert_seals(bench, n);
	assert_opens(bench, n);
	bench->messages += n;
}

// Neighbours of one length go through an engine's code for that, others around them do not. The
// place of the eight moves through the burst.
static void one_length(struct bench *bench, uint32_t octets, bool alike)
{
	unsigned before = octets % 5, n = before + 8 + octets % 3;
	const struct kind common = any_kind(bench);

	for (unsigned i = 0; i < n; i++) {
		bool among = i >= before && i < before + 8;
		struct kind kind = any_kind(bench);

		lay_out(bench, i, among ? octets : fixture_below(&bench->random, 400),
			octets / 2 % COUNT(references), among && alike ? &common : &kind);
	}
	run(bench, n);
}

static void every_length(struct bench *bench)
{
	for (uint32_t octets = 0; octets <= EVERY_LENGTH; octets++) {
		bench->keys_used = octets % 2 ? KEYS : 1;
		one_length(bench, octets, false);
		one_length(bench, octets, true);
	}
}

static uint32_t any_length(struct fixture_random *random)
{
	static const uint32_t bounds[] = {64, 256, 600, 1600, FIXTURE_OCTETS_MAX + 1};

	return fixture_below(random, bounds[fixture_below(random, COUNT(bounds))]);
}

static void any_burst(struct bench *bench)
{
	unsigned n = 1 + fixture_below(&bench->random, FIXTURE_BURST);
	unsigned reference = fixture_below(&bench->random, COUNT(references));

	bench->keys_used = 1 + fixture_below(&bench->random, KEYS);
	for (unsigned i = 0; i < n;) {
		uint32_t octets = any_length(&bench->random);
		unsigned equal = 1 + fixture_below(&bench->random, 6);
		const struct kind common = any_kind(bench);
		bool alike = fixture_below(&bench->random, 2);

		while (equal-- > 0 && i < n) {
			struct kind kind = any_kind(bench);

			lay_out(bench, i++, octets, reference, alike ? &common : &kind);
		}
	}
	run(bench, n);
}

static void make_keys(
	struct bench *bench, const struct aead_engine *engine, enum aead_algorithm algorithm)
{
	uint8_t key[AEAD_KEY_MAX];

	for (unsigned k = 0; k < KEYS; k++) {
		fixture_fill(&bench->random, key, sizeof(key));
		bench->subject[k] = fixture_key(engine, algorithm, key);
		for (unsigned r = 0; r < COUNT(references); r++)
			bench->reference[r][k] = fixture_key(references[r], algorithm, key);
	}
}

static void destroy_keys(struct bench *bench)
{
	for (unsigned k = 0; k < KEYS; k++) {
		aead_key_destroy(bench->subject[k]);
		for (unsigned r = 0; r < COUNT(references); r++)
			aead_key_destroy(bench->reference[r][k]);
	}
}

static void each_engine(void (*visit)(struct bench *bench), unsigned times)
{
	struct bench bench = {.ctx = fixture_ctx(),
		.packets = calloc(FIXTURE_BURST, sizeof(struct packet)),
		.expected = calloc(FIXTURE_BURST, sizeof(struct packet)),
		.random = {1406}};

	assert_non_null(bench.packets);
	assert_non_null(bench.expected);
	for (unsigned i = 0; i < engines_all.n * AEAD_ALGORITHMS; i++) {
		const struct aead_engine *engine = engines_all.engine[i / AEAD_ALGORITHMS];
		enum aead_algorithm algorithm = (enum aead_algorithm)(i % AEAD_ALGORITHMS);

		// OpenSSL would be compared with itself.
		if (engine == &engine_openssl || !fixture_can(engine, algorithm))
			continue;
		make_keys(&bench, engine, algorithm);
		for (unsigned t = 0; t < times; t++)
			visit(&bench);
		destroy_keys(&bench);
	}
	print_message("%u messages\n", bench.messages);
	aead_ctx_destroy(bench.ctx);
	free(bench.packets);
	free(bench.expected);
}

static void every_length_among_others(void **state)
{
	(void)state;
	each_engine(every_length, 1);
}

static void any_burst_of_any_keys(void **state)
{
	(void)state;
	each_engine(any_burst, getenv("VPED_TEST_FULL") ? RANDOM_BURSTS_FULL : RANDOM_BURSTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_among_others),
		cmocka_unit_test(any_burst_of_any_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
