// An array that grows at its end.
#pragma once

#include <stdlib.h>

#define ARRAY_FIRST 64

// With room for one more than its n elements, of so many octets each: array itself, or another in
// its place. NULL: no memory, and array stays as it is.
static inline void *array_room(void *array, unsigned n, unsigned *room, size_t octets)
{
	unsigned more = n == 0 ? ARRAY_FIRST : 2 * n;
	void *grown;

	if (n < *room)
		return array;
	grown = reallocarray(array, more, octets);
	if (grown)
		*room = more;
	return grown;
}
