// A set of keys, by fingerprint: those that were in use since the daemon started. Whoever makes
// keys gave their word that each is new; one that comes back would count from the start again. So
// nothing is ever forgotten: where no more can be remembered, no more may be used.
#pragma once

#include "crypto/fingerprint.h"

#include <stdbool.h>

struct used_keys;

// Of each, 8 octets are kept. Among so many, one new key in 2^38 is taken for one of them.
#define USED_KEYS_MAX (64u * 1024 * 1024)

// most: keys that it will ever have. NULL: no memory.
struct used_keys *used_keys_create(size_t most);
void used_keys_destroy(struct used_keys *keys);
// So many more find room without memory. 0, -ENOMEM, or -ENOSPC: they would be too many.
int used_keys_reserve(struct used_keys *keys, size_t more);
// 0, -ENOMEM or -ENOSPC.
int used_keys_add(struct used_keys *keys, const uint8_t fingerprint[FINGERPRINT_OCTETS]);
bool used_keys_has(const struct used_keys *keys, const uint8_t fingerprint[FINGERPRINT_OCTETS]);
size_t used_keys_count(const struct used_keys *keys);
size_t used_keys_most(const struct used_keys *keys);
