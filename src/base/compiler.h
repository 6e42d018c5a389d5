// Compiler hints used by every layer. Names equal to DPDK's, for layers that do not include DPDK.
#pragma once

#ifndef likely
#define likely(x) __builtin_expect(!!(x), 1)
#endif
#ifndef unlikely
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif

#define ALWAYS_INLINE inline __attribute__((always_inline))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
#define CACHE_LINE 64
