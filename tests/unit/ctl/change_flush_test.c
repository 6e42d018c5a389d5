// What is left of a batch's draft when many objects go at once.
#include "ctl/change_requests.h"
#include "ctl/gateway.h"

#include "change_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct gateway gateway;
static struct config config = {.policies_n = 3,
	.policies = (struct config_policy[]){{.name = "a"}, {.name = "b"}, {.name = "c"}}};

static json_int_t deleted(struct change *change, const char *name)
{
	json_t *result = done_step(change, change_del_policy, json_pack("{s:s}", "name", name));
	json_int_t n = json_integer_value(json_object_get(result, "deleted"));

	json_decref(result);
	return n;
}

// Names are remembered by their places, which are others then, though there are as many.
static void policies_are_found_behind_it(void **state)
{
	struct change change = {.gateway = &gateway, .owner = OWNER_OPERATOR};
	struct error err;
	uint16_t ike;

	(void)state;
	owners_init(&gateway.owners);
	assert_int_equal(owners_take(&gateway.owners, "ike", 7, &ike, &err), 0);
	config.policies[1].owner = ike;
	change.draft = draft_of(&config);
	assert_non_null(change.draft);
	assert_int_equal(deleted(&change, "none"), 0);
	change.draft->policies =
		reallocarray(change.draft->policies, 4, sizeof(change.draft->policies[0]));
	assert_non_null(change.draft->policies);
	change.draft->policies[change.draft->policies_n++] = (struct config_policy){.name = "d"};
	json_decref(done_step(&change, change_flush,
		json_pack("{s:s, s:s}", "what", "policies", "owner", "ike")));
	assert_int_equal(change.draft->policies_n, 3);
	assert_int_equal(deleted(&change, "c"), 1);
	assert_int_equal(deleted(&change, "d"), 1);
	assert_int_equal(change.draft->policies_n, 1);
	assert_string_equal(change.draft->policies[0].name, "a");
	draft_free(change.draft);
}

static bool edits(struct change *change, change_step_function *step, const char *what)
{
	json_t *arguments = what ? json_pack("{s:s}", "what", what) : NULL;

	change->edited = false;
	json_decref(done_step(change, step, arguments));
	return change->edited;
}

static void what_finds_nothing_edits_nothing(void **state)
{
	struct change change = {.gateway = &gateway};
	struct error err;
	uint16_t ike;

	(void)state;
	owners_init(&gateway.owners);
	assert_int_equal(owners_take(&gateway.owners, "ike", 7, &ike, &err), 0);
	change.owner = ike;
	config.policies[1].owner = OWNER_FILE;
	change.draft = draft_of(&config);
	assert_non_null(change.draft);
	assert_false(edits(&change, change_flush, "all"));
	assert_false(edits(&change, change_expire, NULL));
	assert_false(edits(&change, change_withdraw, NULL));
	change.draft->policies[1].owner = ike;
	change.draft->policies[1].action = POLICY_PROTECT;
	assert_true(edits(&change, change_withdraw, NULL));
	assert_false(edits(&change, change_withdraw, NULL));
	assert_true(edits(&change, change_flush, "policies"));
	assert_false(edits(&change, change_flush, "policies"));
	draft_free(change.draft);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policies_are_found_behind_it),
		cmocka_unit_test(what_finds_nothing_edits_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
