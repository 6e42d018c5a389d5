// Whole cache lines: two queues, of two workers, never share one.
#include "bench/genport/memory.h"

#include <rte_common.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)

void *memory_create(size_t octets)
{
	size_t unit = octets < HUGE_PAGE ? RTE_CACHE_LINE_SIZE : HUGE_PAGE;
	size_t rounded = RTE_ALIGN_CEIL(octets, unit);
	void *memory = aligned_alloc(unit, rounded);

	if (memory == NULL)
		return NULL;
	if (unit == HUGE_PAGE)
		madvise(memory, rounded, MADV_HUGEPAGE);
	return memset(memory, 0, rounded);
}
