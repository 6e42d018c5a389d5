// The only place that allocates, wipes and frees key material. The memory is left out of
// core dumps, locked where the limits allow, and wiped before it is given back.
#pragma once

#include <stddef.h>

// Zeroed memory aligned to 64 octets, or NULL. Control thread only (no lock inside).
void *secret_alloc(size_t octets);
// Wipes all of the allocation. NULL is fine.
void secret_free(void *secret);
// Not removed by the compiler.
void secret_wipe(void *memory, size_t octets);
// Fills from getrandom(2). 0 or -errno.
int secret_random(void *memory, size_t octets);
