// Policies that decide alone, against every pair of policies compared by itself.
#include "dataplane/spd_alone.h"

#include "fixture.h"

#define POLICIES 60

// Few bits, so that prefixes meet, and few lengths, so that shapes are few.
static struct ip_prefix random_prefix(struct random *r, uint8_t family)
{
	static const uint8_t lengths[] = {0, 6, 7, 8};
	struct ip_prefix prefix = {.addr.family = family,
		.addr.octets = {(uint8_t)random_below(r, 64)},
		.length = lengths[random_below(r, 4)]};

	ip_prefix_mask(&prefix);
	return prefix;
}

static struct policy random_policy(struct random *r)
{
	uint8_t family = random_below(r, 6) == 0 ? IP_V6 : IP_V4;
	struct policy policy = {.selector = {.source = random_prefix(r, family),
					.destination = random_prefix(r, family),
					.protocol = SELECTOR_ANY_PROTOCOL,
					.source_port = {0, UINT16_MAX},
					.destination_port = {0, UINT16_MAX}}};

	switch (random_below(r, 8)) {
	case 0:
		policy.selector.protocol = 17;
		break;
	case 1:
		policy.selector.protocol = 6;
		policy.selector.destination_port.last = 1023;
		break;
	default:
		break;
	}
	return policy;
}

static bool meet(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return ip_prefix_covers(a, b) || ip_prefix_covers(b, a);
}

static bool is_alone(const struct policy policies[], unsigned i)
{
	const struct selector *s = &policies[i].selector;

	if (s->source.addr.family != IP_V4 || s->protocol != SELECTOR_ANY_PROTOCOL ||
		selector_names_ports(s))
		return false;
	for (unsigned before = 0; before < i; before++) {
		const struct selector *other = &policies[before].selector;

		if (meet(&s->source, &other->source) && meet(&s->destination, &other->destination))
			return false;
	}
	return true;
}

static void all_pairs(void **state)
{
	struct random r = {3};
	unsigned seen[2] = {0};

	(void)state;
	for (unsigned set = 0; set < 3000; set++) {
		struct policy policies[POLICIES];
		bool alone[POLICIES];
		unsigned n = (unsigned)random_below(&r, POLICIES + 1);

		for (unsigned i = 0; i < n; i++)
			policies[i] = random_policy(&r);
		assert_int_equal(spd_find_alone(policies, n, alone), 0);
		for (unsigned i = 0; i < n; i++) {
			assert_int_equal(alone[i], is_alone(policies, i));
			seen[alone[i]]++;
		}
	}
	assert_true(seen[false] > 10000 && seen[true] > 10000);
}

// Too many shapes to compare them all: nobody is said to be alone.
static void many_shapes(void **state)
{
	struct random r = {4};
	struct policy policies[65];
	bool alone[65];

	(void)state;
	for (uint8_t i = 0; i < COUNT(policies); i++) {
		policies[i] = random_policy(&r);
		policies[i].selector.source = (struct ip_prefix){
			.addr.family = IP_V4, .addr.octets = {i}, .length = (uint8_t)(8 + i / 33)};
		policies[i].selector.destination =
			(struct ip_prefix){.addr.family = IP_V4, .length = i % 33};
		policies[i].selector.protocol = SELECTOR_ANY_PROTOCOL;
		policies[i].selector.destination_port.last = UINT16_MAX;
	}
	assert_int_equal(spd_find_alone(policies, COUNT(policies) - 1, alone), 0);
	for (unsigned i = 0; i < COUNT(policies) - 1; i++)
		assert_true(alone[i]);
	assert_int_equal(spd_find_alone(policies, COUNT(policies), alone), 0);
	for (unsigned i = 0; i < COUNT(policies); i++)
		assert_false(alone[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_pairs),
		cmocka_unit_test(many_shapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
