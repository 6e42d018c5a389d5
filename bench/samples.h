// Figures of one case, sorted out: median and spread.
#pragma once

#include <stddef.h>

// Of any figures: sorts them; 0 <= fraction <= 1 of sorted ones (0.5 is the median), at least one.
void values_sort(double *value, size_t n);
double values_quantile(const double *sorted, size_t n, double fraction);

struct samples {
	size_t n;
	size_t capacity;
	double *value;
};

int samples_init(struct samples *samples, size_t capacity);
void samples_free(struct samples *samples);
void samples_add(struct samples *samples, double value);
// Sorts. At least one sample.
double samples_quantile(struct samples *samples, double fraction);
