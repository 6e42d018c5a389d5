// Figures of one case, sorted out.
#include "bench/samples.h"

#include <errno.h>
#include <stdlib.h>

int samples_init(struct samples *samples, size_t capacity)
{
	*samples = (struct samples){.capacity = capacity};
	samples->value = calloc(capacity, sizeof(samples->value[0]));
	return samples->value == NULL ? -ENOMEM : 0;
}

void samples_free(struct samples *samples)
{
	free(samples->value);
}

void samples_add(struct samples *samples, double value)
{
	if (samples->n < samples->capacity)
		samples->value[samples->n++] = value;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

double samples_quantile(struct samples *samples, double fraction)
{
	qsort(samples->value, samples->n, sizeof(samples->value[0]), compare);
	return samples->value[(size_t)(fraction * (double)(samples->n - 1) + 0.5)];
}
