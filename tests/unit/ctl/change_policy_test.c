// Policies by request: whose they are.
#include "ctl/change_requests.h"
#include "ctl/config_tables.h"
#include "ctl/gateway.h"

#include "change_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LINE 7

static struct dataplane dataplane;
static struct gateway gateway = {.dp = &dataplane};
static struct config_policy policies[2];
static struct config config = {.policies_n = 2, .policies = policies};
static struct change change;

static json_t *arguments(const char *source, const char *before)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s*}", "name", "b", "src", source, "dst",
		"10.2.0.0/16", "action", "discard", "before", before);
}

static int start(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct config_policy *policy = &policies[i];

		*policy = (struct config_policy){.owner = OWNER_FILE, .line = LINE, .hits = 5};
		policy_default(policy);
		policy->name[0] = (char)('a' + i);
		policy->action = POLICY_DISCARD;
		assert_int_equal(ip_prefix_parse("10.1.0.0/16", &policy->selector.source), 0);
		assert_int_equal(ip_prefix_parse("10.2.0.0/16", &policy->selector.destination), 0);
	}
	change = (struct change){
		.gateway = &gateway, .owner = OWNER_OPERATOR, .draft = draft_of(&config)};
	return change.draft ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	draft_free(change.draft);
	return 0;
}

static bool has_changed(json_t *result)
{
	bool changed = json_is_true(json_object_get(result, "changed"));

	json_decref(result);
	return changed;
}

// A reload finds what is the file's, and takes it for the same.
static void what_is_there_stays_whose_it_is(void **state)
{
	const struct config_policy *b = &change.draft->policies[1];

	(void)state;
	assert_false(
		has_changed(done_step(&change, change_add_policy, arguments("10.1.0.0/16", NULL))));
	assert_false(change.edited);
	assert_int_equal(b->owner, OWNER_FILE);
	assert_int_equal(b->line, LINE);
}

static void what_is_replaced_has_another_owner(void **state)
{
	json_t *asked = arguments("10.1.0.0/24", NULL);
	struct config_policy *b = &change.draft->policies[1];
	struct error err;
	json_t *result;

	(void)state;
	assert_int_equal(
		do_step(&change, change_add_policy, json_copy(asked), &result, &err), -EEXIST);
	assert_int_equal(b->owner, OWNER_FILE);
	json_object_set_new(asked, "replace", json_true());
	assert_true(has_changed(done_step(&change, change_add_policy, asked)));
	assert_true(change.edited && change.policies);
	assert_int_equal(b->owner, OWNER_OPERATOR);
	assert_int_equal(b->selector.source.length, 24);
	assert_int_equal(b->hits, 5);
}

static void another_place_is_a_change(void **state)
{
	json_t *asked = arguments("10.1.0.0/16", "a");

	(void)state;
	json_object_set_new(asked, "replace", json_true());
	assert_true(has_changed(done_step(&change, change_add_policy, asked)));
	assert_string_equal(change.draft->policies[0].name, "b");
	assert_int_equal(change.draft->policies[0].hits, 5);
	assert_int_equal(change.draft->policies[0].owner, OWNER_OPERATOR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_there_stays_whose_it_is, start, stop),
		cmocka_unit_test_setup_teardown(what_is_replaced_has_another_owner, start, stop),
		cmocka_unit_test_setup_teardown(another_place_is_a_change, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
