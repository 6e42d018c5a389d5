// Replay windows of an SA: a table from ID word to owner and window, and the pool that the windows
// come from. A window belongs to the worker that first authenticated a packet of it; that worker
// alone touches its bitmap. Any worker may look up and claim; no lock, one compare-and-swap a
// claim.
#pragma once

#include "base/counter.h"
#include "proto/replay.h"
#include "proto/verdict.h"

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WINDOW_CLASSES 11 // bitmaps of 2, 4, ... 2048 words

// Windows of all sizes out of one region. Freed windows are kept per size class.
struct window_pool {
	// Written by whoever takes or gives back a window (rare).
	alignas(CACHE_LINE) _Atomic uint64_t free_head[WINDOW_CLASSES]; // tag << 32 | unit + 1
	_Atomic uint64_t carved_units;
	_Atomic uint64_t in_use_octets;
	// Constant.
	uint8_t *memory;
	uint64_t units; // of CACHE_LINE octets
};

// memory: aligned to CACHE_LINE, the caller's, at least one unit.
void window_pool_init(struct window_pool *pool, void *memory, size_t octets);
size_t window_pool_used(const struct window_pool *pool);
size_t window_pool_octets(const struct window_pool *pool);
// Octets that a window of this size takes from the pool.
size_t window_octets(uint32_t size);

struct window_slot {
	_Atomic uint64_t claim; // ID word << 32 | owner + 1; 0: free; written once, by the claimer
	struct replay_window
		*_Atomic window; // written by the claimer just after; others: may be NULL
};

struct window_table {
	// ESN: the window's top, as its owner last told (once a burst, relaxed). Readers guess the
	// upper 32 bits from it and live with a slightly old one.
	alignas(CACHE_LINE) _Atomic uint64_t told_top;
	alignas(CACHE_LINE) uint32_t mask;
	uint32_t max;	      // windows at most
	uint32_t window_size; // packets
	uint64_t first_edge;  // of a new window: 0 where control must give it one
	_Atomic uint32_t used;
	struct window_slot slot[];
};

// Octets of a table for max windows: whole cache lines, as it begins on one.
size_t window_table_octets(uint32_t max);
// durable: nothing is delivered before control has given a window its edge.
void window_table_init(
	struct window_table *table, uint32_t max, uint32_t window_size, bool durable);
// Gives every window back to the pool. No worker may still see the table.
void window_table_clear(struct window_table *table, struct window_pool *pool);

static ALWAYS_INLINE uint32_t window_hash(uint32_t id_word)
{
	return (id_word * UINT32_C(0x9e3779b1)) >> 8;
}

static ALWAYS_INLINE uint16_t window_owner(const struct window_slot *slot)
{
	uint64_t claim = atomic_load_explicit(&slot->claim, memory_order_relaxed);

	return (uint16_t)((claim & 0xffff) - 1);
}

// The slot of this ID word (never zero), or NULL while nobody has claimed it.
static ALWAYS_INLINE struct window_slot *window_find(struct window_table *table, uint32_t id_word)
{
	uint32_t hash = window_hash(id_word);

	for (uint32_t i = 0; i <= table->mask; i++) {
		struct window_slot *slot = &table->slot[(hash + i) & table->mask];
		uint64_t claim = atomic_load_explicit(&slot->claim, memory_order_acquire);

		if (likely(claim >> 32 == id_word))
			return slot;
		if (claim == 0)
			return NULL;
	}
	return NULL;
}

// A packet at or beyond the edge waits: control is told how far the edge should be.
static inline uint16_t window_park(struct replay_window *w, uint64_t seq)
{
	if (seq > atomic_load_explicit(&w->wanted, memory_order_relaxed))
		atomic_store_explicit(&w->wanted, seq, memory_order_relaxed);
	return VERDICT_PARK;
}

// Judges an authenticated packet's number by its window, whose owner the caller is, and counts. The
// verdict: accept, a drop reason, or park.
static ALWAYS_INLINE uint16_t window_commit(struct window_slot *slot, uint64_t seq)
{
	struct replay_window *w = atomic_load_explicit(&slot->window, memory_order_relaxed);

	if (unlikely(seq >= atomic_load_explicit(&w->edge, memory_order_acquire)))
		return window_park(w, seq);
	switch (replay_commit(w, seq)) {
	case REPLAY_NEW:
		counter_add(&w->accepted, 1);
		return DROP_NONE;
	case REPLAY_OLD:
		counter_add(&w->old, 1);
		return DROP_replay_old;
	default:
		counter_add(&w->seen, 1);
		return DROP_replay_seen;
	}
}

// Numbers that a window of the caller's would accept for certain: `n` from `next` on, above its top
// and below its edge.
struct window_ahead {
	uint64_t next;
	uint64_t n;
};

static ALWAYS_INLINE struct window_ahead window_ahead(const struct window_slot *slot)
{
	struct replay_window *w = atomic_load_explicit(&slot->window, memory_order_relaxed);
	uint64_t edge = atomic_load_explicit(&w->edge, memory_order_acquire);
	struct window_ahead ahead = {0};

	if (unlikely(edge == 0))
		return ahead; // top is control's
	ahead.next = w->top + 1;
	if (likely(edge > ahead.next))
		ahead.n = edge - ahead.next;
	return ahead;
}

// The window of this slot (NULL: none), if it is this worker's, and what is ahead of it; else NULL,
// and nothing is.
static ALWAYS_INLINE struct window_slot *window_mine(
	struct window_slot *slot, uint16_t worker, struct window_ahead *ahead)
{
	*ahead = (struct window_ahead){0};
	if (unlikely(slot == NULL) || unlikely(window_owner(slot) != worker))
		return NULL;
	*ahead = window_ahead(slot);
	return slot;
}

static ALWAYS_INLINE bool window_is_ahead(struct window_ahead ahead, uint64_t seq)
{
	return likely(seq - ahead.next < ahead.n);
}

// Four packets are authentic, with the numbers next, next + 1, next + 2 and next + 3.
static ALWAYS_INLINE bool window_four_next(
	const uint16_t verdict[4], const uint64_t seq[4], uint64_t next)
{
	uint64_t other;

	static_assert(VERDICT_ACCEPT == 0, "the verdicts are read as one number");
	memcpy(&other, verdict, sizeof(other));
	for (unsigned i = 0; i < 4; i++)
		other |= seq[i] ^ (next + i);
	return other == 0;
}

// Of n packets (1 to 64) the first ones that are authentic (VERDICT_ACCEPT) and whose numbers
// follow each other right behind the window's top, as those of nearly all do: they are accepted
// and counted together. Returns how many that are; the next one, if any, is for window_commit.
static ALWAYS_INLINE uint32_t window_commit_next(
	struct window_slot *slot, const uint16_t verdict[], const uint64_t seq[], uint32_t n)
{
	struct replay_window *w = atomic_load_explicit(&slot->window, memory_order_relaxed);
	struct window_ahead ahead = window_ahead(slot);
	uint64_t next = ahead.next;
	uint32_t accepted = 0;

	if (unlikely(ahead.n < n))
		return 0;
	while (accepted + 4 <= n &&
		window_four_next(&verdict[accepted], &seq[accepted], next + accepted))
		accepted += 4;
	while (accepted < n && verdict[accepted] == VERDICT_ACCEPT &&
		seq[accepted] == next + accepted)
		accepted++;
	if (unlikely(accepted == 0))
		return 0;
	replay_commit_next(w, accepted);
	counter_add(&w->accepted, accepted);
	return accepted;
}

// The same question before authentication: nothing but the counters of refused packets changes.
// While a window has no edge, control may be writing it, so it is not read; beyond the edge nothing
// was delivered.
static ALWAYS_INLINE enum drop_reason window_check(struct window_slot *slot, uint64_t seq)
{
	struct replay_window *w = atomic_load_explicit(&slot->window, memory_order_relaxed);
	enum replay_judgement judgement;

	if (unlikely(seq >= atomic_load_explicit(&w->edge, memory_order_acquire)))
		return DROP_NONE;
	judgement = replay_check(w, seq);
	if (likely(judgement == REPLAY_NEW))
		return DROP_NONE;
	counter_add(judgement == REPLAY_OLD ? &w->old : &w->seen, 1);
	return judgement == REPLAY_OLD ? DROP_replay_old : DROP_replay_seen;
}

// For any worker: the number is above all that the window of this ID word has accepted. False where
// nothing is known of that yet.
bool window_is_above(struct window_table *table, uint32_t id_word, uint64_t seq);

// Takes a slot and a window for an ID word after its first authentic packet. On DROP_NONE *slot is
// set: to ours, or to that of the worker that was faster; else the reason.
enum drop_reason window_claim(struct window_table *table, struct window_pool *pool,
	uint32_t id_word, uint16_t me, struct window_slot **slot);
