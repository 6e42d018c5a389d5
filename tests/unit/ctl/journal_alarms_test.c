// Alarms of the journal as those who listen hear them.
#include "ctl/journal_alarms.h"

#include "ctl/gateway.h"
#include "ctl/notify.h"

#include "log_lines.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct sa added = {.name = "a in", .params.spi = 1, .published = true};
static struct sa moved = {.name = "b in", .params.spi = 2, .body = &added, .published = true};
static struct sa drafted = {.name = "c in", .params.spi = 3, .body = &added};
static struct sa *sas[] = {&added, &moved, &drafted};
static struct gateway gateway = {.sa = sas};

static unsigned told;
static const char *kind_told, *reason_told;
static const struct sa *sa_told;
static json_t *event_told;

void notify(const struct gateway *to, json_t *event)
{
	assert_ptr_equal(to, &gateway);
	json_decref(event_told);
	event_told = event;
	told++;
}

void notify_sa(const struct gateway *to, const char *kind, const struct sa *sa, const char *reason)
{
	assert_ptr_equal(to, &gateway);
	kind_told = kind;
	sa_told = sa;
	reason_told = reason;
	told++;
}

struct leases_usage leases_usage(const struct leases *leases)
{
	assert_null(leases);
	return (struct leases_usage){.records = 100, .used = 70, .kept = 11};
}

static int start(void **state)
{
	(void)state;
	added.body = &added;
	added.published = true;
	moved.published = true;
	gateway.sas = 3;
	told = 0;
	return 0;
}

static int stop(void **state)
{
	(void)state;
	json_decref(event_told);
	event_told = NULL;
	return 0;
}

static void tell(enum leases_alarm_kind kind)
{
	const struct leases_alarm alarm = {.kind = kind, .error = -EIO, .sa = &added};
	unsigned before = told;

	journal_alarm(&gateway, NULL, &alarm);
	assert_int_equal(told, before + 1);
}

static void of_the_journal(void **state)
{
	(void)state;
	tell(LEASES_JOURNAL_FAILED);
	assert_string_equal(
		json_string_value(json_object_get(event_told, "kind")), "journal-failed");
	assert_string_equal(
		json_string_value(json_object_get(event_told, "reason")), strerror(EIO));
	tell(LEASES_JOURNAL_FILLING);
	assert_string_equal(
		json_string_value(json_object_get(event_told, "kind")), "journal-filling");
	assert_int_equal(json_integer_value(json_object_get(event_told, "records")), 100);
	assert_int_equal(json_integer_value(json_object_get(event_told, "used")), 70);
	assert_int_equal(json_integer_value(json_object_get(event_told, "kept")), 11);
}

// Only windows come to that: what an outbound SA needs, it has when it is made.
static void more_room_is_made_while_nobody_has_it(void **state)
{
	char text[1024];

	(void)state;
	log_lines_begin();
	tell(LEASES_JOURNAL_FULL);
	tell(LEASES_JOURNAL_FILLING);
	log_lines_end(text, sizeof(text));
	assert_string_equal(text,
		"journal_alarms_test: error: the journal is full (100 records): SA a in has "
		"windows that receive nothing; give it more room while vped does not run (vpectl "
		"key-register --records)\n"
		"journal_alarms_test: warning: of the 100 records of the journal 70 are used and "
		"11 kept for windows to come: SAs that find no room are refused; give it more "
		"while vped does not run (vpectl key-register --records)\n");
}

// By the name that it has now: workers do not know yet what is only drafted.
static void of_an_sa(void **state)
{
	static const struct {
		enum leases_alarm_kind alarm;
		const char *kind, *reason;
	} cases[] = {
		{LEASES_JOURNAL_FULL, "journal-full", "records"},
		{LEASES_KEY_SOFT, "soft-expire", "blocks"},
		{LEASES_KEY_SPENT, "key-spent", "blocks"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tell(cases[i].alarm);
		assert_string_equal(kind_told, cases[i].kind);
		assert_string_equal(reason_told, cases[i].reason);
		assert_ptr_equal(sa_told, &moved);
	}
}

// Its first leases come before workers see it.
static void of_one_that_is_new(void **state)
{
	(void)state;
	gateway.sas = 1;
	added.published = false;
	tell(LEASES_KEY_SPENT);
	assert_ptr_equal(sa_told, &added);
}

// One change added it and moved it twice: where it was before that, it never is in force.
static void of_one_that_moves_before(void **state)
{
	(void)state;
	added.published = false;
	tell(LEASES_KEY_SPENT);
	assert_ptr_equal(sa_told, &moved);
	moved.published = false;
	tell(LEASES_KEY_SPENT);
	assert_ptr_equal(sa_told, &drafted);
}

// Its tunnel may be gone by then.
static void not_of_one_that_goes(void **state)
{
	const struct leases_alarm alarm = {.kind = LEASES_KEY_SPENT, .sa = &added};

	(void)state;
	gateway.sas = 0;
	journal_alarm(&gateway, NULL, &alarm);
	assert_int_equal(told, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(of_the_journal, start, stop),
		cmocka_unit_test_setup_teardown(more_room_is_made_while_nobody_has_it, start, stop),
		cmocka_unit_test_setup_teardown(of_an_sa, start, stop),
		cmocka_unit_test_setup_teardown(of_one_that_is_new, start, stop),
		cmocka_unit_test_setup_teardown(of_one_that_moves_before, start, stop),
		cmocka_unit_test_setup_teardown(not_of_one_that_goes, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
