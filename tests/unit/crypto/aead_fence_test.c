// No engine reads or writes an octet that is not the packet's: nonce, associated data, data and tag
// each lie against a page that may not be touched, first with their end, then with their start.
// (AddressSanitizer does not see masked loads.)
#include "aead_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define PIECES 4 // nonce, associated data, data, tag
#define BURST 5	 // four and one: together and alone

static const uint8_t aad_sizes[] = {0, 8, 12};

// Memory between two pages that may not be touched.
struct yard {
	uint8_t *start;
	size_t octets;
};

struct fence {
	struct yard yard[BURST][PIECES];
	struct aead_ctx *ctx;
	struct aead_key *key, *reference;
	struct fixture_random random;
};

static struct yard yard_create(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct yard yard = {.octets = (FIXTURE_OCTETS_MAX + page - 1) / page * page};
	uint8_t *mapped =
		mmap(NULL, yard.octets + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(mapped, MAP_FAILED);
	yard.start = mapped + page;
	assert_int_equal(mprotect(yard.start, yard.octets, PROT_READ | PROT_WRITE), 0);
	return yard;
}

static void yard_destroy(struct yard *yard)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	munmap(yard->start - page, yard->octets + 2 * page);
}

static uint8_t *place(const struct yard *yard, size_t octets, bool at_end)
{
	return at_end ? yard->start + yard->octets - octets : yard->start;
}

static uint8_t any_aad(struct fence *fence)
{
	return aad_sizes[fixture_below(&fence->random, COUNT(aad_sizes))];
}

static void place_packet(struct fence *fence, unsigned i, struct aead_op *op, uint32_t octets,
	uint8_t aad_octets, bool at_end)
{
	const struct yard *yard = fence->yard[i];
	uint8_t *nonce = place(&yard[0], AEAD_NONCE_OCTETS, at_end);
	uint8_t *aad = place(&yard[1], aad_octets, at_end);

	fixture_fill(&fence->random, nonce, AEAD_NONCE_OCTETS);
	fixture_fill(&fence->random, aad, aad_octets);
	*op = (struct aead_op){
		.nonce = nonce,
		.aad = aad_octets > 0 ? aad : NULL,
		.data = place(&yard[2], octets, at_end),
		.tag = place(&yard[3], AEAD_TAG_OCTETS, at_end),
		.octets = octets,
		.aad_octets = aad_octets,
	};
	fixture_fill(&fence->random, op->data, octets);
}

// alike: in all that lets an engine treat neighbours together.
static void run(struct fence *fence, uint32_t octets, bool alike, bool at_end)
{
	static uint8_t plaintext[BURST][FIXTURE_OCTETS_MAX], sealed[FIXTURE_OCTETS_MAX];
	uint8_t tag[AEAD_TAG_OCTETS];
	struct aead_op ops[BURST], expected;
	uint8_t aad_octets = any_aad(fence);

	for (unsigned i = 0; i < BURST; i++) {
		place_packet(
			fence, i, &ops[i], octets, alike ? aad_octets : any_aad(fence), at_end);
		memcpy(plaintext[i], ops[i].data, octets);
		ops[i].key = fence->key;
	}
	memcpy(sealed, plaintext[0], octets);
	expected = ops[0];
	expected.key = fence->reference;
	expected.data = sealed;
	expected.tag = tag;
	aead_seal_burst(fence->ctx, &expected, 1);
	aead_seal_burst(fence->ctx, ops, BURST);
	assert_memory_equal(ops[0].data, sealed, octets);
	assert_memory_equal(ops[0].tag, tag, sizeof(tag));
	ops[1].tag[15] ^= 1;
	assert_false(aead_open_burst(fence->ctx, ops, BURST));
	for (unsigned i = 0; i < BURST; i++) {
		assert_int_equal(ops[i].forged, i == 1);
		if (i == 1)
			memset(plaintext[i], 0, octets);
		assert_memory_equal(ops[i].data, plaintext[i], octets);
	}
}

static void every_length(struct fence *fence)
{
	static const uint32_t more[] = {511, 512, 513, 1520, 1521, 1536, 3056, 3057, 9599, 9600};

	for (uint32_t i = 0; i <= 330 + COUNT(more); i++) {
		uint32_t octets = i <= 330 ? i : more[i - 331];

		for (unsigned alike = 0; alike < 2; alike++) {
			run(fence, octets, alike, true);
			run(fence, octets, alike, false);
		}
	}
}

static void nothing_outside(void **state)
{
	struct fence fence = {.ctx = fixture_ctx(), .random = {5}};
	uint8_t key[AEAD_KEY_MAX];

	(void)state;
	for (unsigned i = 0; i < BURST * PIECES; i++)
		fence.yard[i / PIECES][i % PIECES] = yard_create();
	for (unsigned i = 0; i < engines_all.n * AEAD_ALGORITHMS; i++) {
		const struct aead_engine *engine = engines_all.engine[i / AEAD_ALGORITHMS];
		enum aead_algorithm algorithm = (enum aead_algorithm)(i % AEAD_ALGORITHMS);

		if (!fixture_can(engine, algorithm))
			continue;
		fixture_fill(&fence.random, key, sizeof(key));
		fence.key = fixture_key(engine, algorithm, key);
		fence.reference = fixture_key(&engine_openssl, algorithm, key);
		every_length(&fence);
		aead_key_destroy(fence.key);
		aead_key_destroy(fence.reference);
	}
	for (unsigned i = 0; i < BURST * PIECES; i++)
		yard_destroy(&fence.yard[i / PIECES][i % PIECES]);
	aead_ctx_destroy(fence.ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_outside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
