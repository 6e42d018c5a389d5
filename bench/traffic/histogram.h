// Counts of values in buckets that grow with the value: exact up to 255, then less than 1 % wide.
// One thread adds, others may copy at any time.
#pragma once

#include "base/compiler.h"
#include "base/counter.h"

#include <stdint.h>

#define HISTOGRAM_SUB_BITS 7 // 128 buckets for each power of two
#define HISTOGRAM_VALUE_BITS 44
#define HISTOGRAM_BUCKETS ((HISTOGRAM_VALUE_BITS - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS)
#define HISTOGRAM_MOST ((UINT64_C(1) << HISTOGRAM_VALUE_BITS) - 1)

struct histogram {
	uint64_t sum;
	uint64_t bucket[HISTOGRAM_BUCKETS];
};

// Larger values count as HISTOGRAM_MOST.
static ALWAYS_INLINE void histogram_add(struct histogram *h, uint64_t value)
{
	unsigned shift = 0;

	if (unlikely(value > HISTOGRAM_MOST))
		value = HISTOGRAM_MOST;
	if (value >> (HISTOGRAM_SUB_BITS + 1) != 0)
		shift = 63 - (unsigned)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
	counter_add(&h->sum, value);
	counter_add(&h->bucket[((uint64_t)shift << HISTOGRAM_SUB_BITS) + (value >> shift)], 1);
}

// What another thread adds to, as it is now, on top of `to`.
void histogram_merge(struct histogram *to, const struct histogram *from);
// Takes away an earlier state of the same histogram.
void histogram_subtract(struct histogram *from, const struct histogram *earlier);

uint64_t histogram_count(const struct histogram *h);
double histogram_mean(const struct histogram *h);
// The largest value that may be in the bucket in which the fraction (0 to 1) of all values is
// reached: 0.5 for the median, 1 for the largest. 0 where there are no values.
uint64_t histogram_quantile(const struct histogram *h, double fraction);
// The smallest value that may be in the first bucket that is not empty.
uint64_t histogram_least(const struct histogram *h);
