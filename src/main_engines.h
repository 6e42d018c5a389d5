// The engines that the program has. Apart from main.c, so that a build for measurements can have
// others.
#pragma once

#include "crypto/aead.h"

extern const struct aead_table *const main_engines;

// An engine that gives one wrong answer is a reason not to start at all. 0 or -errno.
int main_engines_test(struct error *err);
