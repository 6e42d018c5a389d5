// Finds twins in lists of thousands; names are unique by it.
#include "ctl/config_tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

bool find_twins(const void **item, unsigned n, twin_compare *compare)
{
	struct by by = {.compare = compare};
	unsigned best = 0;

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
	if (find_twins(item, config->tunnels_n, by_tunnel_name)) {
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
	if (find_twins(item, config->policies_n, by_policy_name)) {
		const struct config_policy *earlier = item[0], *later = item[1];

		ret = name_taken(reader, "policy", later->name, later->line, earlier->line);
	}
	free(item);
	return ret;
}
