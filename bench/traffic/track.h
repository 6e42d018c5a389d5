// What became of a flow's numbered packets, told from those that arrive: gaps, reordering (RFC
// 4737), copies. Numbers begin at 0. One thread tracks a flow.
#pragma once

#include "base/compiler.h"

#include <stdint.h>

#define TRACK_WINDOW_MIN 64
#define TRACK_WINDOW_MAX 65536

enum track_verdict {
	TRACK_NEXT,	 // ahead of all before it
	TRACK_REORDERED, // first copy, but a later number came before it
	TRACK_DUPLICATE,
	TRACK_LATE, // too far behind to know whether it came before
};

struct track {
	uint64_t next;	     // one more than the highest number seen
	uint64_t once;	     // first copies
	uint64_t reordered;  // of these
	uint64_t duplicates; // further copies
	uint64_t late;	     // first or further copies, nobody knows
	uint64_t farthest;   // how far behind the highest number a packet came, at most
	uint64_t seen[];     // bit n % window: number n came
};

struct tracks {
	unsigned n;
	unsigned window; // numbers behind the highest that are remembered
	unsigned mask;	 // window - 1
	uint64_t octets; // of one track
	uint8_t *memory;
};

// window: a power of two within the limits. 0 or -errno.
int tracks_create(struct tracks *tracks, unsigned n, unsigned window);
void tracks_destroy(struct tracks *tracks);

static ALWAYS_INLINE struct track *track_of(const struct tracks *tracks, unsigned flow)
{
	return (struct track *)(void *)(tracks->memory + tracks->octets * flow);
}

// Forgets what the window had at the numbers from `from` to before `to`.
void track_clear(struct track *track, const struct tracks *tracks, uint64_t from, uint64_t to);

// skipped: how many numbers this one leaves open that none has left open before.
static ALWAYS_INLINE enum track_verdict track_packet(
	const struct tracks *tracks, unsigned flow, uint64_t number, uint64_t *skipped)
{
	struct track *t = track_of(tracks, flow);
	uint64_t *word = &t->seen[(number & tracks->mask) / 64];
	uint64_t bit = UINT64_C(1) << (number % 64);

	*skipped = 0;
	if (likely(number >= t->next)) {
		if (unlikely(number > t->next)) {
			*skipped = number - t->next;
			track_clear(t, tracks, t->next, number);
		}
		*word |= bit;
		t->next = number + 1;
		t->once++;
		return TRACK_NEXT;
	}
	if (t->next - number > tracks->window) {
		t->late++;
		return TRACK_LATE;
	}
	if (*word & bit) {
		t->duplicates++;
		return TRACK_DUPLICATE;
	}
	*word |= bit;
	t->once++;
	t->reordered++;
	if (t->next - 1 - number > t->farthest)
		t->farthest = t->next - 1 - number;
	return TRACK_REORDERED;
}
