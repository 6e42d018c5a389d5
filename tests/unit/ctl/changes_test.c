// Drafts of several who ask at the same moment, of which one cannot be put in force.
#include "ctl/changes.h"

#include "ctl/apply.h"
#include "ctl/config_tables.h"
#include "ctl/gateway.h"
#include "ctl/journal_service.h"
#include "ctl/live.h"
#include "ctl/request.h"
#include "ctl/service.h"

#include "log_lines.h"

#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ASKED_MAX 8
#define PENDING 1
#define STEPS 200

static struct gateway gateway;
static struct dataplane dataplane;
static struct config config;
static unsigned applied, looks;
static struct asked {
	int ret; // PENDING: not told yet
	char result[TUNNEL_NAME];
	unsigned order;
} asked[ASKED_MAX];
static unsigned told;
static struct author author;

// How often all were looked at, and which tunnels were compared with the others.
static struct checked {
	unsigned tunnels, policies, keys, among, number[CONFIG_CHECK_TUNNELS];
	bool clash;
} checked;

// In place of the gateway's: what is called "bad" cannot be put in force.
int apply(struct gateway *of, struct config *next, struct error *err)
{
	applied++;
	for (unsigned i = 0; i < next->tunnels_n; i++)
		if (strcmp(next->tunnels[i].name, "bad") == 0)
			return error_set(err, EIO, "the kernel does not like it");
	free(of->config->tunnels);
	of->config->tunnels = next->tunnels;
	of->config->tunnels_n = next->tunnels_n;
	next->tunnels = NULL;
	return 0;
}

int check_tunnels(struct reader *reader)
{
	(void)reader;
	checked.tunnels++;
	return 0;
}

bool tunnels_may_clash(const struct config *of, const unsigned *number, unsigned n)
{
	(void)of;
	checked.among = n;
	for (unsigned i = 0; i < n; i++)
		checked.number[i] = number[i];
	return checked.clash;
}

int check_policies(struct reader *reader)
{
	(void)reader;
	checked.policies++;
	return 0;
}

int live_check_keys(struct gateway *of, const struct config *next, struct error *err)
{
	(void)of;
	(void)next;
	(void)err;
	checked.keys++;
	return 0;
}

void live_sweep(struct gateway *of, const struct config *const named[], unsigned n)
{
	(void)of;
	(void)named;
	(void)n;
}

void journal_service_poll(struct journal_service *service)
{
	(void)service;
}

void service_look(struct service *service)
{
	(void)service;
	looks++;
}

uint64_t dataplane_mark(struct dataplane *dp)
{
	(void)dp;
	return 1;
}

bool dataplane_passed(struct dataplane *dp, uint64_t mark)
{
	(void)dp;
	(void)mark;
	return true;
}

// A tunnel of this name. Those that are there already cannot be made.
static int make(struct change *change, const json_t *arguments, json_t **result, struct error *err)
{
	const char *name = json_string_value(json_object_get(arguments, "name"));
	struct config *draft = change->draft;

	if (config_find_tunnel(draft, name))
		return error_set(err, EEXIST, "%s is there", name);
	// A draft has room for one more.
	snprintf(draft->tunnels[draft->tunnels_n++].name, TUNNEL_NAME, "%s", name);
	*result = json_pack("{s:s}", "made", name);
	return 0;
}

static void on_done(void *arg, int ret, json_t *results, const struct error *err)
{
	struct asked *of = arg;
	const char *made = json_string_value(json_object_get(json_array_get(results, 0), "made"));

	assert_int_equal(of->ret, PENDING);
	assert_true(ret <= 0);
	assert_true(ret == 0 || err->text[0] != '\0');
	of->ret = ret;
	of->order = told++;
	snprintf(of->result, sizeof(of->result), "%s", ret == 0 && made ? made : "");
}

static int ask(unsigned i, const char *name, struct change_ticket **ticket)
{
	static const struct request request = {.name = "make", .change = make};
	json_t *arguments = json_pack("{s:s}", "name", name);
	const struct change_step step = {.request = &request, .arguments = arguments};
	struct error err;
	int ret;

	asked[i] = (struct asked){.ret = PENDING};
	ret = changes_submit(gateway.changes, &author, &step, 1, on_done, &asked[i], ticket, &err);
	json_decref(arguments);
	return ret;
}

static void run_ms(unsigned ms)
{
	const struct timeval time = {.tv_usec = (suseconds_t)ms * 1000};

	event_base_loopexit(gateway.events, &time);
	event_base_dispatch(gateway.events);
}

static bool is_there(const char *name)
{
	for (unsigned i = 0; i < config.tunnels_n; i++)
		if (strcmp(config.tunnels[i].name, name) == 0)
			return true;
	return false;
}

static int start(void **state)
{
	struct error err;

	(void)state;
	applied = told = looks = 0;
	author = author_daemon;
	config = (struct config){.tunnels = calloc(1, sizeof(struct config_tunnel))};
	gateway = (struct gateway){.config = &config, .dp = &dataplane, .events = event_base_new()};
	owners_init(&gateway.owners);
	return changes_create(&gateway, &gateway.changes, &err);
}

static int stop(void **state)
{
	(void)state;
	changes_destroy(gateway.changes);
	event_base_free(gateway.events);
	free(config.tunnels);
	return 0;
}

static void test_gathered(void **state)
{
	struct change_ticket *ticket;

	(void)state;
	assert_int_equal(ask(0, "one", &ticket), 0);
	assert_int_equal(ask(1, "two", &ticket), 0);
	assert_int_equal(ask(2, "two", &ticket), -EEXIST);
	assert_int_equal(asked[0].ret, PENDING);
	run_ms(50);
	assert_int_equal(applied, 1);
	assert_int_equal(asked[0].ret, 0);
	assert_string_equal(asked[1].result, "two");
	assert_int_equal(asked[2].ret, PENDING);
	assert_true(is_there("one") && is_there("two"));
}

static void test_one_is_at_fault(void **state)
{
	struct change_ticket *ticket;

	(void)state;
	assert_int_equal(ask(0, "one", &ticket), 0);
	assert_int_equal(ask(1, "bad", &ticket), 0);
	assert_int_equal(ask(2, "two", &ticket), 0);
	run_ms(100);
	assert_int_equal(applied, 4);
	assert_int_equal(asked[0].ret, 0);
	assert_int_equal(asked[1].ret, -EIO);
	assert_int_equal(asked[2].ret, 0);
	assert_true(asked[0].order < asked[1].order && asked[1].order < asked[2].order);
	assert_string_equal(asked[2].result, "two");
	assert_true(is_there("one") && is_there("two") && !is_there("bad"));
	// Afterwards all is as before.
	assert_int_equal(ask(3, "three", &ticket), 0);
	assert_int_equal(ask(4, "four", &ticket), 0);
	run_ms(50);
	assert_int_equal(applied, 5);
	assert_true(is_there("three") && is_there("four") && is_there("one"));
}

static void test_alone_and_at_fault(void **state)
{
	struct change_ticket *ticket;

	(void)state;
	assert_int_equal(ask(0, "bad", &ticket), 0);
	run_ms(50);
	assert_int_equal(applied, 1);
	assert_int_equal(asked[0].ret, -EIO);
	assert_int_equal(ask(0, "good", &ticket), 0);
	run_ms(50);
	assert_int_equal(asked[0].ret, 0);
}

static void on_first(void *arg, int ret, json_t *results, const struct error *err)
{
	struct change_ticket *ticket;

	on_done(arg, ret, results, err);
	// The others still take turns.
	assert_int_equal(ask(3, "one", &ticket), 0);
	assert_int_equal(ask(4, "three", &ticket), 0);
	changes_forget(ticket);
}

static void test_asked_meanwhile(void **state)
{
	static const struct request request = {.name = "make", .change = make};
	json_t *arguments = json_pack("{s:s}", "name", "one");
	const struct change_step step = {.request = &request, .arguments = arguments};
	struct change_ticket *ticket;
	struct error err;

	(void)state;
	asked[0] = (struct asked){.ret = PENDING};
	assert_int_equal(changes_submit(gateway.changes, &author, &step, 1, on_first, &asked[0],
				 &ticket, &err),
		0);
	json_decref(arguments);
	assert_int_equal(ask(1, "bad", &ticket), 0);
	assert_int_equal(ask(2, "two", &ticket), 0);
	run_ms(200);
	assert_int_equal(asked[0].ret, 0);
	assert_int_equal(asked[1].ret, -EIO);
	assert_int_equal(asked[2].ret, 0);
	assert_int_equal(asked[3].ret, -EEXIST);
	// Nobody waits for it, and it is there.
	assert_int_equal(asked[4].ret, PENDING);
	assert_true(is_there("one") && is_there("two") && is_there("three"));
}

static void test_ends_meanwhile(void **state)
{
	struct change_ticket *ticket;
	struct error err;

	(void)state;
	assert_int_equal(ask(0, "one", &ticket), 0);
	assert_int_equal(ask(1, "bad", &ticket), 0);
	assert_int_equal(ask(2, "two", &ticket), 0);
	while (applied == 0)
		event_base_loop(gateway.events, EVLOOP_ONCE);
	changes_destroy(gateway.changes);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(asked[i].ret, -ESHUTDOWN);
	assert_int_equal(changes_create(&gateway, &gateway.changes, &err), 0);
}

static int take_time(
	struct change *change, const json_t *arguments, json_t **result, struct error *err)
{
	(void)change;
	(void)arguments;
	(void)result;
	(void)err;
	usleep(100);
	return 0;
}

// Of the loop, which timers are set by.
static uint64_t loop_us(void)
{
	struct timeval now;

	event_base_gettimeofday_cached(gateway.events, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_usec;
}

static void on_batch(evutil_socket_t fd, short what, void *arg)
{
	static const struct request request = {.name = "wait", .change = take_time};
	struct change_step steps[STEPS];
	uint64_t before = loop_us();
	struct error err;

	(void)fd;
	(void)what;
	for (unsigned i = 0; i < STEPS; i++)
		steps[i] = (struct change_step){.request = &request, .arguments = NULL};
	asked[0] = (struct asked){.ret = PENDING};
	assert_int_equal(changes_submit(gateway.changes, &author, steps, STEPS, on_done, &asked[0],
				 arg, &err),
		0);
	assert_true(loop_us() > before);
}

// The watchdog hears of us while many steps are done, and before and after they are put in force.
// Other timers get the time they ask for.
static void test_a_long_one(void **state)
{
	struct change_ticket *ticket;

	(void)state;
	assert_int_equal(event_base_once(gateway.events, -1, EV_TIMEOUT, on_batch, &ticket,
				 &(struct timeval){.tv_usec = 1}),
		0);
	run_ms(200);
	assert_int_equal(asked[0].ret, 0);
	assert_true(looks >= STEPS / 64 + 2);
}

// A step that does what its arguments say.
static int act(struct change *change, const json_t *arguments, json_t **result, struct error *err)
{
	const char *what = json_string_value(arguments);

	(void)result;
	(void)err;
	if (what[0] == 't')
		change_made(change, &change->draft->tunnels[what[1] - '0']);
	else if (what[0] == '-')
		change->draft->tunnels_n--;
	if (strchr("-0lp", what[0]))
		change->extent = what[0] == '0' ? CHANGE_NONE
			: what[0] == 'p'	? CHANGE_POLICY
						: CHANGE_LESS;
	return 0;
}

// Steps separated by blanks; then the tunnels that were compared with the others, and how often all
// tunnels, policies and keys were looked at.
static void expect_checks(const char *steps, unsigned among, unsigned tunnels, unsigned policies,
	unsigned keys, unsigned applies)
{
	static const struct request request = {.name = "act", .change = act};
	struct change_step step[8];
	struct change_ticket *ticket;
	char words[64], *rest = words, *word;
	unsigned n = 0, before = applied;
	struct error err;

	snprintf(words, sizeof(words), "%s", steps);
	checked = (struct checked){.clash = checked.clash};
	asked[0] = (struct asked){.ret = PENDING};
	while ((word = strsep(&rest, " ")) != NULL)
		step[n++] =
			(struct change_step){.request = &request, .arguments = json_string(word)};
	assert_int_equal(changes_submit(gateway.changes, &author, step, n, on_done, &asked[0],
				 &ticket, &err),
		0);
	while (n > 0)
		json_decref((json_t *)(uintptr_t)step[--n].arguments);
	run_ms(50);
	assert_int_equal(asked[0].ret, 0);
	assert_int_equal(checked.among, among);
	assert_int_equal(checked.tunnels, tunnels);
	assert_int_equal(checked.policies, policies);
	assert_int_equal(checked.keys, keys);
	assert_int_equal(applied - before, applies);
}

static void test_checks_what_is_new(void **state)
{
	(void)state;
	config.tunnels = reallocarray(config.tunnels, 10, sizeof(config.tunnels[0]));
	memset(config.tunnels, 0, 10 * sizeof(config.tunnels[0]));
	config.tunnels_n = 10;
	expect_checks("0", 0, 0, 0, 0, 0);
	expect_checks("l", 0, 0, 0, 0, 1);
	expect_checks("p l", 0, 0, 1, 0, 1);
	expect_checks("t3 0 t5 t3", 2, 0, 0, 1, 1);
	assert_true(checked.number[0] == 3 && checked.number[1] == 5);
	expect_checks("t1 t2 t3 t4", 4, 0, 0, 1, 1);
	// What is too much to be compared, does not say what it did, or has other numbers since.
	expect_checks("t1 t2 t3 t4 t5", 0, 1, 1, 1, 1);
	expect_checks("any", 0, 1, 1, 1, 1);
	expect_checks("t1 - l", 0, 1, 1, 1, 1);
	expect_checks("- t1", 1, 0, 0, 1, 1);
	// A first look says that there may be something.
	checked.clash = true;
	expect_checks("t1", 1, 1, 0, 1, 1);
	checked.clash = false;
}

static void test_the_log_says_what_was_edited(void **state)
{
	char text[1024];

	(void)state;
	author = (struct author){.owner = OWNER_OPERATOR, .uid = 7, .pid = 8};
	log_lines_begin();
	expect_checks("0 p 0 l", 0, 0, 1, 0, 1);
	expect_checks("0", 0, 0, 0, 0, 0);
	log_lines_end(text, sizeof(text));
	assert_string_equal(text,
		"changes_test: notice: control: operator (user 7, process 8): 2 changes (act 2)\n");
}

// The daemon's own are told of by those who make them.
static void test_the_log_says_who(void **state)
{
	struct change_ticket *ticket;
	char text[1024];

	(void)state;
	log_lines_begin();
	assert_int_equal(ask(0, "one", &ticket), 0);
	run_ms(50);
	assert_int_equal(ask(0, "bad", &ticket), 0);
	run_ms(50);
	assert_int_equal(asked[0].ret, -EIO);
	author = (struct author){.owner = OWNER_OPERATOR, .uid = 7, .pid = 8};
	assert_int_equal(ask(1, "two", &ticket), 0);
	run_ms(50);
	assert_int_equal(ask(2, "bad", &ticket), 0);
	run_ms(50);
	log_lines_end(text, sizeof(text));
	assert_string_equal(text,
		"changes_test: notice: control: operator (user 7, process 8): make two\n"
		"changes_test: error: control: operator (user 7, process 8): a change could not be "
		"put in force: the kernel does not like it\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_gathered, start, stop),
		cmocka_unit_test_setup_teardown(test_one_is_at_fault, start, stop),
		cmocka_unit_test_setup_teardown(test_alone_and_at_fault, start, stop),
		cmocka_unit_test_setup_teardown(test_asked_meanwhile, start, stop),
		cmocka_unit_test_setup_teardown(test_ends_meanwhile, start, stop),
		cmocka_unit_test_setup_teardown(test_a_long_one, start, stop),
		cmocka_unit_test_setup_teardown(test_the_log_says_who, start, stop),
		cmocka_unit_test_setup_teardown(test_checks_what_is_new, start, stop),
		cmocka_unit_test_setup_teardown(test_the_log_says_what_was_edited, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
