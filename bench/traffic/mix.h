// A repeating order of values, such as frame sizes: each as often as its weight says, spread
// evenly.
#pragma once

#include "base/error.h"

#include <stdint.h>

#define MIX_MAX 16384

struct mix {
	unsigned n;
	uint16_t value[MIX_MAX];
};

// "64", "64,128", "60:7,590:4,1514:1" (values with weights) or "64-1500/4" (a range, with a step).
// Every value is from least to most. 0 or -errno.
int mix_parse(const char *text, uint16_t least, uint16_t most, struct mix *mix, struct error *err);
