// Memory of the tracks, and the gaps in a flow's numbers.
#include "bench/traffic/track.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int tracks_create(struct tracks *tracks, unsigned n, unsigned window)
{
	size_t octets = sizeof(struct track) + window / 8;

	octets = (octets + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
	*tracks = (struct tracks){.n = n, .window = window, .mask = window - 1, .octets = octets};
	tracks->memory = aligned_alloc(CACHE_LINE, octets * n);
	if (tracks->memory == NULL)
		return -ENOMEM;
	// Written here: no page comes into being while packets are waiting.
	memset(tracks->memory, 0, octets * n);
	return 0;
}

void tracks_destroy(struct tracks *tracks)
{
	free(tracks->memory);
	tracks->memory = NULL;
}

void track_clear(struct track *track, const struct tracks *tracks, uint64_t from, uint64_t to)
{
	if (to - from >= tracks->window) {
		memset(track->seen, 0, tracks->window / 8);
		return;
	}
	for (; from < to; from++)
		track->seen[(from & tracks->mask) / 64] &= ~(UINT64_C(1) << (from % 64));
}
