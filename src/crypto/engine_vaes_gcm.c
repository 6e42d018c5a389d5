// Bursts of the VAES engine: four neighbours of one length, or of one small number of units, go
// side by side, and small ones with one key in a row of fours; all others go one by one. Everything
// below is inlined here, once for each number of rounds and direction.
#include "crypto/engine_vaes_columns.h"
#include "crypto/engine_vaes_packed.h"
#include "crypto/engine_vaes_quad.h"
#include "crypto/engine_vaes_stream.h"

// What the functions below may leave on the stack; the build checks their frames.
#define STACK_OCTETS 512

static ALWAYS_INLINE bool equal_units(const struct aead_op *ops, uint32_t units)
{
	return units_of(&ops[1]) == units && units_of(&ops[2]) == units &&
		units_of(&ops[3]) == units;
}

static ALWAYS_INLINE void small_packets(
	struct aead_op *ops, uint32_t units, unsigned rounds, bool seal, bool *forged)
{
	switch (units) {
	case 1:
		quad_run(ops, 1, rounds, seal, forged);
		break;
	case 2:
		quad_run(ops, 2, rounds, seal, forged);
		break;
	case 3:
		quad_run(ops, 3, rounds, seal, forged);
		break;
	default:
		quad_run(ops, QUAD_UNITS_MAX, rounds, seal, forged);
		break;
	}
}

static ALWAYS_INLINE void alike_packets(
	struct aead_op *ops, unsigned n, bool same_key, unsigned rounds, bool seal, bool *forged)
{
	const struct aead_op *next = n < 2 * VAES_TOGETHER ? ops : ops + VAES_TOGETHER;

	if (same_key)
		packed_run(ops, next, (struct four){true, false}, rounds, seal, forged);
	else if (ops->octets <= VAES_UNIT)
		packed_run(ops, next, (struct four){false, true}, rounds, seal, forged);
	else
		packed_run(ops, next, (struct four){false, false}, rounds, seal, forged);
}

// So many of n packets as go side by side; 0: the first one goes alone.
static ALWAYS_INLINE unsigned side_by_side(
	struct aead_op *ops, unsigned n, unsigned rounds, bool seal, bool *forged)
{
	bool same_key;
	uint32_t units;

	if (n < VAES_TOGETHER)
		return 0;
	same_key = one_key(ops);
	units = units_of(ops);
	if (same_key && columns_fit(ops))
		return columns_run(ops, n, rounds, seal, forged);
	if (packed_fits(ops, same_key))
		alike_packets(ops, n, same_key, rounds, seal, forged);
	else if (units <= QUAD_UNITS_MAX && equal_units(ops, units))
		small_packets(ops, units, rounds, seal, forged);
	else
		return 0;
	return VAES_TOGETHER;
}

// True: none was forged.
static ALWAYS_INLINE bool burst(
	struct vaes_scratch *scratch, struct aead_op *ops, unsigned n, unsigned rounds, bool seal)
{
	bool forged = false;

	while (n > 0) {
		unsigned done = side_by_side(ops, n, rounds, seal, &forged);

		if (done > 0) {
			ops += done;
			n -= done;
			continue;
		}
		scratch->used = true;
		stream_packet(ops, n > 1 ? ops + 1 : ops, scratch, rounds, seal);
		if (scratch->waiting == VAES_TOGETHER)
			stream_finish(scratch, seal, &forged);
		ops++;
		n--;
	}
	if (scratch->waiting > 0)
		stream_finish(scratch, seal, &forged);
	return !forged;
}

static __attribute__((noinline)) void seal_128(
	struct vaes_scratch *scratch, struct aead_op *ops, unsigned n)
{
	burst(scratch, ops, n, 10, true);
}

static __attribute__((noinline)) void seal_192(
	struct vaes_scratch *scratch, struct aead_op *ops, unsigned n)
{
	burst(scratch, ops, n, 12, true);
}

static __attribute__((noinline)) void seal_256(
	struct vaes_scratch *scratch, struct aead_op *ops, unsigned n)
{
	burst(scratch, ops, n, 14, true);
}

static __attribute__((noinline)) bool open_128(
	struct vaes_scratch *scratch, struct aead_op *ops, unsigned n)
{
	return burst(scratch, ops, n, 10, false);
}

static __attribute__((noinline)) bool open_192(
	struct vaes_scratch *scratch, struct aead_op *ops, unsigned n)
{
	return burst(scratch, ops, n, 12, false);
}

static __attribute__((noinline)) bool open_256(
	struct vaes_scratch *scratch, struct aead_op *ops, unsigned n)
{
	return burst(scratch, ops, n, 14, false);
}

size_t vaes_scratch_octets(void)
{
	return sizeof(struct vaes_scratch);
}

// Lies where the frames of the functions above were.
static __attribute__((noinline)) void forget_stack(void)
{
	uint8_t frame[STACK_OCTETS];

	secret_wipe(frame, sizeof(frame));
}

static void forget(struct vaes_scratch *scratch)
{
	if (scratch->used)
		secret_wipe(scratch, sizeof(*scratch));
	forget_stack();
	forget_vectors();
}

void vaes_seal_burst(struct vaes_scratch *scratch, enum aead_algorithm algorithm,
	struct aead_op *ops, unsigned n)
{
	if (algorithm == AEAD_AES_128_GCM)
		seal_128(scratch, ops, n);
	else if (algorithm == AEAD_AES_192_GCM)
		seal_192(scratch, ops, n);
	else
		seal_256(scratch, ops, n);
	forget(scratch);
}

bool vaes_open_burst(struct vaes_scratch *scratch, enum aead_algorithm algorithm,
	struct aead_op *ops, unsigned n)
{
	bool authentic;

	if (algorithm == AEAD_AES_128_GCM)
		authentic = open_128(scratch, ops, n);
	else if (algorithm == AEAD_AES_192_GCM)
		authentic = open_192(scratch, ops, n);
	else
		authentic = open_256(scratch, ops, n);
	forget(scratch);
	return authentic;
}
