// Memory of the generator port's queues.
#pragma once

#include <stddef.h>

// Zeroed, on cache lines of its own, on huge pages where it is large and the kernel has them. The
// caller frees it. NULL: there is none.
void *memory_create(size_t octets);
