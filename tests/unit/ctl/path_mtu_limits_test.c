// What a tunnel takes, and TCP is told, as routers speak and are forgotten and routes change.
#include "path_mtu_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_mss(unsigned tunnel, uint16_t ipv4, uint16_t ipv6)
{
	assert_int_equal(atomic_load(&tunnels[tunnel].mss.ipv4), ipv4);
	assert_int_equal(atomic_load(&tunnels[tunnel].mss.ipv6), ipv6);
}

// What TCP is told goes along, down and up again, unless it is configured.
static void tells_tcp(void **state)
{
	struct path_mtu *p = *state;

	assert_mss(0, 1448 - 40, 1448 - 60);
	say_good(p, 0, 1300);
	assert_mss(0, 1248 - 40, 1248 - 60);
	say_good(p, 0, 100);
	assert_mss(0, 576 - 52 - 40, 576 - 52 - 60);
	path_mtu_age(p, now_ms + TEN_MINUTES_MS);
	assert_mss(0, 1448 - 40, 1448 - 60);
	say_good(p, 1, 1300);
	assert_mtu(1, 1300);
	assert_mss(1, 1000, 1000);
	say_good(p, 3, 1300);
	assert_mtu(3, 1300);
	assert_mss(3, 0, 0);
}

// Ten minutes after the last lowering the tunnel tries again; raising needs no SA.
static void ages(void **state)
{
	struct path_mtu *p = *state;
	struct sa_out *out;

	say_good(p, 0, 1400);
	path_mtu_age(p, now_ms + TEN_MINUTES_MS - 1);
	assert_mtu(0, 1400);
	now_ms += TEN_MINUTES_MS - 2000;
	say_good(p, 0, 1300);
	path_mtu_age(p, now_ms + TEN_MINUTES_MS - 1);
	assert_mtu(0, 1300);
	path_mtu_age(p, now_ms + TEN_MINUTES_MS);
	assert_mtu(0, PORT_MTU);
	assert_int_equal(path_mtu_stats(p)->restored, 1);
	path_mtu_age(p, now_ms + 2 * TEN_MINUTES_MS);
	assert_int_equal(path_mtu_stats(p)->restored, 1);
	say_good(p, 3, 1400);
	path_mtu_age(p, now_ms + TEN_MINUTES_MS);
	assert_mtu(3, OWN_MTU);
	say_good(p, 0, 1300);
	assert_mtu(0, 1300);
	out = atomic_exchange(&tunnels[0].out, NULL);
	path_mtu_age(p, now_ms + TEN_MINUTES_MS);
	assert_int_equal(tunnels[0].path_mtu, PORT_MTU);
	atomic_store(&tunnels[0].out, out);
}

static void route(struct path_mtu *p, unsigned tunnel, uint16_t mtu)
{
	links[tunnel] = mtu;
	path_mtu_before_routes(p, NULL);
	path_mtu_after_routes(p, NULL);
}

// The route to the other end moves to other links, by which as much goes as they take.
static void follows_routes(void **state)
{
	struct path_mtu *p = *state;
	const struct path_mtu_stats *stats = path_mtu_stats(p);

	route(p, 0, 1400);
	assert_mtu(0, 1400);
	assert_mss(0, 1348 - 40, 1348 - 60);
	assert_int_equal(stats->rerouted, 2); // the last has the same ends
	assert_mtu(3, 1400);
	assert_mtu(1, PORT_MTU);
	assert_mtu(2, PORT_MTU);
	// Without a route the next one may be the same again.
	route(p, 0, 0);
	assert_mtu(0, 1400);
	route(p, 0, 1470);
	assert_mtu(0, 1470);
	assert_mtu(3, OWN_MTU);
	route(p, 0, 9000);
	assert_mtu(0, PORT_MTU);
	assert_mss(0, 1448 - 40, 1448 - 60);
	assert_mtu(3, OWN_MTU);
	assert_int_equal(stats->rerouted, 5);
	// Also where routers are not believed, and over IPv6.
	route(p, 1, 1280);
	route(p, 2, 1300);
	assert_mtu(1, 1280);
	assert_mtu(2, 1300);
	assert_int_equal(stats->lowered, 0);
}

// Nothing is sent by a link that it does not fit, at no moment.
static void lowers_before_and_raises_after(void **state)
{
	struct path_mtu *p = *state;

	links[0] = 1400;
	path_mtu_before_routes(p, NULL);
	assert_mtu(0, 1400);
	path_mtu_after_routes(p, NULL);
	assert_mtu(0, 1400);
	links[0] = 1500;
	path_mtu_before_routes(p, NULL);
	assert_mtu(0, 1400);
	path_mtu_after_routes(p, NULL);
	assert_mtu(0, 1500);
}

// What routers said goes, and the link is as small as before.
static void routes_and_routers(void **state)
{
	struct path_mtu *p = *state;

	say_good(p, 0, 1300);
	route(p, 0, 1400);
	assert_mtu(0, 1300);
	route(p, 0, 1280);
	assert_mtu(0, 1280);
	route(p, 0, 1400);
	assert_mtu(0, 1300);
	path_mtu_age(p, now_ms + TEN_MINUTES_MS);
	assert_mtu(0, 1400);
	say_good(p, 0, 1400);
	assert_int_equal(path_mtu_stats(p)->not_lower, 1);
	say_good(p, 0, 1350);
	route(p, 0, 1500);
	assert_mtu(0, 1350);
	path_mtu_age(p, now_ms + 2 * TEN_MINUTES_MS);
	assert_mtu(0, PORT_MTU);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PATH_MTU_TEST(tells_tcp),
		PATH_MTU_TEST(ages),
		PATH_MTU_TEST(follows_routes),
		PATH_MTU_TEST(lowers_before_and_raises_after),
		PATH_MTU_TEST(routes_and_routers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
