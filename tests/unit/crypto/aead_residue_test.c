// A destroyed key is nowhere in the process: not in an engine's context, not in what it freed. Nor
// is the keystream of a packet after its burst, or anything in the registers of our own engines.
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
	assert_true(aead_open_burst(ctx, &op, 1));
	tag[0] ^= 1;
	assert_false(aead_open_burst(ctx, &op, 1));
	assert_true(op.forged);
}

static void no_key_stays(void **state)
{
	struct aead_ctx *ctx = fixture_ctx();
	uint8_t key[AEAD_KEY_MAX], inverted[AEAD_KEY_MAX];

	(void)state;
	for (unsigned i = 0; i < engines_all.n * AEAD_ALGORITHMS; i++) {
		const struct aead_engine *engine = engines_all.engine[i / AEAD_ALGORITHMS];
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

#define LONG 4000
#define PACKETS 14
// Of the last packet, as many lengths as there are ways to end.
#define LAST_LENGTHS 300

static const struct aead_engine *const own[] = {&engine_vaes, &engine_vaes_avx2};

// Four alike and short, four alike and longer, four that are not alike, one alone, one of several
// chunks.
static const uint32_t lengths[PACKETS] = {
	46, 46, 46, 46, 200, 200, 200, 200, 46, 46, 46, 30, 300, LONG};

// One nonce for all, so that one pattern is in everybody's keystream.
static void lay_out_packets(struct aead_op *ops, struct aead_key *key, uint8_t (*data)[LONG],
	uint8_t (*tags)[AEAD_TAG_OCTETS])
{
	static const uint8_t nonce[AEAD_NONCE_OCTETS] = {7};

	for (unsigned i = 0; i < PACKETS; i++)
		ops[i] = (struct aead_op){.key = key,
			.nonce = nonce,
			.aad = nonce,
			.data = data[i],
			.tag = tags[i],
			.octets = lengths[i],
			.aad_octets = 0};
}

static void take_pattern(uint8_t *inverted, uint8_t *keystream)
{
	for (unsigned i = 0; i < PATTERN; i++)
		inverted[i] = (uint8_t)~keystream[i];
	secret_wipe(keystream, PATTERN);
}

static void assert_forgets(struct aead_ctx *ctx, struct aead_key *key)
{
	static uint8_t data[PACKETS][LONG], tags[PACKETS][AEAD_TAG_OCTETS];
	static const size_t places[] = {0, 16, 160, 1600, LONG - PATTERN};
	uint8_t inverted[COUNT(places) + 1][PATTERN];
	struct aead_op ops[PACKETS], empty;

	lay_out_packets(ops, key, data, tags);
	// The ciphertext of zeros is the keystream; the tag of nothing is what masks the tags.
	memset(data, 0, sizeof(data));
	empty = ops[0];
	empty.octets = 0;
	aead_seal_burst(ctx, &empty, 1);
	take_pattern(inverted[COUNT(places)], tags[0]);
	aead_seal_burst(ctx, &ops[PACKETS - 1], 1);
	for (unsigned i = 0; i < COUNT(places); i++)
		take_pattern(inverted[i], data[PACKETS - 1] + places[i]);
	memset(data, 0x5c, sizeof(data));
	aead_seal_burst(ctx, ops, PACKETS);
	for (unsigned i = 0; i < COUNT(inverted); i++)
		assert_false(process_holds(inverted[i]));
	aead_open_burst(ctx, ops, PACKETS);
	for (unsigned i = 0; i < COUNT(inverted); i++)
		assert_false(process_holds(inverted[i]));
}

static void no_keystream_stays(void **state)
{
	static const uint8_t octets[AEAD_KEY_MAX] = {3, 1, 4};
	struct aead_ctx *ctx;

	(void)state;
#ifdef __SANITIZE_ADDRESS__
	skip(); // Its frames are larger than what is wiped.
#endif
	ctx = fixture_ctx();
	for (unsigned i = 0; i < COUNT(own) * AEAD_ALGORITHMS; i++) {
		const struct aead_engine *engine = own[i / AEAD_ALGORITHMS];
		enum aead_algorithm algorithm = (enum aead_algorithm)(i % AEAD_ALGORITHMS);
		struct aead_key *key;

		if (!fixture_can(engine, algorithm))
			continue;
		key = fixture_key(engine, algorithm, octets);
		assert_forgets(ctx, key);
		aead_key_destroy(key);
	}
	aead_ctx_destroy(ctx);
}

#define REGISTERS 8

static void read_512_bits(uint8_t (*registers)[64])
{
	asm("vmovdqu64 %%zmm0, (%0)\n\tvmovdqu64 %%zmm1, 64(%0)\n\t"
	    "vmovdqu64 %%zmm7, 128(%0)\n\tvmovdqu64 %%zmm15, 192(%0)\n\t"
	    "vmovdqu64 %%zmm16, 256(%0)\n\tvmovdqu64 %%zmm22, 320(%0)\n\t"
	    "vmovdqu64 %%zmm30, 384(%0)\n\tvmovdqu64 %%zmm31, 448(%0)\n\t"
		:
		: "r"(registers)
		: "memory");
}

static void read_256_bits(uint8_t (*registers)[64])
{
	asm("vmovdqu %%ymm0, (%0)\n\tvmovdqu %%ymm1, 64(%0)\n\t"
	    "vmovdqu %%ymm3, 128(%0)\n\tvmovdqu %%ymm7, 192(%0)\n\t"
	    "vmovdqu %%ymm8, 256(%0)\n\tvmovdqu %%ymm11, 320(%0)\n\t"
	    "vmovdqu %%ymm14, 384(%0)\n\tvmovdqu %%ymm15, 448(%0)\n\t"
		:
		: "r"(registers)
		: "memory");
}

static void assert_clears_registers(
	const struct aead_engine *engine, void (*read)(uint8_t (*registers)[64]))
{
	static const uint8_t octets[AEAD_KEY_MAX] = {2, 7, 1}, zeros[REGISTERS][64];
	static uint8_t data[PACKETS][LONG], tags[PACKETS][AEAD_TAG_OCTETS];
	uint8_t registers[REGISTERS][64] = {0};
	struct aead_op ops[PACKETS];
	void *ctx;

	if (!engine->probe())
		skip();
	assert_int_equal(engine->ctx_create(&ctx), 0);
	for (unsigned i = 0; i <= AEAD_AES_256_GCM; i++) {
		struct aead_key *key = fixture_key(engine, (enum aead_algorithm)i, octets);

		lay_out_packets(ops, key, data, tags);
		engine->seal_burst(ctx, (enum aead_algorithm)i, ops, PACKETS);
		read(registers);
		assert_memory_equal(registers, zeros, sizeof(zeros));
		engine->open_burst(ctx, (enum aead_algorithm)i, ops, PACKETS);
		read(registers);
		assert_memory_equal(registers, zeros, sizeof(zeros));
		aead_key_destroy(key);
	}
	engine->ctx_destroy(ctx);
}

static void vaes_clears_registers(void **state)
{
	(void)state;
	assert_clears_registers(&engine_vaes, read_512_bits);
}

static void vaes_avx2_clears_registers(void **state)
{
	(void)state;
	assert_clears_registers(&engine_vaes_avx2, read_256_bits);
}

#define DEPTH 4096 // of the stack that is looked at
#define OWN 128	   // of who looks
#define GENERAL 8

// What a burst leaves below its caller, and in registers that a function need not keep.
struct leftovers {
	uint8_t stack[DEPTH];
	uint64_t general[GENERAL];
};

static __attribute__((noinline)) void fill_stack(void)
{
	uint8_t frame[2 * DEPTH];

	memset(frame, 0xa5, sizeof(frame));
	asm volatile("" : : "r"(frame) : "memory");
}

static __attribute__((noinline)) void run_and_look(
	const struct aead_engine *engine, struct aead_op *ops, bool seal, struct leftovers *left)
{
	const volatile uint8_t *below = (const uint8_t *)__builtin_frame_address(0) - OWN - DEPTH;
	enum aead_algorithm algorithm = ops->key->algorithm;
	uint64_t *general = left->general;

	fill_stack();
	if (seal)
		engine->seal_burst(NULL, algorithm, ops, PACKETS);
	else
		engine->open_burst(NULL, algorithm, ops, PACKETS);
	asm volatile("mov %%rcx, (%0)\n\tmov %%rdx, 8(%0)\n\t"
		     "mov %%rsi, 16(%0)\n\tmov %%rdi, 24(%0)\n\t"
		     "mov %%r8, 32(%0)\n\tmov %%r9, 40(%0)\n\t"
		     "mov %%r10, 48(%0)\n\tmov %%r11, 56(%0)"
		     :
		     : "r"(general)
		     : "memory");
	for (unsigned i = 0; i < DEPTH; i++)
		left->stack[i] = below[i];
}

// Other keys and data at the same addresses leave the same.
static void nothing_depends_on_secrets(void **state)
{
	static uint8_t data[PACKETS][LONG], tags[PACKETS][AEAD_TAG_OCTETS];
	static struct leftovers left[2][2];
	const struct aead_engine *engine = &engine_vaes_avx2;
	uint8_t octets[AEAD_KEY_MAX] = {0};
	struct aead_op ops[PACKETS];

	(void)state;
#ifdef __SANITIZE_ADDRESS__
	skip(); // Its frames are larger than what is wiped.
#endif
	if (!engine->probe())
		skip();
	for (unsigned i = 0; i < 3 * LAST_LENGTHS; i++) {
		enum aead_algorithm algorithm = (enum aead_algorithm)(i % 3);
		struct aead_key *key = fixture_key(engine, algorithm, octets);

		for (unsigned run = 0; run < 2; run++) {
			memset(octets, (int)(0x31 + run), sizeof(octets));
			assert_int_equal(engine->expand(algorithm, octets, key->expanded), 0);
			memset(data, (int)(0x77 + run), sizeof(data));
			lay_out_packets(ops, key, data, tags);
			ops[PACKETS - 1].octets = i / 3;
			run_and_look(engine, ops, true, &left[run][0]);
			run_and_look(engine, ops, false, &left[run][1]);
			assert_memory_equal(data[0], data[1], lengths[0]);
		}
		assert_memory_equal(&left[0], &left[1], sizeof(left[0]));
		aead_key_destroy(key);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_key_stays),
		cmocka_unit_test(no_keystream_stays),
		cmocka_unit_test(vaes_clears_registers),
		cmocka_unit_test(vaes_avx2_clears_registers),
		cmocka_unit_test(nothing_depends_on_secrets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
