// Figures of one case, sorted out.
#include "bench/samples.h"

#include <errno.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

void values_sort(double *value, size_t n)
{
	qsort(value, n, sizeof(value[0]), compare);
}

double values_quantile(const double *sorted, size_t n, double fraction)
{
	return sorted[(size_t)(fraction * (double)(n - 1) + 0.5)];
}

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

double samples_quantile(struct samples *samples, double fraction)
{
	values_sort(samples->value, samples->n);
	return values_quantile(samples->value, samples->n, fraction);
}
