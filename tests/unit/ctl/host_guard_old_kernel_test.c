// The host guard where the kernel has no egress hook, or no nft_fib, or refuses for another reason;
// that kernel is stood in for.
#include "base/nft.h"
#include "ctl/config.h"
#include "ctl/host_guard.h"
#include "netns.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static unsigned runs, installed;
static bool has_egress, has_fib;
static bool has_policies;
static int refuses_all; // errno

int nft_run(const char *commands, char **said, struct error *err)
{
	// Nothing is listed where nothing is installed.
	if (said)
		return error_set(err, ENOENT, "nftables: no such set");
	runs++;
	if (refuses_all != 0)
		return error_set(err, refuses_all, "nftables: refused");
	if (!has_egress && strstr(commands, "hook egress"))
		return error_set(err, EOPNOTSUPP, "nftables: no egress");
	if (!has_fib && strstr(commands, "fib saddr"))
		return error_set(err, ENOENT, "nftables: no fib");
	assert_non_null(strstr(commands, "hook ingress device \"lo\""));
	assert_int_equal(strstr(commands, "ip daddr 10.2.0.0/16") != NULL, has_policies);
	assert_int_equal(strstr(commands, "ip daddr 0.0.0.0/0") != NULL, has_policies && has_fib);
	installed++;
	return 0;
}

int nft_try(const char *commands, struct error *err)
{
	if (strstr(commands, "fib saddr"))
		return has_fib ? 0 : error_set(err, ENOENT, "nftables: no fib");
	assert_non_null(strstr(commands, "hook egress device \"lo\""));
	return has_egress ? 0 : error_set(err, EOPNOTSUPP, "nftables: no egress");
}

static struct config *one_port(void)
{
	static struct config config;

	memset(&config, 0, sizeof(config));
	config.ports_n = 1;
	config.ports[0].params.devices = 1;
	snprintf(config.ports[0].device_args[0], sizeof(config.ports[0].device_args[0]),
		"net_af_packet0,iface=lo");
	return &config;
}

static void does_without_egress(void **state)
{
	struct error err;

	(void)state;
	assert_int_equal(host_guard_install(one_port(), &err), 0);
	assert_int_equal(runs, 2);
	assert_int_equal(installed, 1);
}

// Policies for all addresses are left out, others are not; whatever else the kernel lacks.
static void does_without_fib(void **state)
{
	static struct config_policy policies[2];
	struct config *config = one_port();
	struct error err;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		policies[i].action = POLICY_PROTECT;
		ip_prefix_parse("10.1.0.0/16", &policies[i].selector.source);
	}
	ip_prefix_parse("10.2.0.0/16", &policies[0].selector.destination);
	ip_prefix_parse("0.0.0.0/0", &policies[1].selector.destination);
	config->policies = policies;
	config->policies_n = 2;
	has_policies = true;
	for (unsigned i = 0; i < 4; i++) {
		runs = 0;
		installed = 0;
		has_fib = i & 1;
		has_egress = i & 2;
		assert_int_equal(host_guard_install(config, &err), 0);
		assert_int_equal(runs, has_fib && has_egress ? 1 : 2);
		assert_int_equal(installed, 1);
	}
	has_policies = false;
	has_egress = false;
}

static void not_without_the_rest(void **state)
{
	struct error err;

	(void)state;
	refuses_all = EOPNOTSUPP;
	assert_int_equal(host_guard_install(one_port(), &err), -EOPNOTSUPP);
	assert_string_equal(err.text, "host guard: nftables: refused");
}

// Whatever it is, it is not the hook: nothing less is installed.
static void another_reason(void **state)
{
	static const int reasons[] = {EINVAL, EPERM, EOPNOTSUPP};
	struct error err;

	(void)state;
	has_egress = true;
	for (unsigned i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		runs = 0;
		refuses_all = reasons[i];
		assert_int_equal(host_guard_install(one_port(), &err), -reasons[i]);
		assert_int_equal(runs, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(does_without_egress),
		cmocka_unit_test(does_without_fib),
		cmocka_unit_test(not_without_the_rest),
		cmocka_unit_test(another_reason),
	};

	if (!netns_enter()) {
		print_message("no network namespace here\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
