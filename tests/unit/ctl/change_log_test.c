// Who changed what: lines for few changes, one for many, and nothing in them that does not belong.
#include "ctl/change_log.h"

#include "ctl/changes.h"
#include "ctl/request.h"

#include "log_lines.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PREFIX "change_log_test: notice: control: "

static const struct request add_tunnel = {.name = "add-tunnel"};
static const struct request add_sa = {.name = "add-sa"};
static const struct request del_sa = {.name = "del-sa"};
static const struct request flush = {.name = "flush"};
static const struct request reload = {.name = "reload"};
static const struct author somebody = {.owner = OWNER_OPERATOR, .uid = 0, .pid = 77};

static struct event_base *events;
static struct owners owners;
static struct change_log *log_of_changes;
static char text[131072];

static int start(void **state)
{
	(void)state;
	events = event_base_new();
	owners_init(&owners);
	log_of_changes = change_log_create(events, &owners);
	log_lines_begin();
	return 0;
}

static void expect_lines(const char *expected)
{
	log_lines_end(text, sizeof(text));
	assert_string_equal(text, expected);
	log_lines_begin();
}

static unsigned lines(void)
{
	unsigned n = 0;

	log_lines_end(text, sizeof(text));
	for (const char *at = text; *at; at++)
		n += *at == '\n';
	log_lines_begin();
	return n;
}

static int stop(void **state)
{
	(void)state;
	log_lines_end(text, sizeof(text));
	change_log_destroy(log_of_changes);
	event_base_free(events);
	return 0;
}

// One step. Takes its arguments.
static void add_step(
	const struct author *author, const struct request *request, json_t *arguments, bool edited)
{
	const struct change_step step = {
		.request = request, .arguments = arguments, .edited = edited};

	change_log_add(log_of_changes, author, &step, 1);
	json_decref(arguments);
}

static void add(const struct author *author, const struct request *request, json_t *arguments)
{
	add_step(author, request, arguments, true);
}

static json_t *sa(unsigned spi)
{
	return json_pack("{s:s, s:s, s:i, s:s}", "tunnel", "site-b", "direction", "in", "spi", spi,
		"key", "5e57");
}

static void a_line_for_each(void **state)
{
	(void)state;
	add(&somebody, &add_tunnel, json_pack("{s:s, s:s}", "name", "site-b", "port", "wan"));
	add(&somebody, &add_sa, sa(0x1001));
	add(&somebody, &flush, json_pack("{s:s, s:s}", "what", "all", "owner", "ike"));
	add(&somebody, &reload, json_object());
	add(&somebody, &reload, NULL);
	expect_lines(PREFIX "operator (user 0, process 77): add-tunnel site-b\n" PREFIX
			    "operator (user 0, process 77): add-sa site-b in 0x00001001\n" PREFIX
			    "operator (user 0, process 77): flush all ike\n" PREFIX
			    "operator (user 0, process 77): reload\n" PREFIX
			    "operator (user 0, process 77): reload\n");
}

static void nothing_of_what_changed_nothing(void **state)
{
	(void)state;
	add_step(&somebody, &add_sa, sa(1), false);
	expect_lines("");
	add(&somebody, &del_sa, sa(1));
	expect_lines(PREFIX "operator (user 0, process 77): del-sa site-b in 0x00000001\n");
}

static void a_batch_is_one(void **state)
{
	struct change_step step[200];

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		step[i].request = i % 4 == 0 ? &add_tunnel : &add_sa;
		step[i].arguments =
			i % 4 == 0 ? json_pack("{s:o}", "name", json_sprintf("t%u", i)) : sa(i);
		step[i].edited = i != 1;
	}
	change_log_add(log_of_changes, &somebody, step, 200);
	for (unsigned i = 0; i < 200; i++)
		json_decref((json_t *)(uintptr_t)step[i].arguments);
	expect_lines(PREFIX
		"operator (user 0, process 77): 199 changes (add-tunnel 50, add-sa 149): t0, "
		"site-b in 0x00000002, site-b in 0x00000003, t4, site-b in 0x00000005, site-b in "
		"0x00000006, site-b in 0x00000007, t8, site-b in 0x00000009, site-b in 0x0000000a, "
		"site-b in 0x0000000b, t12, site-b in 0x0000000d, site-b in 0x0000000e and 185 "
		"more\n");
}

// As many as an IKE daemon has in a second, and somebody else's in between.
static void many_are_one_line_a_second(void **state)
{
	const struct author ike = {.owner = 2, .uid = 5, .pid = 6};
	uint16_t owner;
	struct error err;

	(void)state;
	assert_int_equal(owners_take(&owners, "ike", 5, &owner, &err), 0);
	for (unsigned i = 0; i < 3000; i++)
		add(&ike, &add_sa, sa(i + 1));
	assert_int_equal(lines(), CHANGE_LOG_LINES);
	add(&somebody, &del_sa, sa(9));
	expect_lines(PREFIX "operator (user 0, process 77): del-sa site-b in 0x00000009\n");
	event_base_loop(events, EVLOOP_ONCE);
	log_lines_end(text, sizeof(text));
	assert_memory_equal(text,
		PREFIX "ike (user 5, process 6), within a second more: 2990 changes (add-sa 2990): "
		       "site-b in 0x0000000b, ",
		sizeof(PREFIX) + 95);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	log_lines_begin();
	// Another second.
	add(&ike, &add_sa, sa(1));
	expect_lines(PREFIX "ike (user 5, process 6): add-sa site-b in 0x00000001\n");
}

// By nothing that others do.
static void each_user_is_named(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		const struct author author = {.owner = OWNER_OPERATOR, .uid = i, .pid = 1};

		for (unsigned k = 0; k <= CHANGE_LOG_LINES; k++)
			add(&author, &add_sa, sa(i + 1));
	}
	assert_int_equal(lines(), 100 * CHANGE_LOG_LINES);
	event_base_loop(events, EVLOOP_ONCE);
	assert_int_equal(lines(), 100);
	assert_non_null(strstr(text,
		"operator (user 99, process 1), within a second more: add-sa site-b in "
		"0x00000064\n"));
}

static void owners_beyond_share_their_users_lines(void **state)
{
	const struct author other = {.owner = OWNER_OPERATOR, .uid = 8, .pid = 9};
	struct error err;

	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		struct author author = {.uid = 7, .pid = 1};
		char name[8];

		snprintf(name, sizeof(name), "ike%u", i);
		assert_int_equal(owners_take(&owners, name, 7, &author.owner, &err), 0);
		for (unsigned k = 0; k < CHANGE_LOG_LINES; k++)
			add(&author, &add_sa, sa(i + 1));
	}
	assert_int_equal(lines(), (CHANGE_LOG_OWNERS + 1) * CHANGE_LOG_LINES);
	add(&other, &del_sa, sa(1));
	expect_lines(PREFIX "operator (user 8, process 9): del-sa site-b in 0x00000001\n");
	event_base_loop(events, EVLOOP_ONCE);
	assert_int_equal(lines(), 1);
	assert_non_null(strstr(text,
		PREFIX "other owners of user 7, within a second more: 110 changes (add-sa 110): "
		       "site-b in 0x00000006, "));
}

static void what_waits_is_told_at_the_end(void **state)
{
	(void)state;
	for (unsigned i = 0; i <= CHANGE_LOG_LINES; i++)
		add(&somebody, &add_sa, sa(i + 1));
	assert_int_equal(lines(), CHANGE_LOG_LINES);
	change_log_destroy(log_of_changes);
	log_of_changes = NULL;
	expect_lines(PREFIX "operator (user 0, process 77), within a second more: add-sa site-b in "
			    "0x0000000b\n");
}

// Whatever a client says: one line, of bounded length, in letters that a terminal shows.
static void odd_names(void **state)
{
	char name[4096];

	(void)state;
	add(&somebody, &del_sa,
		json_pack("{s:s, s:s}", "tunnel", "a\nvped: error: \033[2J\xc3\xa4", "direction",
			"\r"));
	expect_lines(PREFIX "operator (user 0, process 77): del-sa a?vped: error: ?[2J?? ?\n");
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (unsigned i = 0; i < 5; i++)
		add(&somebody, &flush,
			json_pack("{s:s, s:s, s:s, s:s, s:I}", "tunnel", name, "direction", name,
				"what", name, "owner", name, "spi", (json_int_t)INT64_MAX));
	log_lines_end(text, sizeof(text));
	assert_in_range(strlen(text), 5 * 100, 5 * 300);
	log_lines_begin();
}

#define logged(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		logged(a_line_for_each),
		logged(nothing_of_what_changed_nothing),
		logged(a_batch_is_one),
		logged(many_are_one_line_a_second),
		logged(each_user_is_named),
		logged(owners_beyond_share_their_users_lines),
		logged(what_waits_is_told_at_the_end),
		logged(odd_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
