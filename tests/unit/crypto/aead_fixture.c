// Shared by the tests of engines: keys, packets with guards around them.
#include "aead_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GUARD 128

bool fixture_can(const struct aead_engine *engine, enum aead_algorithm algorithm)
{
	return engine->probe() && engine->supports(algorithm);
}

// xorshift64*
static uint64_t next(struct fixture_random *random)
{
	random->state ^= random->state >> 12;
	random->state ^= random->state << 25;
	random->state ^= random->state >> 27;
	return random->state * 0x2545f4914f6cdd1dULL;
}

void fixture_fill(struct fixture_random *random, void *memory, size_t octets)
{
	uint8_t *to = memory;

	while (octets > 0) {
		uint64_t value = next(random);
		size_t part = octets < sizeof(value) ? octets : sizeof(value);

		memcpy(to, &value, part);
		to += part;
		octets -= part;
	}
}

uint32_t fixture_below(struct fixture_random *random, uint32_t bound)
{
	return (uint32_t)((next(random) >> 32) % bound);
}

struct aead_key *fixture_key(
	const struct aead_engine *engine, enum aead_algorithm algorithm, const uint8_t *key)
{
	struct aead_key *created = NULL;

	assert_int_equal(aead_key_create(engine, algorithm, key, &created), 0);
	assert_non_null(created);
	return created;
}

struct aead_ctx *fixture_ctx(void)
{
	struct aead_ctx *ctx = NULL;

	assert_int_equal(aead_ctx_create(&engines_all, &ctx), 0);
	return ctx;
}

void packet_lay_out(
	struct packet *packet, const struct packet_shape *shape, struct fixture_random *random)
{
	uint8_t *nonce = packet->image + GUARD + shape->misalignment;
	uint8_t *aad = nonce + AEAD_NONCE_OCTETS;
	uint8_t *body = aad + shape->aad_octets;

	fixture_fill(random, packet->image, sizeof(packet->image));
	packet->op = (struct aead_op){
		.key = packet->op.key,
		.nonce = nonce,
		.aad = aad,
		.data = shape->tag_first ? body + AEAD_TAG_OCTETS : body,
		.tag = shape->tag_first ? body : body + shape->octets,
		.octets = shape->octets,
		.aad_octets = shape->aad_octets,
	};
	memcpy(packet->plaintext, packet->op.data, shape->octets);
	packet_snapshot(packet);
}

void packet_snapshot(struct packet *packet)
{
	memcpy(packet->before, packet->image, sizeof(packet->image));
}

static void assert_same(const struct packet *packet, size_t from, size_t to)
{
	assert_memory_equal(packet->image + from, packet->before + from, to - from);
}

void packet_assert_rest_untouched(const struct packet *packet, bool tag_too)
{
	const struct aead_op *op = &packet->op;
	const uint8_t *first = op->tag < op->data ? op->tag : op->data;
	size_t start = (size_t)(first - packet->image);
	size_t tag = (size_t)(op->tag - packet->image);

	assert_same(packet, 0, start);
	assert_same(packet, start + op->octets + AEAD_TAG_OCTETS, sizeof(packet->image));
	if (tag_too)
		assert_same(packet, tag, tag + AEAD_TAG_OCTETS);
}

void packet_assert_wiped(const struct packet *packet)
{
	for (uint32_t i = 0; i < packet->op.octets; i++)
		assert_int_equal(packet->op.data[i], 0);
}
