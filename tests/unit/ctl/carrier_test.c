// Links of interfaces in a real kernel, in a network namespace of the test's own.
#include "ctl/carrier.h"

#include "netns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct config config = {
	.ports_n = 3,
	.ports = {{.params = {.devices = 2},
			  .device_args = {"net_af_xdp0,iface=near0,start_queue=0",
				  "net_af_packet1,iface=near1"}},
		{.params = {.devices = 2}, .device_args = {"net_null0", "net_memif0,role=server"}},
		{.pci = true, .params = {.devices = 1}, .device_args = {"0000:3b:00.0"}}},
};

// The kernel tells of a change of link within a second.
static void becomes(const struct carrier *carrier, bool there)
{
	for (unsigned i = 0; i < 500 && carrier_is_there(carrier, 0) != there; i++)
		usleep(10000);
	assert_int_equal(carrier_is_there(carrier, 0), there);
}

static void follows_links(void **state)
{
	struct carrier *carrier;

	(void)state;
	netns_run("ip link add near0 type veth peer name far0");
	netns_run("ip link add near1 type veth peer name far1");
	for (unsigned i = 0; i < 2; i++)
		netns_run("ip link set near%u up && ip link set far%u up", i, i);
	assert_int_equal(carrier_create(&config, &carrier), 0);
	becomes(carrier, true);
	// The other end, and this one.
	netns_run("ip link set far1 down");
	becomes(carrier, false);
	netns_run("ip link set far1 up");
	becomes(carrier, true);
	netns_run("ip link set near0 down");
	becomes(carrier, false);
	// Another name, and another interface that takes the old one.
	netns_run("ip link set near0 name other && ip link set other up");
	netns_run("ip link add near0 type veth peer name more");
	becomes(carrier, true);
	netns_run("ip link delete other");
	becomes(carrier, false);
	carrier_destroy(carrier);
}

// Devices that are made of no interface.
static void nothing_to_ask(void **state)
{
	struct carrier *carrier;

	(void)state;
	assert_int_equal(carrier_create(&config, &carrier), 0);
	assert_true(carrier_is_there(carrier, 1));
	assert_true(carrier_is_there(carrier, 2));
	carrier_destroy(carrier);
	carrier_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_links),
		cmocka_unit_test(nothing_to_ask),
	};

	netns_enter_or_exit(NETNS_SKIPPED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
