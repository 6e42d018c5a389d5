// The pool of replay windows and the claim of a window.
#include "proto/window.h"

#include <rte_common.h>
#include <stdatomic.h>
#include <string.h>

#define UNIT CACHE_LINE

static uint32_t class_of(uint32_t words)
{
	return (uint32_t)__builtin_ctz(words) - 1;
}

size_t window_octets(uint32_t size)
{
	size_t octets =
		offsetof(struct replay_window, bitmap) + replay_words(size) * sizeof(uint64_t);

	return RTE_ALIGN_CEIL(octets, (size_t)UNIT);
}

void window_pool_init(struct window_pool *pool, void *memory, size_t octets)
{
	memset(pool, 0, sizeof(*pool));
	pool->memory = memory;
	pool->units = octets / UNIT;
}

size_t window_pool_used(const struct window_pool *pool)
{
	return atomic_load_explicit(&pool->in_use_octets, memory_order_relaxed);
}

size_t window_pool_octets(const struct window_pool *pool)
{
	return pool->units * UNIT;
}

static struct replay_window *at(const struct window_pool *pool, uint64_t unit)
{
	return (struct replay_window *)(void *)(pool->memory + unit * UNIT);
}

// A tag in the upper half changes with every pop, so that a head that comes back is not mistaken.
static struct replay_window *pop(struct window_pool *pool, uint32_t class)
{
	uint64_t head = atomic_load(&pool->free_head[class]);

	while ((uint32_t)head != 0) {
		struct replay_window *w = at(pool, (uint32_t)head - 1);
		uint64_t next = ((head >> 32) + 1) << 32 | atomic_load(&w->pool_next);

		if (atomic_compare_exchange_weak(&pool->free_head[class], &head, next))
			return w;
	}
	return NULL;
}

static void push(struct window_pool *pool, struct replay_window *w)
{
	uint64_t unit = (uint64_t)((uint8_t *)w - pool->memory) / UNIT;
	uint64_t head = atomic_load(&pool->free_head[w->pool_class]);
	uint64_t pushed;

	do {
		atomic_store(&w->pool_next, (uint32_t)head);
		pushed = (head >> 32) << 32 | (uint32_t)(unit + 1);
	} while (!atomic_compare_exchange_weak(&pool->free_head[w->pool_class], &head, pushed));
}

static struct replay_window *carve(struct window_pool *pool, uint64_t units)
{
	uint64_t unit = atomic_load(&pool->carved_units);

	do {
		if (unit + units > pool->units)
			return NULL;
	} while (!atomic_compare_exchange_weak(&pool->carved_units, &unit, unit + units));
	return at(pool, unit);
}

static struct replay_window *take(struct window_pool *pool, uint32_t size)
{
	uint32_t class = class_of(replay_words(size));
	size_t octets = window_octets(size);
	struct replay_window *w = pop(pool, class);

	if (w == NULL)
		w = carve(pool, octets / UNIT);
	if (w == NULL)
		return NULL;
	atomic_fetch_add(&pool->in_use_octets, octets);
	w->pool_class = class;
	replay_init(w, size);
	return w;
}

static void give_back(struct window_pool *pool, struct replay_window *w)
{
	atomic_fetch_sub(&pool->in_use_octets, window_octets(w->size));
	push(pool, w);
}

static uint32_t slots_for(uint32_t max)
{
	uint32_t slots = 2;

	while (slots < 2 * (uint64_t)max)
		slots *= 2;
	return slots;
}

size_t window_table_octets(uint32_t max)
{
	size_t octets = sizeof(struct window_table) + slots_for(max) * sizeof(struct window_slot);

	return RTE_ALIGN_CEIL(octets, (size_t)UNIT);
}

void window_table_init(struct window_table *table, uint32_t max, uint32_t window_size, bool durable)
{
	memset(table, 0, window_table_octets(max));
	table->mask = slots_for(max) - 1;
	table->max = max;
	table->window_size = window_size;
	table->first_edge = durable ? 0 : UINT64_MAX;
}

void window_table_clear(struct window_table *table, struct window_pool *pool)
{
	for (uint32_t i = 0; i <= table->mask; i++) {
		struct replay_window *w = atomic_exchange(&table->slot[i].window, NULL);

		atomic_store(&table->slot[i].claim, 0);
		if (w != NULL)
			give_back(pool, w);
	}
	atomic_store(&table->used, 0);
}

// The first free slot on this ID word's way, or the one that holds it. Claims of several workers at
// once can pass max by a few; NULL where that has filled the table.
static struct window_slot *claim_slot(struct window_table *table, uint32_t id_word, uint16_t me)
{
	uint64_t mine = (uint64_t)id_word << 32 | ((uint64_t)me + 1);
	uint32_t hash = window_hash(id_word);

	for (uint32_t i = 0; i <= table->mask; i++) {
		struct window_slot *slot = &table->slot[(hash + i) & table->mask];
		uint64_t claim = 0;

		if (atomic_compare_exchange_strong(&slot->claim, &claim, mine) ||
			claim >> 32 == id_word)
			return slot;
	}
	return NULL;
}

static enum drop_reason found_late(struct window_table *table, uint32_t id_word,
	struct window_slot **slot, enum drop_reason otherwise)
{
	*slot = window_find(table, id_word);
	return *slot == NULL ? otherwise : DROP_NONE;
}

enum drop_reason window_claim(struct window_table *table, struct window_pool *pool,
	uint32_t id_word, uint16_t me, struct window_slot **slot)
{
	struct replay_window *w;

	*slot = window_find(table, id_word);
	if (*slot != NULL)
		return DROP_NONE;
	// Another worker may have claimed it meanwhile, with the last slot or the last window.
	if (atomic_load(&table->used) >= table->max)
		return found_late(table, id_word, slot, DROP_window_table_full);
	w = take(pool, table->window_size);
	if (w == NULL)
		return found_late(table, id_word, slot, DROP_window_pool_empty);
	*slot = claim_slot(table, id_word, me);
	if (*slot == NULL || window_owner(*slot) != me) {
		give_back(pool, w);
		return *slot == NULL ? DROP_window_table_full : DROP_NONE;
	}
	atomic_store(&w->edge, table->first_edge);
	atomic_fetch_add(&table->used, 1);
	atomic_store(&(*slot)->window, w);
	return DROP_NONE;
}

bool window_is_above(struct window_table *table, uint32_t id_word, uint64_t seq)
{
	struct window_slot *slot = window_find(table, id_word);
	const struct replay_window *w;

	if (slot == NULL)
		return false;
	w = atomic_load_explicit(&slot->window, memory_order_acquire);
	if (w == NULL || atomic_load_explicit(&w->edge, memory_order_acquire) == 0)
		return false;
	return seq > counter_read(&w->top);
}
