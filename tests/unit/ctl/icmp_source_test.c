// Addresses of the gateway against real policies: the one that is taken lets the answer go where it
// must.
#include "ctl/icmp_source.h"

#include "ctl/gateway.h"
#include "ctl/mirror.h"
#include "proto/ip_hdr.h"

#include "eal_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct tunnel tunnel[2] = {{.index = 0}, {.index = 1}};
static struct dataplane dp;
static struct gateway gateway = {.dp = &dp};

// In the order in which the mirror likes them.
static const char *const own[] = {"192.0.2.1", "10.1.0.1", "2001:db8::1", "fd00:1::1"};

bool mirror_source(const struct mirror *mirror, uint8_t port, const struct ip_addr *near,
	mirror_fits *fits, void *arg, struct ip_addr *source)
{
	(void)mirror;
	assert_int_equal(port, 3);
	for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		assert_int_equal(ip_addr_parse(own[i], source), 0);
		if (source->family == near->family && (!fits || fits(arg, source)))
			return true;
	}
	return false;
}

static struct policy policy(
	const char *source, const char *destination, enum policy_action action, unsigned index)
{
	struct policy made = {
		.selector = {.protocol = SELECTOR_ANY_PROTOCOL,
			.source_port = {0, UINT16_MAX},
			.destination_port = {0, UINT16_MAX}},
		.action = action,
		.tunnel = action == POLICY_PROTECT ? &tunnel[index] : NULL,
	};

	assert_int_equal(ip_prefix_parse(source, &made.selector.source), 0);
	assert_int_equal(ip_prefix_parse(destination, &made.selector.destination), 0);
	return made;
}

static void publish(const struct policy *policies, unsigned n)
{
	struct error err = {.text = ""};
	struct spd *spd = NULL;

	assert_int_equal(spd_build(policies, n, 1, SOCKET_ID_ANY, &spd, &err), 0);
	spd_free(atomic_exchange(&dp.spd, spd));
}

// NULL: none fits.
static void assert_source(
	enum meta_about about, uint16_t index, const char *asker_text, const char *expected)
{
	struct ip_addr asker, source;
	char text[IP_ADDR_TEXT];

	assert_int_equal(ip_addr_parse(asker_text, &asker), 0);
	assert_int_equal(icmp_source(&gateway, about, index, 3, &asker, &source), expected != NULL);
	if (expected)
		assert_string_equal(ip_addr_format(&source, text), expected);
}

// Back into the tunnel that the packet came out of, or not at all.
static void back_into_the_tunnel(void **state)
{
	const struct policy policies[] = {
		policy("10.1.0.0/16", "10.2.0.0/16", POLICY_PROTECT, 1),
		policy("fd00:1::/32", "fd00:2::/32", POLICY_PROTECT, 1),
		policy("10.9.0.0/16", "10.3.0.0/16", POLICY_PROTECT, 1),
		policy("10.1.0.0/16", "10.4.0.0/16", POLICY_BYPASS, 0),
	};

	(void)state;
	publish(policies, 4);
	assert_source(ABOUT_TUNNEL, 1, "10.2.0.2", "10.1.0.1");
	assert_source(ABOUT_TUNNEL, 1, "fd00:2::2", "fd00:1::1");
	assert_source(ABOUT_TUNNEL, 0, "10.2.0.2", NULL);
	assert_source(ABOUT_TUNNEL, 1, "10.3.0.2", NULL);
	assert_source(ABOUT_TUNNEL, 1, "10.4.0.2", NULL);
	assert_source(ABOUT_TUNNEL, 1, "10.5.0.2", NULL);
}

// A policy for other protocols than ICMP leads ICMP nowhere, or elsewhere.
static void other_protocols(void **state)
{
	struct policy policies[] = {
		policy("10.1.0.0/16", "10.2.0.0/16", POLICY_PROTECT, 1),
		policy("0.0.0.0/0", "0.0.0.0/0", POLICY_BYPASS, 0),
	};

	(void)state;
	policies[0].selector.protocol = IP_PROTOCOL_UDP;
	publish(policies, 2);
	assert_source(ABOUT_TUNNEL, 1, "10.2.0.2", NULL);
	policies[0].selector.protocol = IP_PROTOCOL_ICMP;
	publish(policies, 2);
	assert_source(ABOUT_TUNNEL, 1, "10.2.0.2", "10.1.0.1");
}

static void in_clear(void **state)
{
	const struct policy policies[] = {
		policy("192.0.2.1", "203.0.113.0/24", POLICY_DISCARD, 0),
		policy("0.0.0.0/0", "203.0.113.0/24", POLICY_BYPASS, 0),
		policy("192.0.2.1", "198.51.100.0/24", POLICY_BYPASS, 0),
	};
	const struct policy protects = policy("0.0.0.0/0", "203.0.113.0/24", POLICY_PROTECT, 1);

	(void)state;
	publish(policies, 3);
	assert_source(ABOUT_CLEAR, 0, "203.0.113.5", "10.1.0.1");
	assert_source(ABOUT_CLEAR, 0, "198.51.100.5", "192.0.2.1");
	assert_source(ABOUT_CLEAR, 0, "8.8.8.8", NULL);
	assert_source(ABOUT_CLEAR, 0, "2001:db8:9::1", NULL);
	// The protected side asks no policy.
	assert_source(ABOUT_INSIDE, 0, "8.8.8.8", "192.0.2.1");
	publish(&protects, 1);
	assert_source(ABOUT_CLEAR, 0, "203.0.113.5", NULL);
	publish(NULL, 0);
	assert_source(ABOUT_CLEAR, 0, "203.0.113.5", NULL);
	assert_source(ABOUT_TUNNEL, 0, "203.0.113.5", NULL);
	assert_source(ABOUT_INSIDE, 0, "2001:db8:9::1", "2001:db8::1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(back_into_the_tunnel),
		cmocka_unit_test(other_protocols),
		cmocka_unit_test(in_clear),
	};
	int failed;

	if (!eal_fixture_pool(63, 64, 512))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	spd_free(dp.spd);
	return failed;
}
