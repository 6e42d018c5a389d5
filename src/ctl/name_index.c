// Open addressing, at most half full. Without memory the list itself is searched.
#include "ctl/name_index.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_MIN 64

static const char *name_at(const void *items, size_t octets, unsigned i)
{
	return (const char *)items + i * octets;
}

// FNV-1a.
uint64_t name_hash(const char *name)
{
	uint64_t sum = UINT64_C(14695981039346656037);

	for (; *name; name++)
		sum = (sum ^ (uint8_t)*name) * UINT64_C(1099511628211);
	return sum;
}

static unsigned *place_of(
	const struct name_index *names, const void *items, size_t octets, const char *name)
{
	unsigned at = (unsigned)name_hash(name) & (names->room - 1);

	while (names->place[at] != 0 &&
		strcmp(name_at(items, octets, names->place[at] - 1), name) != 0)
		at = (at + 1) & (names->room - 1);
	return &names->place[at];
}

static bool make_room(struct name_index *names, unsigned n)
{
	unsigned room = names->room ? names->room : ROOM_MIN;
	unsigned *place;

	while (room / 2 < n)
		room *= 2;
	if (room == names->room)
		return true;
	place = calloc(room, sizeof(place[0]));
	if (!place)
		return false;
	name_index_forget(names);
	names->place = place;
	names->room = room;
	return true;
}

static unsigned search(const void *items, unsigned n, size_t octets, const char *name)
{
	unsigned i = 0;

	while (i < n && strcmp(name_at(items, octets, i), name) != 0)
		i++;
	return i;
}

unsigned name_index_find(
	struct name_index *names, const void *items, unsigned n, size_t octets, const char *name)
{
	unsigned found;

	if (names->n > n)
		name_index_forget(names);
	if (!make_room(names, n))
		return search(items, n, octets, name);
	for (; names->n < n; names->n++) {
		unsigned *place = place_of(names, items, octets, name_at(items, octets, names->n));

		if (*place == 0)
			*place = names->n + 1;
	}
	found = *place_of(names, items, octets, name);
	return found ? found - 1 : n;
}

void name_index_forget(struct name_index *names)
{
	free(names->place);
	*names = (struct name_index){.n = 0};
}
