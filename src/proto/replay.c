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
	w->floor = 0;
	atomic_store_explicit(&w->wanted, 0, memory_order_relaxed);
	atomic_store_explicit(&w->edge, 0, memory_order_relaxed);
	memset(w->bitmap, 0, words * sizeof(w->bitmap[0]));
}

void replay_resume(struct replay_window *w, uint64_t floor)
{
	if (floor == 0)
		return;
	w->floor = floor;
	w->top = floor - 1;
	memset(w->bitmap, 0xff, ((size_t)w->mask + 1) * sizeof(w->bitmap[0]));
	// Of the top's own word only what is not above it was there.
	if (floor % 64 != 0)
		w->bitmap[(floor / 64) & w->mask] = (UINT64_C(1) << (floor % 64)) - 1;
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
