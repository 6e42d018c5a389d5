// An open-addressed set, at most half full. Fingerprints are their own hashes.
#include "ctl/used_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 256

struct entry {
	uint8_t fingerprint[FINGERPRINT_OCTETS]; // all zero: free
};

struct used_keys {
	size_t n;
	size_t slots; // a power of two
	struct entry *slot;
};

static bool is_free(const struct entry *entry)
{
	uint8_t any = 0;

	for (unsigned i = 0; i < FINGERPRINT_OCTETS; i++)
		any |= entry->fingerprint[i];
	return any == 0;
}

struct used_keys *used_keys_create(void)
{
	struct used_keys *keys = calloc(1, sizeof(*keys));

	if (!keys)
		return NULL;
	keys->slots = SLOTS_FIRST;
	keys->slot = calloc(keys->slots, sizeof(keys->slot[0]));
	if (keys->slot)
		return keys;
	free(keys);
	return NULL;
}

void used_keys_destroy(struct used_keys *keys)
{
	if (!keys)
		return;
	free(keys->slot);
	free(keys);
}

// Where it is, or where it would be.
static struct entry *place(
	struct entry *slot, size_t slots, const uint8_t fingerprint[FINGERPRINT_OCTETS])
{
	size_t i;

	memcpy(&i, fingerprint, sizeof(i));
	for (;; i++) {
		struct entry *at = &slot[i & (slots - 1)];

		if (is_free(at) || memcmp(at->fingerprint, fingerprint, FINGERPRINT_OCTETS) == 0)
			return at;
	}
}

static int grow(struct used_keys *keys)
{
	size_t slots = 2 * keys->slots;
	struct entry *slot = calloc(slots, sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	for (size_t i = 0; i < keys->slots; i++)
		if (!is_free(&keys->slot[i]))
			*place(slot, slots, keys->slot[i].fingerprint) = keys->slot[i];
	free(keys->slot);
	keys->slot = slot;
	keys->slots = slots;
	return 0;
}

int used_keys_reserve(struct used_keys *keys, size_t more)
{
	while (2 * (keys->n + more) > keys->slots)
		if (grow(keys) < 0)
			return -ENOMEM;
	return 0;
}

int used_keys_add(struct used_keys *keys, const uint8_t fingerprint[FINGERPRINT_OCTETS])
{
	if (used_keys_has(keys, fingerprint))
		return 0;
	if (used_keys_reserve(keys, 1) < 0)
		return -ENOMEM;
	memcpy(place(keys->slot, keys->slots, fingerprint)->fingerprint, fingerprint,
		FINGERPRINT_OCTETS);
	keys->n++;
	return 0;
}

bool used_keys_has(const struct used_keys *keys, const uint8_t fingerprint[FINGERPRINT_OCTETS])
{
	return !is_free(place(keys->slot, keys->slots, fingerprint));
}
