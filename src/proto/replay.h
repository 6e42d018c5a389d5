// The replay window (RFC 4303 section 3.4.3, RFC 6479 style): a ring of 64-bit words that is moved
// by whole words. Pure: knows no SA, packet or thread. One owner at a time calls these.
#pragma once

#include "base/compiler.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define REPLAY_WINDOW_MIN 64
#define REPLAY_WINDOW_MAX 65536
#define REPLAY_WINDOW_DEFAULT 1024

enum replay_judgement { REPLAY_NEW, REPLAY_OLD, REPLAY_SEEN };

struct replay_window {
	// Owner writes; the control thread reads with relaxed loads.
	alignas(CACHE_LINE) uint64_t top; // highest committed number; 0: none yet
	uint64_t accepted;
	uint64_t old;
	uint64_t seen;
	// Constant while the window is in use.
	uint32_t size; // packets: a number n with n + size <= top is old
	uint32_t mask; // words - 1, words a power of two
	uint32_t pool_class;
	_Atomic uint32_t pool_next; // the pool's, while the window is not in use
	// Control writes (release), the owner reads (acquire): no number from here on is delivered.
	// While it is 0 the owner touches neither top nor bitmap, and control may set both.
	_Atomic uint64_t edge;
	// Constant once edge is not 0: numbers below are old, whatever the window holds.
	uint64_t floor;
	// The owner writes, control reads (relaxed): highest authentic number that the edge held
	// up.
	_Atomic uint64_t wanted;
	// Owner only.
	uint64_t bitmap[];
};

// Words that a window of this many packets needs: one more than its bits fill, a power of two.
static inline uint32_t replay_words(uint32_t size)
{
	uint32_t needed = (size + 63) / 64 + 1;
	uint32_t words = 2;

	while (words < needed)
		words *= 2;
	return words;
}

// Clears everything but the pool's fields. The edge stays 0: nothing is delivered yet.
void replay_init(struct replay_window *w, uint32_t size);
// For control, while the edge is 0: the window goes on behind what it delivered in another life.
void replay_resume(struct replay_window *w, uint64_t floor);

// Would this number be accepted now? Changes nothing.
static ALWAYS_INLINE enum replay_judgement replay_check(const struct replay_window *w, uint64_t seq)
{
	if (likely(seq > w->top))
		return REPLAY_NEW;
	if (w->top - seq >= w->size)
		return REPLAY_OLD;
	if (likely(!((w->bitmap[(seq / 64) & w->mask] >> (seq % 64)) & 1)))
		return REPLAY_NEW;
	return seq < w->floor ? REPLAY_OLD : REPLAY_SEEN;
}

// Moves the top to seq, clearing the words that come into use.
void replay_advance(struct replay_window *w, uint64_t seq);

// Marks the n numbers right behind the top as seen, 1 <= n <= 64. The caller knows that they are
// those of authenticated packets.
static ALWAYS_INLINE void replay_commit_next(struct replay_window *w, uint32_t n)
{
	uint64_t first = w->top + 1;
	uint64_t last = w->top + n;
	uint64_t marks = UINT64_MAX >> (64 - n);

	if ((last ^ w->top) >= 64)
		replay_advance(w, last);
	w->bitmap[(first / 64) & w->mask] |= marks << (first % 64);
	if (first / 64 != last / 64)
		w->bitmap[(last / 64) & w->mask] |= marks >> (64 - first % 64);
	__atomic_store_n(&w->top, last, __ATOMIC_RELAXED);
}

// Judges the number of an authenticated packet and, if it is new, marks it as seen.
static ALWAYS_INLINE enum replay_judgement replay_commit(struct replay_window *w, uint64_t seq)
{
	uint64_t bit = UINT64_C(1) << (seq % 64);
	uint64_t *word = &w->bitmap[(seq / 64) & w->mask];

	if (likely(seq > w->top)) {
		if ((seq ^ w->top) >= 64)
			replay_advance(w, seq);
		__atomic_store_n(&w->top, seq, __ATOMIC_RELAXED);
	} else if (w->top - seq >= w->size) {
		return REPLAY_OLD;
	} else if (*word & bit) {
		return seq < w->floor ? REPLAY_OLD : REPLAY_SEEN;
	}
	*word |= bit;
	return REPLAY_NEW;
}
