// One changed bit anywhere: refused, wiped, nothing else touched, no packet beside it either.
#include "aead_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct target {
	struct aead_ctx *ctx;
	struct packet *packet; // sealed
	uint8_t sealed[sizeof(((struct packet *)NULL)->image)];
};

static void restore(struct target *target)
{
	memcpy(target->packet->image, target->sealed, sizeof(target->sealed));
}

static void assert_opens(struct target *target)
{
	struct packet *packet = target->packet;
	struct aead_op op = packet->op;

	restore(target);
	assert_true(aead_open_burst(target->ctx, &op, 1));
	assert_false(op.forged);
	assert_memory_equal(op.data, packet->plaintext, op.octets);
}

static void assert_refuses(struct target *target, struct aead_op op)
{
	packet_snapshot(target->packet);
	assert_false(aead_open_burst(target->ctx, &op, 1));
	assert_true(op.forged);
	packet_assert_wiped(target->packet);
	packet_assert_rest_untouched(target->packet, true);
}

static void flip_every_bit(struct target *target, size_t offset, size_t octets)
{
	for (size_t bit = 0; bit < octets * 8; bit++) {
		restore(target);
		target->packet->image[offset + bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_refuses(target, target->packet->op);
	}
}

static void attack(struct target *target)
{
	struct packet *packet = target->packet;
	const uint8_t *image = packet->image;

	assert_opens(target);
	flip_every_bit(target, (size_t)(packet->op.tag - image), AEAD_TAG_OCTETS);
	flip_every_bit(target, (size_t)(packet->op.data - image), packet->op.octets);
	flip_every_bit(target, (size_t)(packet->op.nonce - image), AEAD_NONCE_OCTETS);
	flip_every_bit(target, (size_t)(packet->op.aad - image), packet->op.aad_octets);
	assert_opens(target);
}

// Shorter, longer, without its AAD, a tag of zeros.
static void attack_shape(struct target *target)
{
	struct packet *packet = target->packet;
	struct aead_op op;

	restore(target);
	memset(packet->op.tag, 0, AEAD_TAG_OCTETS);
	assert_refuses(target, packet->op);
	if (packet->op.aad_octets > 0) {
		restore(target);
		op = packet->op;
		op.aad_octets = 0;
		assert_refuses(target, op);
	}
	if (packet->op.octets > 0) {
		restore(target);
		packet->op.octets--;
		packet_snapshot(packet);
		op = packet->op;
		assert_false(aead_open_burst(target->ctx, &op, 1));
		assert_true(op.forged);
		packet_assert_wiped(packet);
		packet->op.octets++;
	}
	assert_opens(target);
}

static void each_packet(void (*visit)(struct target *target))
{
	static const struct packet_shape shapes[] = {{48, 8, 3, false}, {48, 12, 0, true},
		{37, 0, 1, true}, {0, 0, 0, true}, {0, 12, 5, false}, {1, 8, 7, false}};
	struct fixture_random random = {99};
	struct target target = {.packet = calloc(1, sizeof(struct packet)), .ctx = fixture_ctx()};
	uint8_t key[AEAD_KEY_MAX];

	assert_non_null(target.packet);
	for (unsigned i = 0; i < engines_all.n * AEAD_ALGORITHMS * COUNT(shapes); i++) {
		const struct packet_shape *shape = &shapes[i % COUNT(shapes)];
		unsigned row = i / COUNT(shapes);
		const struct aead_engine *engine = engines_all.engine[row / AEAD_ALGORITHMS];
		enum aead_algorithm algorithm = (enum aead_algorithm)(row % AEAD_ALGORITHMS);
		struct aead_key *expanded;

		if (!fixture_can(engine, algorithm))
			continue;
		fixture_fill(&random, key, sizeof(key));
		expanded = fixture_key(engine, algorithm, key);
		target.packet->op.key = expanded;
		packet_lay_out(target.packet, shape, &random);
		aead_seal_burst(target.ctx, &target.packet->op, 1);
		memcpy(target.sealed, target.packet->image, sizeof(target.sealed));
		visit(&target);
		aead_key_destroy(expanded);
	}
	aead_ctx_destroy(target.ctx);
	free(target.packet);
}

static void every_bit(void **state)
{
	(void)state;
	each_packet(attack);
}

static void every_shape(void **state)
{
	(void)state;
	each_packet(attack_shape);
}

static void another_key(struct target *target)
{
	static const uint8_t other[AEAD_KEY_MAX] = {1};
	const struct aead_key *right = target->packet->op.key;
	struct aead_key *wrong = fixture_key(right->engine, right->algorithm, other);

	restore(target);
	target->packet->op.key = wrong;
	assert_refuses(target, target->packet->op);
	target->packet->op.key = right;
	aead_key_destroy(wrong);
}

static void wrong_key(void **state)
{
	(void)state;
	each_packet(another_key);
}

#define TOGETHER 5 // small packets that are alike, and one behind them that is not in the burst

struct row {
	struct packet packet[TOGETHER + 1];
	uint8_t sealed[TOGETHER + 1][sizeof(((struct packet *)NULL)->image)];
	struct aead_op op[TOGETHER + 1];
};

static void row_restore(struct row *row)
{
	for (unsigned i = 0; i <= TOGETHER; i++) {
		memcpy(row->packet[i].image, row->sealed[i], sizeof(row->sealed[i]));
		packet_snapshot(&row->packet[i]);
		row->op[i] = row->packet[i].op;
	}
}

static void assert_refuses_one(struct aead_ctx *ctx, struct row *row, unsigned forged)
{
	assert_false(aead_open_burst(ctx, row->op, TOGETHER));
	for (unsigned i = 0; i < TOGETHER; i++) {
		assert_int_equal(row->op[i].forged, i == forged);
		if (i == forged)
			packet_assert_wiped(&row->packet[i]);
		else
			assert_memory_equal(
				row->op[i].data, row->packet[i].plaintext, row->op[i].octets);
		packet_assert_rest_untouched(&row->packet[i], true);
	}
}

static void assert_untouched(const struct packet *packet)
{
	assert_memory_equal(packet->image, packet->before, sizeof(packet->image));
}

static void attack_row(struct aead_ctx *ctx, struct row *row)
{
	for (unsigned n = 1; n <= TOGETHER; n++) {
		row_restore(row);
		assert_true(aead_open_burst(ctx, row->op, n));
		assert_untouched(&row->packet[n]);
		aead_seal_burst(ctx, row->op, n);
		assert_untouched(&row->packet[n]);
	}
	for (unsigned bit = 0; bit < TOGETHER * AEAD_TAG_OCTETS * 8; bit++) {
		unsigned forged = bit % TOGETHER, at = bit / TOGETHER;

		row_restore(row);
		row->op[forged].tag[at / 8] ^= (uint8_t)(1u << at % 8);
		packet_snapshot(&row->packet[forged]);
		assert_refuses_one(ctx, row, forged);
	}
}

static void one_of_several(void **state)
{
	static const struct packet_shape shapes[] = {{46, 8, 3, false}, {46, 0, 0, true}};
	static const uint8_t octets[AEAD_KEY_MAX] = {3};
	struct fixture_random random = {46};
	struct row *row = calloc(1, sizeof(*row));
	struct aead_ctx *ctx = fixture_ctx();

	(void)state;
	assert_non_null(row);
	for (unsigned i = 0; i < engines_all.n * AEAD_ALGORITHMS * COUNT(shapes); i++) {
		unsigned which = i / COUNT(shapes);
		const struct aead_engine *engine = engines_all.engine[which / AEAD_ALGORITHMS];
		enum aead_algorithm algorithm = (enum aead_algorithm)(which % AEAD_ALGORITHMS);
		struct aead_key *key;

		if (!fixture_can(engine, algorithm))
			continue;
		key = fixture_key(engine, algorithm, octets);
		for (unsigned p = 0; p <= TOGETHER; p++) {
			row->packet[p].op.key = key;
			packet_lay_out(&row->packet[p], &shapes[i % COUNT(shapes)], &random);
			aead_seal_burst(ctx, &row->packet[p].op, 1);
			memcpy(row->sealed[p], row->packet[p].image, sizeof(row->sealed[p]));
		}
		attack_row(ctx, row);
		aead_key_destroy(key);
	}
	aead_ctx_destroy(ctx);
	free(row);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_bit),
		cmocka_unit_test(every_shape),
		cmocka_unit_test(wrong_key),
		cmocka_unit_test(one_of_several),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
