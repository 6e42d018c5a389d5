// Arrays that grow at their ends, and copies of arrays.
#pragma once

#include <stdlib.h>
#include <string.h>

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

// A copy of n elements of so many octets each, with room for one more. The caller frees it. NULL:
// no memory.
static inline void *array_copy(const void *array, size_t n, size_t octets)
{
	void *copied = calloc(n + 1, octets);

	if (copied && n > 0)
		memcpy(copied, array, n * octets);
	return copied;
}
