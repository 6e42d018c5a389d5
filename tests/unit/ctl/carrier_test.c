// Links of interfaces in a real kernel, in a network namespace of the test's own.
#include "ctl/carrier.h"

#include "netns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define PATIENCE_NAPS 1000

static struct config config = {
	.ports_n = 4,
	.ports = {{.params = {.devices = 2},
			  .device_args = {"net_af_xdp0,iface=near0,start_queue=0",
				  "net_af_packet1,iface=near1"}},
		{.params = {.devices = 2}, .device_args = {"net_null0", "net_memif0,role=server"}},
		{.pci = true, .params = {.devices = 1}, .device_args = {"0000:3b:00.0"}},
		{.params = {.devices = 2, .bond = {.mode = PORT_BOND_LACP}},
			.device_args = {"net_af_packet2,iface=member0",
				"net_af_packet3,iface=member1"}}},
};

// The kernel follows the other end of a wire within a second.
static void becomes(const struct carrier *carrier, unsigned port, bool there)
{
	static const struct timespec nap = {.tv_nsec = 10000000};

	for (unsigned i = 0; i < PATIENCE_NAPS && carrier_is_there(carrier, port) != there; i++)
		nanosleep(&nap, NULL);
	assert_int_equal(carrier_is_there(carrier, port), there);
}

// Two of them: near0 to far0, near1 to far1.
static void make_wires(const char *near, const char *far)
{
	for (unsigned i = 0; i < 2; i++) {
		netns_run("ip link add %s%u type veth peer name %s%u", near, i, far, i);
		netns_run("ip link set %s%u up && ip link set %s%u up", near, i, far, i);
	}
}

static void follows_links(void **state)
{
	struct carrier *carrier;

	(void)state;
	make_wires("near", "far");
	assert_int_equal(carrier_create(&config, &carrier), 0);
	becomes(carrier, 0, true);
	// The other end, and this one.
	netns_run("ip link set far1 down");
	becomes(carrier, 0, false);
	netns_run("ip link set far1 up");
	becomes(carrier, 0, true);
	netns_run("ip link set near0 down");
	becomes(carrier, 0, false);
	// Another name, and another interface that takes the old one.
	netns_run("ip link set near0 name other && ip link set other up");
	netns_run("ip link add near0 type veth peer name more");
	becomes(carrier, 0, true);
	netns_run("ip link delete other");
	becomes(carrier, 0, false);
	carrier_destroy(carrier);
}

static void one_of_a_bond_is_enough(void **state)
{
	struct carrier *carrier;

	(void)state;
	make_wires("member", "partner");
	assert_int_equal(carrier_create(&config, &carrier), 0);
	becomes(carrier, 3, true);
	netns_run("ip link set member0 down");
	becomes(carrier, 3, true); // the other wire may still be coming up
	netns_run("ip link delete member1");
	becomes(carrier, 3, false);
	netns_run("ip link set member0 up");
	becomes(carrier, 3, true);
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
		cmocka_unit_test(one_of_a_bond_is_enough),
		cmocka_unit_test(nothing_to_ask),
	};

	netns_enter_or_exit(NETNS_SKIPPED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
