// Finding tunnels and policies by name in lists of many thousands.
#pragma once

#include <stddef.h>
#include <stdint.h>

// All zero: of an empty list. It follows a list by itself while that grows at its end; after any
// other change it is to be forgotten.
struct name_index {
	unsigned n; // of the list, that are in it
	unsigned room;
	unsigned *place; // [room]; 0: free, else the position + 1
};

// Items begin with their names. The position of one with this name; n: there is none.
unsigned name_index_find(
	struct name_index *names, const void *items, unsigned n, size_t octets, const char *name);
void name_index_forget(struct name_index *names);

uint64_t name_hash(const char *name);
