// Sums of structs that are made of uint64_t counters alone.
#pragma once

#include "base/counter.h"

#include <stddef.h>

// Another thread may be counting in `from`.
static inline void counters_add(void *to, const void *from, size_t octets)
{
	uint64_t *sum = to;
	const uint64_t *counter = from;

	for (size_t i = 0; i < octets / sizeof(*sum); i++)
		sum[i] += counter_read(&counter[i]);
}

static inline void counters_subtract(void *from, const void *earlier, size_t octets)
{
	uint64_t *now = from;
	const uint64_t *before = earlier;

	for (size_t i = 0; i < octets / sizeof(*now); i++)
		now[i] -= before[i];
}
