// Finds policies that can never match, because an earlier one takes all of their packets. Policies
// are kept by their shape (the lengths of both prefixes): real configurations have thousands of
// policies and a handful of shapes, so a policy is looked up once per shape and not compared with
// every other.
#include "ctl/config_tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct shape {
	uint8_t family;
	uint8_t source;
	uint8_t destination;
	bool any_protocol;
};

struct cover {
	struct shape *shape;
	unsigned shapes;
	unsigned *head; // by hash: index + 1 of the newest policy
	unsigned *next; // by policy: of the one before it in its chain
	unsigned mask;
};

static uint32_t mix(uint32_t hash, const void *data, size_t octets)
{
	const uint8_t *at = data;

	for (size_t i = 0; i < octets; i++)
		hash = (hash ^ at[i]) * UINT32_C(16777619);
	return hash;
}

static uint32_t mix_prefix(uint32_t hash, struct ip_prefix prefix, uint8_t length)
{
	prefix.length = length;
	ip_prefix_mask(&prefix);
	hash = mix(hash, prefix.addr.octets, sizeof(prefix.addr.octets));
	return mix(hash, &length, sizeof(length));
}

// The chain in which a policy of this shape stands if it covers the selector.
static unsigned chain(
	const struct cover *cover, const struct selector *selector, const struct shape *shape)
{
	uint16_t protocol = shape->any_protocol ? SELECTOR_ANY_PROTOCOL : selector->protocol;
	uint32_t hash = mix(UINT32_C(2166136261), &shape->family, sizeof(shape->family));

	hash = mix_prefix(hash, selector->source, shape->source);
	hash = mix_prefix(hash, selector->destination, shape->destination);
	return mix(hash, &protocol, sizeof(protocol)) & cover->mask;
}

static struct shape shape_of(const struct selector *selector)
{
	return (struct shape){.family = selector->source.addr.family,
		.source = selector->source.length,
		.destination = selector->destination.length,
		.any_protocol = selector->protocol == SELECTOR_ANY_PROTOCOL};
}

static bool may_cover(const struct shape *outer, const struct shape *inner)
{
	return outer->family == inner->family && outer->source <= inner->source &&
		outer->destination <= inner->destination &&
		(outer->any_protocol || !inner->any_protocol);
}

// What is discarded where another owner's policies are not there, after a restart for instance.
static bool is_fallback(const struct config_policy *policy, const struct config_policy *earlier)
{
	return policy->action == POLICY_DISCARD && policy->owner != earlier->owner;
}

static bool hides(const struct config_policy *earlier, const struct config_policy *policy)
{
	return selector_covers(&earlier->selector, &policy->selector) &&
		!is_fallback(policy, earlier);
}

// The first policy that hides this one, or NULL. It does so whatever else is between them, so none
// comes to be hidden because another goes.
static const struct config_policy *find(
	const struct cover *cover, const struct config *config, const struct config_policy *policy)
{
	struct shape inner = shape_of(&policy->selector);
	unsigned best = config->policies_n;

	for (unsigned s = 0; s < cover->shapes; s++) {
		if (!may_cover(&cover->shape[s], &inner))
			continue;
		for (unsigned i = cover->head[chain(cover, &policy->selector, &cover->shape[s])]; i;
			i = cover->next[i - 1])
			if (i - 1 < best && hides(&config->policies[i - 1], policy))
				best = i - 1;
	}
	return best < config->policies_n ? &config->policies[best] : NULL;
}

static void add(struct cover *cover, const struct config *config, unsigned index)
{
	const struct selector *selector = &config->policies[index].selector;
	struct shape shape = shape_of(selector);
	unsigned s = 0, *head;

	while (s < cover->shapes && memcmp(&cover->shape[s], &shape, sizeof(shape)) != 0)
		s++;
	cover->shape[s] = shape;
	if (s == cover->shapes)
		cover->shapes++;
	head = &cover->head[chain(cover, selector, &shape)];
	cover->next[index] = *head;
	*head = index + 1;
}

static int covered(struct reader *reader, const struct config_policy *policy,
	const struct config_policy *earlier)
{
	char where[WHERE_TEXT];

	reader_where(reader, policy->line, earlier->line, where);
	if (selector_equal(&policy->selector, &earlier->selector))
		return reader_fail(reader, policy->line, EINVAL,
			"policy '%s' has the selectors of '%s' (%s); remove one", policy->name,
			earlier->name, where);
	return reader_fail(reader, policy->line, EINVAL,
		"policy '%s' never matches: '%s' before it (%s) takes all of its packets; put the "
		"narrower one first",
		policy->name, earlier->name, where);
}

static int cover_create(struct cover *cover, unsigned n)
{
	unsigned buckets = 16;

	while (buckets < 2 * n)
		buckets *= 2;
	*cover = (struct cover){.mask = buckets - 1,
		.shape = calloc(n + 1, sizeof(*cover->shape)),
		.head = calloc(buckets, sizeof(*cover->head)),
		.next = calloc(n + 1, sizeof(*cover->next))};
	return cover->shape && cover->head && cover->next ? 0 : -ENOMEM;
}

int check_policies(struct reader *reader)
{
	const struct config *config = reader->config;
	struct cover cover;
	int ret = check_policy_names(reader);

	if (ret < 0)
		return ret;
	ret = cover_create(&cover, config->policies_n);
	if (ret < 0)
		reader_fail(reader, 1, -ret, "no memory");
	for (unsigned i = 0; i < config->policies_n && ret == 0; i++) {
		const struct config_policy *policy = &config->policies[i];
		const struct config_policy *earlier = find(&cover, config, policy);

		if (earlier)
			ret = covered(reader, policy, earlier);
		else
			add(&cover, config, i);
	}
	free(cover.next);
	free(cover.head);
	free(cover.shape);
	return ret;
}
