// The mirror against a real kernel, in a network namespace of the test's own: two TAPs for host
// interfaces, and a sink that copies what it gets.
#pragma once

#include "ctl/mirror.h"

#include "netns.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LAN 3
#define WAN 5

// The last view, copied.
struct seen {
	struct fwd_route *route;
	unsigned routes;
	struct fwd_neighbour *neighbour;
	unsigned neighbours;
	unsigned views;
	unsigned route_views; // that said the routes had changed
	unsigned failures;    // still to come
	bool refuses_routes;
	unsigned refusals;
	const char *watched; // a neighbour at the LAN
	unsigned missed;     // views without it
	unsigned closed;
};

extern struct seen seen;
extern struct mirror *mirror;
extern int lan, wan; // the TAPs' other ends

// How the next mirror begins, beside what all have, and a command before it does. Zero again after
// each test.
extern struct mirror_params more;
extern const char *before_mirror;

void run_ms(unsigned ms);
// What the sink has, or NULL.
const struct fwd_route *route(const char *prefix);
const struct fwd_neighbour *neighbour(uint8_t port, const char *addr);
void assert_route(const char *prefix, uint8_t kind, int port, const char *gateway);

// Runs until the test is true, at most some seconds.
#define wait_for(test)                                                     \
	do {                                                               \
		for (unsigned tries = 0; !(test) && tries < 1000; tries++) \
			run_ms(10);                                        \
		assert_true(test);                                         \
	} while (0)

int mirror_start(void **state);
int mirror_stop(void **state);
#define mirrored(test) cmocka_unit_test_setup_teardown(test, mirror_start, mirror_stop)
// Runs the tests in a network namespace; skips them where none can be had.
#define mirror_run(tests) \
	(netns_enter_or_exit(NETNS_SKIPPED), cmocka_run_group_tests(tests, NULL, NULL))
