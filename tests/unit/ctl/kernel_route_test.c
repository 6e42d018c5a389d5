// Routes in a real kernel, in a network namespace of the test's own.
#include "ctl/kernel_route.h"

#include "ctl/netlink.h"
#include "netns.h"

#include <errno.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

static struct mnl_socket *requests;
static unsigned wan;

static struct kernel_route route(const char *prefix, const char *via, uint32_t metric)
{
	struct kernel_route made = {.metric = metric, .ifindex = wan};

	assert_int_equal(ip_prefix_parse(prefix, &made.prefix), 0);
	assert_int_equal(ip_addr_parse(via, &made.via), 0);
	return made;
}

static void there_and_away(void **state)
{
	const struct kernel_route routes[] = {
		route("10.2.0.0/16", "192.0.2.2", 0),
		route("10.2.0.0/16", "192.0.2.2", 70),
		route("fd00:2::/32", "2001:db8::2", 0),
		route("fd00:3::/32", "fe80::2", 70),
	};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(kernel_route_remove(requests, &routes[i]), -ESRCH);
		assert_int_equal(kernel_route_add(requests, &routes[i]), 0);
		assert_int_equal(kernel_route_add(requests, &routes[i]), -EEXIST);
	}
	netns_run("ip -4 route show proto 86 | grep -q '^10.2.0.0/16 via 192.0.2.2 dev wan *$'");
	netns_run("ip -4 route show proto 86 | grep -q 'via 192.0.2.2 dev wan metric 70'");
	netns_run("ip -6 route show proto 86 | grep -q '^fd00:2::/32 via 2001:db8::2 dev wan'");
	netns_run(
		"ip -6 route show proto 86 | grep -q '^fd00:3::/32 via fe80::2 dev wan metric 70'");
	// The one with a metric first: without one the kernel takes any.
	for (unsigned i = 4; i-- > 0;)
		assert_int_equal(kernel_route_remove(requests, &routes[i]), 0);
	netns_run("test -z \"$(ip -4 route show proto 86; ip -6 route show proto 86)\"");
}

// Nobody else's route is taken away, nor taken for ours.
static void of_others(void **state)
{
	const struct kernel_route four = route("10.9.0.0/16", "192.0.2.2", 0);
	const struct kernel_route six = route("fd00:9::/32", "2001:db8::2", 1024);

	(void)state;
	netns_run("ip route add 10.9.0.0/16 via 192.0.2.2");
	netns_run("ip route add fd00:9::/32 via 2001:db8::2");
	assert_int_equal(kernel_route_add(requests, &four), -EEXIST);
	assert_int_equal(kernel_route_add(requests, &six), -EEXIST);
	assert_int_equal(kernel_route_remove(requests, &four), -ESRCH);
	assert_int_equal(kernel_route_remove(requests, &six), -ESRCH);
	netns_run("ip route show 10.9.0.0/16 | grep -q 192.0.2.2");
	netns_run("ip -6 route show fd00:9::/32 | grep -q 2001:db8::2");
}

static void refused(void **state)
{
	const struct kernel_route far = route("10.8.0.0/16", "203.0.113.9", 0);

	(void)state;
	assert_int_equal(kernel_route_add(requests, &far), -ENETUNREACH);
	assert_int_equal(kernel_route_remove(requests, &far), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_away),
		cmocka_unit_test(of_others),
		cmocka_unit_test(refused),
	};
	int tap, failed;

	netns_enter_or_exit(NETNS_SKIPPED);
	tap = netns_tap("wan");
	netns_run("ip addr add 192.0.2.1/24 dev wan && ip addr add 2001:db8::1/64 dev wan nodad && "
		  "ip link set wan up");
	wan = if_nametoindex("wan");
	if (netlink_open_requests(&requests) < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	mnl_socket_close(requests);
	close(tap);
	return failed;
}
