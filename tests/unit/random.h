// Random numbers that are the same in each run.
#pragma once

#include <stddef.h>
#include <stdint.h>

// All zero is a start like any other.
struct random {
	uint64_t state;
};

// splitmix64.
static inline uint64_t random_next(struct random *r)
{
	uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

// 0 .. n - 1.
static inline uint64_t random_below(struct random *r, uint64_t n)
{
	return random_next(r) % n;
}

static inline void random_fill(struct random *r, void *memory, size_t octets)
{
	for (size_t i = 0; i < octets; i++)
		((uint8_t *)memory)[i] = (uint8_t)random_next(r);
}
