// Whether the time to refuse a message tells where its tag is wrong.
#pragma once

#include "crypto/aead.h"

// Welch's t between messages whose tag is wrong in its first octet and messages whose tag is wrong
// in its last, of so many samples each. Beyond 4.5 either way there is a difference. 0 or -errno.
int tag_timing(const struct aead_engine *engine, enum aead_algorithm algorithm, unsigned samples,
	double *t);
