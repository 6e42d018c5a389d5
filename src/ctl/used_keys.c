// A chain of open-addressed tables, each at most three quarters full. What is full stays as it is,
// and a new one comes before it: nothing is ever moved, so that no key waits for millions of
// others.
#include "ctl/used_keys.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 256
// Each table has twice as many as the one before, up to so many: 32 MiB, which may be there in
// vain.
#define SLOTS_MAX (4u * 1024 * 1024)

struct table {
	struct table *older;
	size_t room;
	size_t slots;	 // a power of two
	uint64_t slot[]; // 0: free
};

struct used_keys {
	struct table *newest;
	size_t n;
	size_t most;
};

static struct table *table_create(struct table *older, size_t slots)
{
	struct table *table = calloc(1, sizeof(*table) + slots * sizeof(table->slot[0]));

	if (!table)
		return NULL;
	table->older = older;
	table->slots = slots;
	table->room = slots / 4 * 3;
	return table;
}

struct used_keys *used_keys_create(size_t most)
{
	struct used_keys *keys = calloc(1, sizeof(*keys));

	if (!keys)
		return NULL;
	keys->most = most;
	keys->newest = table_create(NULL, SLOTS_FIRST);
	if (keys->newest)
		return keys;
	free(keys);
	return NULL;
}

void used_keys_destroy(struct used_keys *keys)
{
	struct table *older;

	if (!keys)
		return;
	for (; keys->newest; keys->newest = older) {
		older = keys->newest->older;
		free(keys->newest);
	}
	free(keys);
}

// Fingerprints are their own hashes.
static uint64_t mark_of(const uint8_t fingerprint[FINGERPRINT_OCTETS])
{
	uint64_t mark;

	memcpy(&mark, fingerprint, sizeof(mark));
	return mark ? mark : 1;
}

// Where it is, or where it would be.
static size_t place(const struct table *table, uint64_t mark)
{
	size_t i = mark & (table->slots - 1);

	while (table->slot[i] != 0 && table->slot[i] != mark)
		i = (i + 1) & (table->slots - 1);
	return i;
}

int used_keys_reserve(struct used_keys *keys, size_t more)
{
	size_t slots = keys->newest->slots < SLOTS_MAX ? 2 * keys->newest->slots : SLOTS_MAX;
	struct table *table;

	if (more > keys->most - keys->n)
		return -ENOSPC;
	if (more <= keys->newest->room)
		return 0;
	while (slots / 4 * 3 < more)
		slots *= 2;
	table = table_create(keys->newest, slots);
	if (!table)
		return -ENOMEM;
	keys->newest = table;
	return 0;
}

int used_keys_add(struct used_keys *keys, const uint8_t fingerprint[FINGERPRINT_OCTETS])
{
	uint64_t mark = mark_of(fingerprint);
	int ret;

	if (used_keys_has(keys, fingerprint))
		return 0;
	ret = used_keys_reserve(keys, 1);
	if (ret < 0)
		return ret;
	keys->newest->slot[place(keys->newest, mark)] = mark;
	keys->newest->room--;
	keys->n++;
	return 0;
}

bool used_keys_has(const struct used_keys *keys, const uint8_t fingerprint[FINGERPRINT_OCTETS])
{
	uint64_t mark = mark_of(fingerprint);

	for (const struct table *table = keys->newest; table; table = table->older)
		if (table->slot[place(table, mark)] == mark)
			return true;
	return false;
}

size_t used_keys_count(const struct used_keys *keys)
{
	return keys->n;
}

size_t used_keys_most(const struct used_keys *keys)
{
	return keys->most;
}
