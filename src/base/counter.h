// Statistics that one thread writes and others read at any time: plain adds for the writer, no torn
// or cached values for the readers.
#pragma once

#include "base/compiler.h"

#include <stdint.h>

static ALWAYS_INLINE void counter_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

// A high-water mark.
static ALWAYS_INLINE void counter_raise(uint64_t *counter, uint64_t level)
{
	if (unlikely(level > *counter))
		__atomic_store_n(counter, level, __ATOMIC_RELAXED);
}

static ALWAYS_INLINE uint64_t counter_read(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}
