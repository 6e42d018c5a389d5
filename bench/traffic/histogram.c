// Counts of values in buckets that grow with the value: what is asked of them.
#include "bench/traffic/histogram.h"

#define PER_OCTAVE (UINT64_C(1) << HISTOGRAM_SUB_BITS)

// The smallest value of a bucket.
static uint64_t bucket_least(unsigned bucket)
{
	unsigned octave = bucket >> HISTOGRAM_SUB_BITS;

	if (octave <= 1)
		return bucket;
	return (PER_OCTAVE + (bucket & (PER_OCTAVE - 1))) << (octave - 1);
}

void histogram_merge(struct histogram *to, const struct histogram *from)
{
	to->sum += counter_read(&from->sum);
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		to->bucket[i] += counter_read(&from->bucket[i]);
}

void histogram_subtract(struct histogram *from, const struct histogram *earlier)
{
	from->sum -= earlier->sum;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		from->bucket[i] -= earlier->bucket[i];
}

uint64_t histogram_count(const struct histogram *h)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		count += h->bucket[i];
	return count;
}

double histogram_mean(const struct histogram *h)
{
	uint64_t count = histogram_count(h);

	return count == 0 ? 0 : (double)h->sum / (double)count;
}

uint64_t histogram_quantile(const struct histogram *h, double fraction)
{
	uint64_t count = histogram_count(h);
	uint64_t wanted = (uint64_t)(fraction * (double)count + 0.5);
	uint64_t seen = 0;

	if (count == 0)
		return 0;
	if (wanted == 0)
		wanted = 1;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen >= wanted)
			return bucket_least(i + 1) - 1;
	}
	return HISTOGRAM_MOST;
}

uint64_t histogram_least(const struct histogram *h)
{
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (h->bucket[i] != 0)
			return bucket_least(i);
	}
	return 0;
}
