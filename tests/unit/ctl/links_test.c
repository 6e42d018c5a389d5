// What is told of ports and of bonds' members over a gateway put together by hand: each change
// once, and nothing where nothing changes.
#include "ctl/links.h"

#include "ctl/carrier.h"
#include "ctl/gateway.h"
#include "ctl/notify.h"
#include "dataplane/port_bond.h"

#include "log_lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define EVENTS_MAX 8
#define LOG_OCTETS 512

static struct dataplane dataplane = {
	.ports = 2,
	.port = {{.name = "lan"},
		{.name = "wan",
			.index = 1,
			.bond = PORT_BOND_ACTIVE_BACKUP,
			.members = 2,
			.member = {5, 6}}},
};
static struct gateway gateway = {.dp = &dataplane};
static enum port_member_state members[2];
static bool carrier, lan_up;
static json_t *event[EVENTS_MAX];
static unsigned events;

int carrier_create(const struct config *config, struct carrier **created)
{
	(void)config;
	*created = NULL;
	return 0;
}

void carrier_destroy(struct carrier *of)
{
	(void)of;
}

bool carrier_is_there(const struct carrier *of, unsigned port)
{
	(void)of;
	return port == 0 || carrier;
}

bool port_link_up(const struct port *port)
{
	return port->index == 0 ? lan_up : !port->no_carrier;
}

enum port_member_state port_bond_member(const struct port *port, uint16_t i)
{
	assert_string_equal(port->name, "wan");
	return members[i];
}

void notify(const struct gateway *to, json_t *told)
{
	assert_ptr_equal(to, &gateway);
	assert_true(events < EVENTS_MAX);
	event[events++] = told;
}

static int start(void **state)
{
	members[0] = PORT_MEMBER_ACTIVE;
	members[1] = PORT_MEMBER_STANDBY;
	carrier = lan_up = true;
	dataplane.port[1].bond = PORT_BOND_ACTIVE_BACKUP;
	return links_create(&gateway, (struct links **)state);
}

static void forget_events(void)
{
	while (events > 0)
		json_decref(event[--events]);
}

static int stop(void **state)
{
	forget_events();
	links_destroy(*state);
	return 0;
}

// Looks, and gathers what the log says meanwhile.
static void look(struct links *links, char log[LOG_OCTETS])
{
	forget_events();
	log_lines_begin();
	links_look(links);
	log_lines_end(log, LOG_OCTETS);
}

static void expect_member(const json_t *told, const char *name, const char *state, bool up)
{
	const char *kind, *port, *member, *is;
	int is_up;

	assert_int_equal(
		json_unpack((json_t *)(uintptr_t)told, "{s:s, s:s, s:s, s:s, s:b !}", "kind", &kind,
			"port", &port, "member", &member, "state", &is, "up", &is_up),
		0);
	assert_string_equal(kind, "member");
	assert_string_equal(port, "wan");
	assert_string_equal(member, name);
	assert_string_equal(is, state);
	assert_int_equal(is_up, up);
}

static void expect_link(const json_t *told, const char *name, bool up)
{
	const char *kind, *port;
	int is_up;

	assert_int_equal(json_unpack((json_t *)(uintptr_t)told, "{s:s, s:s, s:b !}", "kind", &kind,
				 "port", &port, "up", &is_up),
		0);
	assert_string_equal(kind, "link");
	assert_string_equal(port, name);
	assert_int_equal(is_up, up);
}

static void test_a_member_goes_and_another_takes_over(void **state)
{
	char log[LOG_OCTETS];

	look(*state, log);
	assert_int_equal(events, 0);
	assert_string_equal(log, "");
	members[0] = PORT_MEMBER_DOWN;
	members[1] = PORT_MEMBER_ACTIVE;
	look(*state, log);
	assert_int_equal(events, 2);
	expect_member(event[0], "5", "down", false);
	expect_member(event[1], "6", "active", true);
	assert_non_null(strstr(log, "port wan: member 5 is down\n"));
	assert_non_null(strstr(log, "port wan: member 6 is active\n"));
	look(*state, log);
	assert_int_equal(events, 0);
	assert_string_equal(log, "");
}

// One that waits could carry traffic, but not where its partner does not agree.
static void test_one_that_waits(void **state)
{
	char log[LOG_OCTETS];

	members[1] = PORT_MEMBER_DOWN;
	look(*state, log);
	members[1] = PORT_MEMBER_STANDBY;
	look(*state, log);
	assert_int_equal(events, 1);
	expect_member(event[0], "6", "standby", true);
	assert_non_null(strstr(log, "port wan: member 6 is standby\n"));
	dataplane.port[1].bond = PORT_BOND_LACP;
	members[1] = PORT_MEMBER_ACTIVE;
	look(*state, log);
	members[1] = PORT_MEMBER_STANDBY;
	look(*state, log);
	assert_int_equal(events, 1);
	expect_member(event[0], "6", "standby", false);
}

static void test_links(void **state)
{
	char log[LOG_OCTETS];

	lan_up = carrier = false;
	look(*state, log);
	assert_int_equal(events, 2);
	expect_link(event[0], "lan", false);
	expect_link(event[1], "wan", false);
	assert_non_null(strstr(log, "port wan: the link is down\n"));
	carrier = true;
	look(*state, log);
	assert_int_equal(events, 1);
	expect_link(event[0], "wan", true);
}

// What is so from the beginning is no news.
static void test_the_beginning(void **state)
{
	struct links *later;
	char log[LOG_OCTETS];

	(void)state;
	members[0] = members[1] = PORT_MEMBER_DOWN;
	lan_up = carrier = false;
	assert_int_equal(links_create(&gateway, &later), 0);
	look(later, log);
	assert_int_equal(events, 0);
	assert_string_equal(log, "");
	links_destroy(later);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_a_member_goes_and_another_takes_over, start, stop),
		cmocka_unit_test_setup_teardown(test_one_that_waits, start, stop),
		cmocka_unit_test_setup_teardown(test_links, start, stop),
		cmocka_unit_test_setup_teardown(test_the_beginning, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
