// A set of keys, by fingerprint: those that were in use since the daemon started. Whoever makes
// keys gave their word that each is new; one that comes back would count from the start again.
#pragma once

#include "crypto/fingerprint.h"

#include <stdbool.h>

struct used_keys;

// NULL: no memory.
struct used_keys *used_keys_create(void);
void used_keys_destroy(struct used_keys *keys);
// So many more find room without memory. 0 or -ENOMEM.
int used_keys_reserve(struct used_keys *keys, size_t more);
// 0 or -ENOMEM.
int used_keys_add(struct used_keys *keys, const uint8_t fingerprint[FINGERPRINT_OCTETS]);
bool used_keys_has(const struct used_keys *keys, const uint8_t fingerprint[FINGERPRINT_OCTETS]);
