// Policies that could never match are refused; what is discarded where another owner's policies are
// not there may stand behind those, and only behind those.
#include "config_fixture.h"

#include "../random.h"
#include "ctl/config_tables.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define IKE (OWNER_OPERATOR + 1)
#define POLICIES 6
#define ROUNDS 20000

static struct config_policy policies[POLICIES];
static struct config config = {.policies = policies};
static struct error err;

static bool is_right(void)
{
	struct reader reader = {.config = &config, .err = &err};
	int ret = check_policies(&reader);

	name_index_forget(&config.policy_names);
	assert_true(ret == 0 || ret == -EINVAL);
	return ret == 0;
}

// From the first prefix to any address.
static void add(uint16_t owner, enum policy_action action, const char *source)
{
	struct config_policy *policy = &policies[config.policies_n];

	*policy = (struct config_policy){.owner = owner};
	policy_default(policy);
	snprintf(policy->name, sizeof(policy->name), "p%u", config.policies_n++);
	policy->action = action;
	assert_int_equal(ip_prefix_parse(source, &policy->selector.source), 0);
	assert_int_equal(ip_prefix_parse("0.0.0.0/0", &policy->selector.destination), 0);
}

static void take_away(unsigned at)
{
	config.policies_n--;
	memmove(&policies[at], &policies[at + 1], (config.policies_n - at) * sizeof(policies[0]));
}

static void a_fallback_is_behind_others_only(void **state)
{
	(void)state;
	config.policies_n = 0;
	add(IKE, POLICY_PROTECT, "10.1.0.0/16");
	add(OWNER_OPERATOR, POLICY_DISCARD, "10.1.0.0/16");
	assert_true(is_right());
	// What hides a policy does so behind others that do not, too.
	add(OWNER_OPERATOR, POLICY_DISCARD, "10.1.2.0/24");
	assert_false(is_right());
	assert_non_null(strstr(err.text, "policy 'p2' never matches: 'p1' before it"));
	policies[2].selector.source = policies[1].selector.source;
	assert_false(is_right());
	assert_non_null(strstr(err.text, "policy 'p2' has the selectors of 'p1'"));
	policies[2].owner = IKE;
	assert_false(is_right());
	assert_non_null(strstr(err.text, "policy 'p2' has the selectors of 'p0'"));
}

static void make(struct random *chance)
{
	static const char *const sources[] = {"10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24"};
	static const enum policy_action actions[] = {
		POLICY_DISCARD, POLICY_DISCARD, POLICY_PROTECT};

	config.policies_n = 0;
	while (config.policies_n < POLICIES) {
		add((uint16_t)random_below(chance, IKE + 2), actions[random_below(chance, 3)],
			sources[random_below(chance, 3)]);
		config.policies_n -= !is_right();
		if (random_below(chance, 3) == 0)
			return;
	}
}

// A change that only takes away needs no check.
static void what_goes_harms_nothing_that_stays(void **state)
{
	struct random chance = {.state = 0};
	unsigned most = 0;

	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		make(&chance);
		most = config.policies_n > most ? config.policies_n : most;
		while (config.policies_n > 0) {
			take_away((unsigned)random_below(&chance, config.policies_n));
			assert_true(is_right());
		}
	}
	assert_int_equal(most, POLICIES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fallback_is_behind_others_only),
		cmocka_unit_test(what_goes_harms_nothing_that_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
