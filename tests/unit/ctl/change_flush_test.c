// What is left of a batch's draft when many objects go at once.
#include "ctl/change_requests.h"
#include "ctl/gateway.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct gateway gateway;
static struct config config = {.policies_n = 3,
	.policies = (struct config_policy[]){{.name = "a"}, {.name = "b"}, {.name = "c"}}};

static json_t *do_it(struct change *change,
	int (*step)(
		struct change *change, const json_t *arguments, json_t **result, struct error *err),
	json_t *arguments)
{
	json_t *result = NULL;
	struct error err;

	assert_int_equal(step(change, arguments, &result, &err), 0);
	json_decref(arguments);
	return result;
}

static json_int_t deleted(struct change *change, const char *name)
{
	json_t *result = do_it(change, change_del_policy, json_pack("{s:s}", "name", name));
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
	json_decref(do_it(&change, change_flush,
		json_pack("{s:s, s:s}", "what", "policies", "owner", "ike")));
	assert_int_equal(change.draft->policies_n, 3);
	assert_int_equal(deleted(&change, "c"), 1);
	assert_int_equal(deleted(&change, "d"), 1);
	assert_int_equal(change.draft->policies_n, 1);
	assert_string_equal(change.draft->policies[0].name, "a");
	draft_free(change.draft);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policies_are_found_behind_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
