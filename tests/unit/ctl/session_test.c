// Owners whose programs are exchanged: who speaks for them, and from when on.
#include "ctl/session.h"

#include "ctl/change_requests.h"
#include "ctl/gateway.h"

#include "changes_stub.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const struct request_table request_table_admin;

static struct gateway gateway;
static struct session one, two;
static char answered[512];

static void on_answer(struct session *session, char *line, size_t octets)
{
	assert_non_null(line);
	assert_true(octets < sizeof(answered));
	assert_null(session->waiting);
	memcpy(answered, line, octets);
	answered[octets] = '\0';
	free(line);
}

static int hello(struct session *session, const char *instance)
{
	json_t *arguments = json_pack("{s:s, s:s}", "owner", "ike", "instance", instance);
	json_t *result = NULL;
	struct error err;
	int ret = session_hello(session, arguments, &result, &err);

	assert_true(ret != 0 || result);
	json_decref(result);
	json_decref(arguments);
	return ret;
}

static int nothing(
	struct change *change, const json_t *arguments, json_t **result, struct error *err)
{
	(void)change;
	(void)arguments;
	(void)result;
	(void)err;
	return 0;
}

// Some change of the session's. One that is waited for is done.
static int try_change(struct session *session)
{
	static const struct request request = {.name = "nothing", .change = nothing};
	json_t *results = json_pack("[{}]");
	json_t *result = NULL;
	struct error err;
	int ret = session->change(session, &request, NULL, &result, &err);

	if (ret == -EINPROGRESS)
		changes_stub.done(changes_stub.arg, 0, results, NULL);
	json_decref(results);
	return ret;
}

static void finish(int ret)
{
	const struct error err = {.text = "no room"};
	json_t *results = json_pack("[{s:i}]", "sas", 2);

	answered[0] = '\0';
	assert_true(changes_stub.owner >= OWNER_OPERATOR);
	assert_non_null(changes_stub.request->change);
	changes_stub.done(changes_stub.arg, ret, ret == 0 ? results : NULL, &err);
	json_decref(results);
}

static int start(void **state)
{
	(void)state;
	gateway = (struct gateway){.changes = (struct changes *)&gateway};
	owners_init(&gateway.owners);
	changes_stub = (struct changes_stub){.answer = 0};
	session_begin(&one, &gateway, &request_table_admin, 0, 1, on_answer);
	session_begin(&two, &gateway, &request_table_admin, 0, 1, on_answer);
	return hello(&one, "first");
}

static int stop(void **state)
{
	(void)state;
	session_end(&one);
	session_end(&two);
	return 0;
}

static void test_one_program(void **state)
{
	(void)state;
	assert_int_equal(try_change(&one), -EINPROGRESS);
	// Another connection of the same.
	assert_int_equal(hello(&two, "first"), 0);
	assert_int_equal(try_change(&two), -EINPROGRESS);
	assert_int_equal(changes_stub.submitted, 2);
}

static void test_taken_over(void **state)
{
	(void)state;
	assert_int_equal(hello(&two, "second"), -EINPROGRESS);
	// Nobody speaks for it meanwhile, and nobody else takes over.
	assert_int_equal(try_change(&one), -ESTALE);
	assert_int_equal(hello(&one, "third"), -EBUSY);
	finish(0);
	assert_non_null(strstr(answered, "\"withdrawn\":{\"sas\":2}"));
	assert_int_equal(try_change(&two), -EINPROGRESS);
	assert_int_equal(try_change(&one), -ESTALE);
	assert_int_equal(hello(&two, "second"), 0);
}

static void test_what_is_left_stays_known(void **state)
{
	(void)state;
	changes_stub.answer = -ENOMEM;
	assert_int_equal(hello(&two, "second"), -ENOMEM);
	changes_stub.answer = 0;
	assert_int_equal(try_change(&two), -ESTALE);
	assert_int_equal(hello(&two, "second"), -EINPROGRESS);
	finish(-EIO);
	assert_non_null(strstr(answered, "no room"));
	assert_int_equal(try_change(&two), -ESTALE);
	// It is removed after all.
	assert_int_equal(hello(&two, "second"), -EINPROGRESS);
	finish(0);
	assert_non_null(strstr(answered, "withdrawn"));
	assert_int_equal(try_change(&two), -EINPROGRESS);
}

static void test_gone_before_the_answer(void **state)
{
	(void)state;
	assert_int_equal(hello(&two, "second"), -EINPROGRESS);
	session_end(&two);
	session_begin(&two, &gateway, &request_table_admin, 0, 1, on_answer);
	assert_int_equal(changes_stub.forgotten, 0);
	finish(0);
	assert_string_equal(answered, "");
	assert_int_equal(hello(&two, "second"), 0);
	assert_int_equal(try_change(&one), -ESTALE);
}

// What only looks is answered at once, unless a batch keeps it.
static void test_looks(void **state)
{
	static const struct request look = {.name = "look", .change = nothing, .looks = true};
	json_t *result = NULL;
	struct error err;

	(void)state;
	assert_int_equal(one.change(&one, &look, NULL, &result, &err), 0);
	assert_string_equal(json_string_value(result), "look");
	assert_int_equal(changes_stub.looked, 1);
	assert_int_equal(changes_stub.submitted, 0);
	json_decref(result);
	assert_int_equal(session_batch_begin(&one, NULL, &result, &err), 0);
	json_decref(result);
	assert_int_equal(one.change(&one, &look, json_null(), &result, &err), 0);
	assert_int_equal(json_integer_value(json_object_get(result, "queued")), 1);
	assert_int_equal(changes_stub.looked, 1);
	json_decref(result);
	assert_int_equal(hello(&two, "second"), -EINPROGRESS);
	assert_int_equal(session_batch_abort(&one, NULL, &result, &err), 0);
	json_decref(result);
	assert_int_equal(one.change(&one, &look, NULL, &result, &err), -ESTALE);
	finish(0);
}

static int listen_at(struct session *session)
{
	json_t *result = NULL;
	struct error err;
	int ret = session_monitor(session, NULL, &result, &err);

	json_decref(result);
	return ret;
}

// Those who may only look do not keep those who change things from hearing of it.
static void test_listeners(void **state)
{
	static const struct request_table reading;
	static struct session reader[GATEWAY_MONITORS], admin[GATEWAY_MONITORS];
	unsigned readers = 0, admins = 0;

	(void)state;
	for (unsigned i = 0; i < GATEWAY_MONITORS; i++) {
		session_begin(&reader[i], &gateway, &reading, 0, 1, on_answer);
		readers += listen_at(&reader[i]) == 0;
	}
	assert_int_equal(readers, SESSION_MONITORS_READING);
	// Once more is no other one.
	assert_int_equal(listen_at(&reader[0]), 0);
	for (unsigned i = 0; i < GATEWAY_MONITORS; i++) {
		session_begin(&admin[i], &gateway, &request_table_admin, 0, 1, on_answer);
		admins += listen_at(&admin[i]) == 0;
	}
	assert_int_equal(admins, GATEWAY_MONITORS - SESSION_MONITORS_READING);
	for (unsigned i = 0; i < GATEWAY_MONITORS; i++) {
		session_end(&reader[i]);
		session_end(&admin[i]);
	}
	assert_int_equal(gateway.monitors, 0);
}

// Of the places for those who may only look, the last ones are root's too.
static void test_listeners_that_may_only_look(void **state)
{
	static const struct request_table reading;
	static struct session session[3][GATEWAY_MONITORS];
	unsigned n[3] = {0};

	(void)state;
	for (unsigned user = 3; user-- > 0;)
		for (unsigned i = 0; i < GATEWAY_MONITORS; i++) {
			session_begin(&session[user][i], &gateway, &reading, user, 1, on_answer);
			n[user] += listen_at(&session[user][i]) == 0;
		}
	assert_int_equal(n[2], SESSION_MONITORS_USER);
	assert_int_equal(
		n[1], SESSION_MONITORS_READING - SESSION_MONITORS_ROOT - SESSION_MONITORS_USER);
	assert_int_equal(n[0], SESSION_MONITORS_ROOT);
	for (unsigned i = 0; i < GATEWAY_MONITORS; i++)
		for (unsigned user = 0; user < 3; user++)
			session_end(&session[user][i]);
	assert_int_equal(gateway.monitors, 0);
}

// Nor does a user keep others from it, and root has places in any case.
static void test_listeners_of_a_user(void **state)
{
	static struct session session[4][GATEWAY_MONITORS];
	unsigned n[4] = {0};

	(void)state;
	for (unsigned user = 4; user-- > 0;)
		for (unsigned i = 0; i < GATEWAY_MONITORS; i++) {
			session_begin(&session[user][i], &gateway, &request_table_admin, user, 1,
				on_answer);
			n[user] += listen_at(&session[user][i]) == 0;
		}
	for (unsigned user = 1; user < 4; user++)
		assert_int_equal(n[user], SESSION_MONITORS_USER);
	assert_int_equal(n[0], GATEWAY_MONITORS - 3 * SESSION_MONITORS_USER);
	session_end(&session[2][0]);
	session_begin(&session[2][0], &gateway, &request_table_admin, 2, 1, on_answer);
	assert_int_equal(listen_at(&session[2][0]), -EBUSY);
	session_end(&session[0][0]);
	assert_int_equal(listen_at(&session[2][0]), -EBUSY);
	for (unsigned i = 1; i < SESSION_MONITORS_ROOT - 1; i++)
		session_end(&session[0][i]);
	assert_int_equal(listen_at(&session[2][0]), -EBUSY);
	session_end(&session[3][0]);
	assert_int_equal(listen_at(&session[2][0]), 0);
	for (unsigned i = 0; i < GATEWAY_MONITORS; i++)
		for (unsigned user = 0; user < 4; user++)
			session_end(&session[user][i]);
	assert_int_equal(gateway.monitors, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_program, start, stop),
		cmocka_unit_test_setup_teardown(test_taken_over, start, stop),
		cmocka_unit_test_setup_teardown(test_what_is_left_stays_known, start, stop),
		cmocka_unit_test_setup_teardown(test_gone_before_the_answer, start, stop),
		cmocka_unit_test_setup_teardown(test_looks, start, stop),
		cmocka_unit_test_setup_teardown(test_listeners, start, stop),
		cmocka_unit_test_setup_teardown(test_listeners_that_may_only_look, start, stop),
		cmocka_unit_test_setup_teardown(test_listeners_of_a_user, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
