// The rarer half of the replay window: starting it and moving it over word borders.
#include "proto/replay.h"

#include <string.h>

void replay_init(struct replay_window *w, uint32_t size)
{
	uint32_t words = replay_words(size);

	w->top = 0;
	w->accepted = 0;
	w->old = 0;
	w->seen = 0;
	w->size = size;
	w->mask = words - 1;
	memset(w->bitmap, 0, words * sizeof(w->bitmap[0]));
}

void replay_advance(struct replay_window *w, uint64_t seq)
{
	uint64_t from = w->top / 64;
	uint64_t words = seq / 64 - from;

	if (words > w->mask) {
		memset(w->bitmap, 0, ((size_t)w->mask + 1) * sizeof(w->bitmap[0]));
		return;
	}
	while (words > 0)
		w->bitmap[(from + words--) & w->mask] = 0;
}
