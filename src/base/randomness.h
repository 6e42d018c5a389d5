// Whether a source of random numbers has broken down: the statistical tests of FIPS 140-2 (change
// notice 1) on blocks of 20,000 bits. They find a source that is stuck or biased, not one that is
// predictable.
#pragma once

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

#define RANDOMNESS_BLOCK_OCTETS 2500

// NULL, or what is wrong with the block.
const char *randomness_judge(const uint8_t block[RANDOMNESS_BLOCK_OCTETS]);
// One block of fill's; a good source fails once in some thousand, so a block that fails is repeated
// twice. 0 or -errno with err filled.
int randomness_test(int (*fill)(void *memory, size_t octets), struct error *err);
