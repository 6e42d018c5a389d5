// Figures of one case, sorted out: median and spread.
#pragma once

#include <stddef.h>

struct samples {
	size_t n;
	size_t capacity;
	double *value;
};

int samples_init(struct samples *samples, size_t capacity);
void samples_free(struct samples *samples);
void samples_add(struct samples *samples, double value);
// 0 <= fraction <= 1: 0.5 is the median. Sorts. At least one sample.
double samples_quantile(struct samples *samples, double fraction);
