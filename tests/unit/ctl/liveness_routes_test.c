// Which routes follow a tunnel's state, its port and the configuration.
#include "liveness_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void routes(void **state)
{
	(void)state;
	ticks(1);
	assert_int_equal(added, 1); // nothing is withdrawn before a word
	assert_true(view().present[0]);
	ticks(MISSES);
	assert_int_equal(view().state, LIVENESS_down);
	assert_int_equal(removed, 1);
	assert_false(view().present[0]);
	ticks(1);
	assert_true(hear());
	ticks(1);
	assert_true(hear());
	assert_int_equal(added, 1);
	ticks(1);
	assert_int_equal(view().state, LIVENESS_up);
	assert_int_equal(added, 2);
	// Somebody else's stays.
	ticks(MISSES + 1);
	assert_int_equal(removed, 2);
	route_refused = EEXIST;
	for (unsigned i = 0; i <= ANSWERS; i++) {
		hear();
		ticks(1);
	}
	assert_int_equal(view().state, LIVENESS_up);
	assert_false(view().present[0]);
	assert_int_equal(view().wrong[0], EEXIST);
	ticks(MISSES + 1);
	assert_int_equal(view().state, LIVENESS_down);
	assert_int_equal(removed, 2);
}

// What the kernel would not take now, since the next hop has no way for a moment, it still has.
static void route_refused_meanwhile(void **state)
{
	(void)state;
	ticks(1);
	assert_int_equal(added, 1);
	route_refused = ENETUNREACH;
	config_tunnel.probe.misses++;
	liveness_follow(liveness);
	assert_false(view().present[0]);
	assert_int_equal(view().wrong[0], ENETUNREACH);
	ticks(MISSES + 2);
	assert_int_equal(view().state, LIVENESS_down);
	assert_int_equal(removed, 1);
}

static void route_follows_the_port(void **state)
{
	(void)state;
	ticks(1);
	assert_int_equal(added, 1);
	wan_ifindex = 10;
	config_tunnel.probe.misses++;
	liveness_follow(liveness);
	assert_int_equal(removed, 1);
	assert_int_equal(removed_from, 9);
	assert_int_equal(added, 2);
	assert_true(view().present[0]);
}

static void follows_the_configuration(void **state)
{
	struct liveness_view seen;

	(void)state;
	ticks(1);
	assert_true(hear());
	// Other settings of the same probe: its state stays, routes that are not named any more go.
	config_tunnel.probe.misses = 50;
	liveness_follow(liveness);
	assert_int_equal(view().state, LIVENESS_up);
	assert_int_equal(removed, 0);
	config_tunnel.probe.routes_n = 0;
	liveness_follow(liveness);
	assert_int_equal(removed, 1);
	ticks(2 * MISSES);
	assert_int_equal(view().state, LIVENESS_up);
	// Another address is another probe.
	config_tunnel.probe.peer.octets[3] = 7;
	liveness_follow(liveness);
	assert_int_equal(view().state, LIVENESS_unknown);
	config_tunnel.probe = (struct config_probe){.routes_n = 0};
	liveness_follow(liveness);
	assert_false(liveness_of(&tunnel, &seen));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVENESS_TEST(routes),
		LIVENESS_TEST(route_refused_meanwhile),
		LIVENESS_TEST(route_follows_the_port),
		LIVENESS_TEST(follows_the_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
