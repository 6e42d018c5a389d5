// Bursts of the VAES engine for CPUs without AVX512: small packets with one key and as many blocks
// go two by two, all others one by one. Everything below is inlined here, once for each number of
// rounds and direction.
#include "crypto/engine_vaes_avx2_pairs.h"
#include "crypto/engine_vaes_avx2_stream.h"

// What the functions below may leave on the stack, with the registers that they save; the build
// checks their frames.
#define STACK_OCTETS 1152

// So many of n packets as go two by two; 0: the first one goes alone.
static ALWAYS_INLINE unsigned small_packets(
	struct aead_op *ops, unsigned n, unsigned rounds, bool seal, bool *forged)
{
	const uint32_t blocks = blocks_of(ops);

	if (n < 2 || !pair_fits_one(&ops[1], ops, blocks))
		return 0;
	switch (blocks) {
	case PAIR_BLOCKS_MIN:
		return pairs_run(ops, n, PAIR_BLOCKS_MIN, rounds, seal, forged);
	case 3:
		return pairs_run(ops, n, 3, rounds, seal, forged);
	case 4:
		return pairs_run(ops, n, 4, rounds, seal, forged);
	case 5:
		return pairs_run(ops, n, 5, rounds, seal, forged);
	case 6:
		return pairs_run(ops, n, 6, rounds, seal, forged);
	case PAIR_BLOCKS_MAX:
		return pairs_run(ops, n, PAIR_BLOCKS_MAX, rounds, seal, forged);
	default:
		return 0;
	}
}

// True: none was forged.
static ALWAYS_INLINE bool burst(struct aead_op *ops, unsigned n, unsigned rounds, bool seal)
{
	bool forged = false;

	while (n > 0) {
		unsigned done = small_packets(ops, n, rounds, seal, &forged);

		if (done == 0) {
			stream_packet(ops, rounds, seal, &forged);
			done = 1;
		}
		ops += done;
		n -= done;
	}
	return !forged;
}

static __attribute__((noinline)) void seal_128(struct aead_op *ops, unsigned n)
{
	burst(ops, n, 10, true);
}

static __attribute__((noinline)) void seal_192(struct aead_op *ops, unsigned n)
{
	burst(ops, n, 12, true);
}

static __attribute__((noinline)) void seal_256(struct aead_op *ops, unsigned n)
{
	burst(ops, n, 14, true);
}

static __attribute__((noinline)) bool open_128(struct aead_op *ops, unsigned n)
{
	return burst(ops, n, 10, false);
}

static __attribute__((noinline)) bool open_192(struct aead_op *ops, unsigned n)
{
	return burst(ops, n, 12, false);
}

static __attribute__((noinline)) bool open_256(struct aead_op *ops, unsigned n)
{
	return burst(ops, n, 14, false);
}

// Lies where the frames of the functions above were, and is larger than they may be.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wframe-larger-than="
static __attribute__((noinline)) void forget_stack(void)
{
	uint8_t frame[STACK_OCTETS];

	secret_wipe(frame, sizeof(frame));
}
#pragma GCC diagnostic pop

void vaes_avx2_seal_burst(enum aead_algorithm algorithm, struct aead_op *ops, unsigned n)
{
	if (algorithm == AEAD_AES_128_GCM)
		seal_128(ops, n);
	else if (algorithm == AEAD_AES_192_GCM)
		seal_192(ops, n);
	else
		seal_256(ops, n);
	forget_stack();
	forget_registers();
}

bool vaes_avx2_open_burst(enum aead_algorithm algorithm, struct aead_op *ops, unsigned n)
{
	bool authentic;

	if (algorithm == AEAD_AES_128_GCM)
		authentic = open_128(ops, n);
	else if (algorithm == AEAD_AES_192_GCM)
		authentic = open_192(ops, n);
	else
		authentic = open_256(ops, n);
	forget_stack();
	forget_registers();
	return authentic;
}
