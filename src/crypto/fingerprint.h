// Names a key without telling it: the first 16 octets of HMAC-SHA-256(key, a fixed label).
#pragma once

#include <stddef.h>
#include <stdint.h>

#define FINGERPRINT_OCTETS 16

// key: the cipher key without salt. 0 or -EIO.
int fingerprint_make(const uint8_t *key, size_t octets, uint8_t fingerprint[FINGERPRINT_OCTETS]);
