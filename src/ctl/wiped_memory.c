// Allocation for libraries that messages with keys in them pass through.
#include "ctl/wiped_memory.h"

#include "base/secret.h"

#include <event2/event.h>
#include <jansson.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

static void wipe_and_free(void *memory)
{
	if (memory)
		secret_wipe(memory, malloc_usable_size(memory));
	free(memory);
}

// realloc would leave what it moves behind.
static void *move(void *memory, size_t octets)
{
	size_t before = memory ? malloc_usable_size(memory) : 0;
	void *moved = malloc(octets);

	if (!moved)
		return NULL;
	if (before > 0)
		memcpy(moved, memory, before < octets ? before : octets);
	wipe_and_free(memory);
	return moved;
}

void wiped_memory_install(void)
{
	json_set_alloc_funcs(malloc, wipe_and_free);
	event_set_mem_functions(malloc, move, wipe_and_free);
}
