// Finds twins in lists of thousands; names are unique by it.
#include "ctl/config_tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_MIN 64

struct by {
	twin_compare *compare;
};

// Equal ones keep the order in which they lie in memory, which is the file's.
static int compare_items(const void *a, const void *b, void *context)
{
	const struct by *by = context;
	const void *left = *(const void *const *)a, *right = *(const void *const *)b;
	int order = by->compare(left, right);

	if (order != 0)
		return order;
	return left < right ? -1 : left > right;
}

uint64_t twin_hash_addr(const struct ip_addr *addr, uint32_t beside)
{
	uint64_t sum = beside * UINT64_C(0x9e3779b97f4a7c15);

	for (size_t i = 0; i < sizeof(addr->octets); i++)
		sum = (sum ^ addr->octets[i]) * UINT64_C(0x100000001b3);
	return sum ^ sum >> 32;
}

// A table at most half full: the upper half of the hash, and the position + 1.
static bool has_twins(const void *const *item, unsigned n, twin_hash *hash, twin_compare *compare)
{
	size_t room = TABLE_MIN;
	uint64_t *place;
	bool found = false;

	while (room / 2 < n)
		room *= 2;
	place = calloc(room, sizeof(place[0]));
	if (!place)
		return true; // sorting needs none
	for (unsigned i = 0; i < n && !found; i++) {
		uint64_t sum = hash(item[i]);
		size_t at = sum & (room - 1);

		for (; place[at] != 0 && !found; at = (at + 1) & (room - 1))
			found = place[at] >> 32 == sum >> 32 &&
				compare(item[(uint32_t)place[at] - 1], item[i]) == 0;
		place[at] = sum >> 32 << 32 | (i + 1);
	}
	free(place);
	return found;
}

bool find_twins(const void **item, unsigned n, twin_hash *hash, twin_compare *compare)
{
	struct by by = {.compare = compare};
	unsigned best = 0;

	// Each change of a running gateway asks this, and finds none.
	if (!has_twins(item, n, hash, compare))
		return false;
	qsort_r(item, n, sizeof(*item), compare_items, &by);
	// The pair that ends first in the file.
	for (unsigned i = 1; i < n; i++)
		if (compare(item[i - 1], item[i]) == 0 && (best == 0 || item[i] < item[best]))
			best = i;
	if (best == 0)
		return false;
	item[0] = item[best - 1];
	item[1] = item[best];
	return true;
}

static int by_tunnel_name(const void *a, const void *b)
{
	const struct config_tunnel *left = a, *right = b;

	return strcmp(left->name, right->name);
}

static uint64_t hash_of_tunnel(const void *item)
{
	return name_hash(((const struct config_tunnel *)item)->name);
}

static uint64_t hash_of_policy(const void *item)
{
	return name_hash(((const struct config_policy *)item)->name);
}

static int by_policy_name(const void *a, const void *b)
{
	const struct config_policy *left = a, *right = b;

	return strcmp(left->name, right->name);
}

static int name_taken(
	struct reader *reader, const char *what, const char *name, unsigned line, unsigned earlier)
{
	char where[WHERE_TEXT];

	return reader_fail(reader, line, EINVAL, "%s name '%s' is taken (%s); names are unique",
		what, name, reader_where(reader, line, earlier, where));
}

int check_tunnel_names(struct reader *reader)
{
	const struct config *config = reader->config;
	const void **item = calloc(config->tunnels_n + 2, sizeof(*item));
	int ret = 0;

	if (!item)
		return reader_fail(reader, 1, ENOMEM, "no memory");
	for (unsigned i = 0; i < config->tunnels_n; i++)
		item[i] = &config->tunnels[i];
	if (find_twins(item, config->tunnels_n, hash_of_tunnel, by_tunnel_name)) {
		const struct config_tunnel *earlier = item[0], *later = item[1];

		ret = name_taken(reader, "tunnel", later->name, later->line, earlier->line);
	}
	free(item);
	return ret;
}

int check_policy_names(struct reader *reader)
{
	const struct config *config = reader->config;
	const void **item = calloc(config->policies_n + 2, sizeof(*item));
	int ret = 0;

	if (!item)
		return reader_fail(reader, 1, ENOMEM, "no memory");
	for (unsigned i = 0; i < config->policies_n; i++)
		item[i] = &config->policies[i];
	if (find_twins(item, config->policies_n, hash_of_policy, by_policy_name)) {
		const struct config_policy *earlier = item[0], *later = item[1];

		ret = name_taken(reader, "policy", later->name, later->line, earlier->line);
	}
	free(item);
	return ret;
}
