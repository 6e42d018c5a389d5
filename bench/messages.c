// A burst of messages in memory.
#include "bench/messages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HEADROOM 128
#define TAILROOM 64

// xorshift64*
static uint64_t next(struct messages_random *random)
{
	random->state ^= random->state >> 12;
	random->state ^= random->state << 25;
	random->state ^= random->state >> 27;
	return random->state * 0x2545f4914f6cdd1dULL;
}

void messages_fill(struct messages_random *random, void *memory, size_t octets)
{
	uint8_t *to = memory;

	for (; octets >= sizeof(uint64_t); octets -= sizeof(uint64_t), to += sizeof(uint64_t)) {
		uint64_t value = next(random);

		memcpy(to, &value, sizeof(value));
	}
	for (; octets > 0; octets--)
		*to++ = (uint8_t)next(random);
}

uint32_t messages_below(struct messages_random *random, uint32_t bound)
{
	return (uint32_t)((next(random) >> 32) % bound);
}

// An odd number of cache lines, so that messages do not meet in one set of a cache.
static size_t stride_of(uint32_t octets_max)
{
	size_t lines = (HEADROOM + octets_max + AEAD_TAG_OCTETS + TAILROOM) / CACHE_LINE + 1;

	return (lines | 1) * CACHE_LINE;
}

int messages_init(struct messages *messages, uint32_t octets_max)
{
	*messages = (struct messages){.stride = stride_of(octets_max)};
	messages->memory = aligned_alloc(CACHE_LINE, messages->stride * MESSAGES_MAX);
	if (messages->memory == NULL)
		return -ENOMEM;
	memset(messages->memory, 0, messages->stride * MESSAGES_MAX);
	return 0;
}

void messages_narrow(struct messages *messages, uint32_t octets_max)
{
	messages->stride = stride_of(octets_max);
}

void messages_free(struct messages *messages)
{
	free(messages->memory);
}

static uint8_t *start_of(const struct messages *messages, unsigned i)
{
	return messages->memory + i * messages->stride;
}

void messages_lay_out(struct messages *messages, unsigned i, const struct aead_key *key,
	uint32_t octets, uint8_t aad_octets, uint8_t misalignment)
{
	uint8_t *data = start_of(messages, i) + CACHE_LINE + misalignment;

	messages->op[i] = (struct aead_op){
		.key = key,
		.nonce = messages->nonce[i],
		.aad = data - 16,
		.data = data,
		.tag = data + octets,
		.octets = octets,
		.aad_octets = aad_octets,
	};
}

// What a message lies in: some octets before and behind it are part of that.
static size_t extent_of(const struct messages *messages, unsigned i)
{
	const struct aead_op *op = &messages->op[i];

	return (size_t)(op->data - start_of(messages, i)) + op->octets + AEAD_TAG_OCTETS + TAILROOM;
}

void messages_randomize(struct messages *messages, unsigned i, struct messages_random *random)
{
	messages_fill(random, messages->nonce[i], AEAD_NONCE_OCTETS);
	messages_fill(random, start_of(messages, i), extent_of(messages, i));
}

void messages_copy(struct messages *to, const struct messages *from, unsigned n)
{
	memcpy(to->nonce, from->nonce, n * sizeof(to->nonce[0]));
	for (unsigned i = 0; i < n; i++) {
		ptrdiff_t data = from->op[i].data - start_of(from, i);

		memcpy(start_of(to, i), start_of(from, i), extent_of(from, i));
		messages_lay_out(to, i, from->op[i].key, from->op[i].octets, from->op[i].aad_octets,
			(uint8_t)(data - CACHE_LINE));
	}
}

unsigned messages_differ(const struct messages *a, const struct messages *b, unsigned n)
{
	unsigned i = 0;

	while (i < n && memcmp(start_of(a, i), start_of(b, i), extent_of(a, i)) == 0)
		i++;
	return i;
}
