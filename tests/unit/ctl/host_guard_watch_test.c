// The guard of a running daemon and devices that go, come back or change places, in a real kernel.
#include "ctl/host_guard_watch.h"

#include "ctl/host_guard.h"
#include "guard_ports.h"
#include "netns.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct config config;
static struct event_base *events;
static struct host_guard_watch *watch;
static struct error err;

static void watch_for_a_while(void)
{
	const struct timeval time = {.tv_usec = 300000};

	event_base_loopexit(events, &time);
	event_base_dispatch(events);
}

static void indexes_are(const char *elements)
{
	netns_run("nft list set inet vped port_indexes | tr -s '\\n\\t ' ' ' | "
		  "grep -q '{ type iface_index %s}'",
		elements);
}

static void chain_is_at(const char *device)
{
	netns_run("nft list table netdev vped | grep -q 'hook ingress device \"%s\"'", device);
}

static int begin(void **state)
{
	(void)state;
	netns_run("ip link add a0 index 100 type veth peer name a1");
	memset(&config, 0, sizeof(config));
	add_port(&config, "wan", "net_af_packet0,iface=a0", "");
	events = event_base_new();
	if (!events || host_guard_install(&config, &err) < 0 ||
		host_guard_watch_create(&config, events, &watch, &err) < 0)
		return -1;
	indexes_are("elements = { \"a0\" } ");
	return 0;
}

static int end(void **state)
{
	(void)state;
	host_guard_watch_destroy(watch);
	event_base_free(events);
	netns_run(
		"nft flush ruleset; for x in a0 b0 c0; do ip link del $x 2>/dev/null; done; true");
	return 0;
}

// Whoever gets the index after it is not a port's.
static void forgets_what_is_gone(void **state)
{
	(void)state;
	netns_run("ip link del a0");
	watch_for_a_while();
	indexes_are("");
	netns_run("ip link add b0 index 100 type veth peer name b1");
	watch_for_a_while();
	indexes_are("");
	netns_run("ip link add a0 index 200 type veth peer name a1");
	watch_for_a_while();
	indexes_are("elements = { \"a0\" } ");
	chain_is_at("a0");
}

static void same_name_other_index(void **state)
{
	(void)state;
	netns_run("ip link del a0; ip link add a0 index 200 type veth peer name a1; "
		  "ip link add b0 index 100 type veth peer name b1");
	watch_for_a_while();
	chain_is_at("a0");
	indexes_are("elements = { \"a0\" } ");
}

// An older kernel has taken the chains away with the device.
static void same_name_same_index(void **state)
{
	(void)state;
	netns_run("ip link del a0; ip link add a0 index 100 type veth peer name a1; "
		  "nft list chains netdev | grep -q ingress-a0 && "
		  "nft delete chain netdev vped ingress-a0");
	watch_for_a_while();
	chain_is_at("a0");
	indexes_are("elements = { \"a0\" } ");
}

static void another_name(void **state)
{
	(void)state;
	netns_run("ip link set a0 name c0");
	watch_for_a_while();
	indexes_are("elements = { \"c0\" } ");
	chain_is_at("c0");
	netns_run("ip link del c0");
	watch_for_a_while();
	indexes_are("");
}

// What went while no daemon watched.
static void the_next_start_forgets(void **state)
{
	(void)state;
	host_guard_watch_destroy(watch);
	watch = NULL;
	netns_run("ip link del a0; ip link add a0 index 200 type veth peer name a1");
	assert_int_equal(host_guard_install(&config, &err), 0);
	indexes_are("elements = { \"a0\" } ");
}

#define watched(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		watched(forgets_what_is_gone),
		watched(same_name_other_index),
		watched(same_name_same_index),
		watched(another_name),
		watched(the_next_start_forgets),
	};

	netns_enter_or_exit(NETNS_SKIPPED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
