// Time as the CPU's time stamp counter has it.
#pragma once

#include <rte_cycles.h>

static inline uint64_t ticks_of_ns(uint64_t ns)
{
	return (uint64_t)((double)ns * 1e-9 * (double)rte_get_tsc_hz());
}

static inline double ticks_to_s(double ticks)
{
	return ticks / (double)rte_get_tsc_hz();
}
