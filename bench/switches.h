// Whether the kernel ran something else on this thread's CPU: measurements leave such moments out.
#pragma once

#include <stdint.h>
#include <sys/resource.h>

// From this thread to another, so far.
static inline uint64_t switches_so_far(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return (uint64_t)(usage.ru_nvcsw + usage.ru_nivcsw);
}
