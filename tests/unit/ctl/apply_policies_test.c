// Hits of policies go on under their names, wherever these are then.
#include "ctl/apply_policies.h"

#include "../random.h"
#include "ctl/gateway.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FEW 40
#define MANY 65000
#define ROUNDS 2000

static struct dataplane dp;
static struct config_policy policies[MANY], others[MANY];
static struct config now = {.policies = policies}, next = {.policies = others};
static struct gateway gateway = {.dp = &dp, .config = &now};
static uint64_t counted[MANY];
static unsigned compared; // names

// The linker calls it where strcmp is called.
int __real_strcmp(const char *a, const char *b);
int __wrap_strcmp(const char *a, const char *b);

int __wrap_strcmp(const char *a, const char *b)
{
	compared++;
	return __real_strcmp(a, b);
}

// In place of the table in force.
unsigned spd_policies(const struct spd *spd)
{
	(void)spd;
	return now.policies_n;
}

uint64_t spd_hits(const struct spd *spd, unsigned index)
{
	(void)spd;
	assert_in_range(index, 0, now.policies_n - 1);
	return counted[index];
}

int spd_build(const struct policy *list, unsigned n, unsigned workers, int socket, struct spd **spd,
	struct error *err)
{
	(void)list;
	(void)n;
	(void)workers;
	(void)socket;
	(void)spd;
	(void)err;
	fail();
	return 0;
}

static void carry(void)
{
	name_index_forget(&now.policy_names);
	for (unsigned i = 0; i < next.policies_n; i++)
		next.policies[i].hits = 0;
	apply_carry_hits(&gateway, &next, (struct spd *)&dp);
}

static void name(struct config_policy *policy, unsigned number)
{
	snprintf(policy->name, sizeof(policy->name), "p%u", number);
}

static uint64_t hits_before(const char *of)
{
	for (unsigned i = 0; i < now.policies_n; i++)
		if (strcmp(now.policies[i].name, of) == 0)
			return now.policies[i].hits + counted[i];
	return 0;
}

// Some go, some come, some are elsewhere.
static void by_name(void **state)
{
	struct random chance = {.state = 0};

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		now.policies_n = (unsigned)random_below(&chance, FEW);
		next.policies_n = 0;
		for (unsigned i = 0; i < now.policies_n; i++) {
			name(&policies[i], i);
			policies[i].hits = random_below(&chance, 1000);
			counted[i] = random_below(&chance, 1000);
			if (random_below(&chance, 8) > 0)
				name(&others[next.policies_n++], i);
			if (random_below(&chance, 8) == 0)
				name(&others[next.policies_n++], FEW + i);
		}
		for (unsigned i = 0; i + 1 < next.policies_n; i++)
			if (random_below(&chance, 8) == 0) {
				struct config_policy moved = others[i];

				others[i] = others[i + 1];
				others[i + 1] = moved;
			}
		carry();
		for (unsigned i = 0; i < next.policies_n; i++)
			assert_int_equal(others[i].hits, hits_before(others[i].name));
	}
}

// As many as there can be, each at another place: none is searched for through all others.
static void of_many(void **state)
{
	(void)state;
	now.policies_n = next.policies_n = MANY;
	for (unsigned i = 0; i < MANY; i++) {
		name(&policies[i], i);
		name(&others[i], MANY - 1 - i);
		policies[i].hits = 0;
		counted[i] = i + 1;
	}
	compared = 0;
	carry();
	assert_in_range(compared, MANY, 8 * MANY);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(others[i].hits, MANY - i);
}

static void of_the_same_table(void **state)
{
	(void)state;
	now.policies_n = next.policies_n = 1;
	policies[0].hits = 7;
	counted[0] = 5;
	apply_carry_hits(&gateway, &next, NULL);
	assert_int_equal(others[0].hits, 7);
}

static int forget(void **state)
{
	(void)state;
	name_index_forget(&now.policy_names);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_name),
		cmocka_unit_test(of_many),
		cmocka_unit_test(of_the_same_table),
	};

	return cmocka_run_group_tests(tests, NULL, forget);
}
