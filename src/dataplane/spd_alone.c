// Two prefixes have an address in common where they are equal in the bits of the shorter one. So
// policies are compared shape by shape, a shape being the lengths of both prefixes: all of one
// shape, cut to what both shapes have, are sorted, and each one of the other is looked for.
#include "dataplane/spd_alone.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdlib.h>

#define SHAPES_MAX 64
// Policies looked at, for every pair of shapes.
#define WORK_MAX (UINT64_C(1) << 25)

// Both addresses of a policy, or which of their bits count.
struct shapes {
	unsigned n;
	uint64_t mask[SHAPES_MAX];
};

struct pair {
	uint64_t addresses;
	uint32_t index; // of its policy
};

static uint32_t mask_of(unsigned length)
{
	return length == 0 ? 0 : UINT32_MAX << (32 - length);
}

static uint64_t shape_of(const struct policy *policy)
{
	return (uint64_t)mask_of(policy->selector.source.length) << 32 |
		mask_of(policy->selector.destination.length);
}

static uint64_t addresses_of(const struct policy *policy)
{
	return (uint64_t)load_be32(policy->selector.source.addr.octets) << 32 |
		load_be32(policy->selector.destination.addr.octets);
}

static bool is_ipv4(const struct policy *policy)
{
	return policy->selector.source.addr.family == IP_V4;
}

static bool names_prefixes_only(const struct policy *policy)
{
	return is_ipv4(policy) && policy->selector.protocol == SELECTOR_ANY_PROTOCOL &&
		!selector_names_ports(&policy->selector);
}

static bool find_shapes(const struct policy policies[], unsigned n, struct shapes *shapes)
{
	shapes->n = 0;
	for (unsigned i = 0; i < n; i++) {
		unsigned s = 0;
		uint64_t shape;

		if (!is_ipv4(&policies[i]))
			continue;
		shape = shape_of(&policies[i]);
		while (s < shapes->n && shapes->mask[s] != shape)
			s++;
		if (s == SHAPES_MAX)
			return false;
		shapes->mask[s] = shape;
		shapes->n += s == shapes->n;
	}
	return true;
}

static int compare_pairs(const void *a, const void *b)
{
	const struct pair *x = a;
	const struct pair *y = b;

	if (x->addresses != y->addresses)
		return x->addresses < y->addresses ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static int compare_addresses(const void *key, const void *pair)
{
	uint64_t x = *(const uint64_t *)key;
	uint64_t y = ((const struct pair *)pair)->addresses;

	return x < y ? -1 : x > y;
}

// The policies of a shape by their addresses under a mask, of those that have the same the first
// one alone.
static unsigned sort_shape(const struct policy policies[], unsigned n, uint64_t shape,
	uint64_t mask, struct pair pairs[])
{
	unsigned found = 0;
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++) {
		if (is_ipv4(&policies[i]) && shape_of(&policies[i]) == shape)
			pairs[found++] = (struct pair){addresses_of(&policies[i]) & mask, i};
	}
	qsort(pairs, found, sizeof(pairs[0]), compare_pairs);
	for (unsigned i = 0; i < found; i++) {
		if (kept == 0 || pairs[kept - 1].addresses != pairs[i].addresses)
			pairs[kept++] = pairs[i];
	}
	return kept;
}

// Policies of shape `of` do not decide alone where one of shape `by` comes before them.
static void compare_shapes(const struct policy policies[], unsigned n, uint64_t of, uint64_t by,
	struct pair pairs[], bool alone[])
{
	unsigned sorted = sort_shape(policies, n, by, of & by, pairs);

	for (unsigned i = 0; i < n; i++) {
		uint64_t addresses = addresses_of(&policies[i]) & of & by;
		const struct pair *first;

		if (!alone[i] || shape_of(&policies[i]) != of)
			continue;
		first = bsearch(&addresses, pairs, sorted, sizeof(pairs[0]), compare_addresses);
		alone[i] = first == NULL || first->index >= i;
	}
}

int spd_find_alone(const struct policy policies[], unsigned n, bool alone[])
{
	struct shapes shapes;
	struct pair *pairs;
	bool few =
		find_shapes(policies, n, &shapes) && (uint64_t)shapes.n * shapes.n * n <= WORK_MAX;

	for (unsigned i = 0; i < n; i++)
		alone[i] = few && names_prefixes_only(&policies[i]);
	if (!few || n == 0)
		return 0;
	pairs = calloc(n, sizeof(*pairs));
	if (pairs == NULL)
		return -ENOMEM;
	for (unsigned of = 0; of < shapes.n; of++) {
		for (unsigned by = 0; by < shapes.n; by++)
			compare_shapes(policies, n, shapes.mask[of], shapes.mask[by], pairs, alone);
	}
	free(pairs);
	return 0;
}
