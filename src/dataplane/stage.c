// Names of stages, and the figures of a profile that is being taken.
#include "dataplane/stage.h"

#include <string.h>

#define RECIPROCALS 65
// Longer bursts than this, in cycles, count as this long.
#define CYCLES_MAX ((UINT64_C(1) << 31) - 1)

const char *stage_name(enum stage stage)
{
	static const char *const names[] = {
#define X(id, text) #id,
		STAGE_ROWS(X)
#undef X
	};

	return names[stage];
}

const char *stage_text(enum stage stage)
{
	static const char *const texts[] = {
#define X(id, text) text,
		STAGE_ROWS(X)
#undef X
	};

	return texts[stage];
}

static void begin(struct stage_clock *clock)
{
	memset(clock->stage, 0, sizeof(clock->stage));
	for (unsigned i = 0; i < STAGES; i++)
		clock->stage[i].min = UINT64_MAX;
	clock->turns = 0;
}

void stage_turn_on(struct stage_clock *clock)
{
	uint32_t wanted = atomic_load_explicit(&clock->wanted, memory_order_relaxed);

	if (wanted != atomic_load_explicit(&clock->running, memory_order_relaxed)) {
		if (wanted != 0)
			begin(clock);
		atomic_store_explicit(&clock->running, wanted, memory_order_release);
	}
	clock->measuring = wanted != 0 && clock->turns++ % STAGE_TURNS == 0;
}

// cycles / packets in sixteenths, without a division: 2^32 / n for each n of a burst.
static uint64_t per_packet(uint64_t cycles, uint32_t packets)
{
#define R1(n) (uint32_t)((UINT64_C(1) << 32) / (n) - ((n) == 1))
#define R8(n)                                                                                \
	R1(n), R1((n) + 1), R1((n) + 2), R1((n) + 3), R1((n) + 4), R1((n) + 5), R1((n) + 6), \
		R1((n) + 7)
	static const uint32_t reciprocal[RECIPROCALS] = {
		0, R8(1), R8(9), R8(17), R8(25), R8(33), R8(41), R8(49), R8(57)};
#undef R8
#undef R1

	for (; packets >= RECIPROCALS; packets /= 2)
		cycles /= 2;
	if (unlikely(cycles > CYCLES_MAX))
		cycles = CYCLES_MAX;
	return (cycles * reciprocal[packets] + (UINT64_C(1) << 27)) >> 28;
}

static unsigned bucket_of(uint64_t sixteenths)
{
	uint64_t cycles = sixteenths / STAGE_FRACTION;
	unsigned bucket = cycles == 0 ? 0 : 64 - (unsigned)__builtin_clzll(cycles);

	return bucket < STAGE_BUCKETS ? bucket : STAGE_BUCKETS - 1;
}

void stage_record(struct stage_clock *clock, enum stage stage)
{
	struct stage_figures *figures = &clock->stage[stage];
	uint64_t now = rte_rdtsc();
	uint64_t cycles = now - clock->last;
	uint64_t each;

	clock->last = now;
	if (clock->packets == 0)
		return;
	each = per_packet(cycles, clock->packets);
	counter_add(&figures->cycles, cycles);
	counter_add(&figures->packets, clock->packets);
	counter_add(&figures->bursts, 1);
	counter_add(&figures->bucket[bucket_of(each)], 1);
	if (each < figures->min)
		__atomic_store_n(&figures->min, each, __ATOMIC_RELAXED);
	if (each > figures->max)
		__atomic_store_n(&figures->max, each, __ATOMIC_RELAXED);
}
