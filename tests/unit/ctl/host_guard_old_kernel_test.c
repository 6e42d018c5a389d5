// The host guard where the kernel has no egress hook, or no nft_fib, or refuses for another reason;
// that kernel is stood in for.
#include "base/nft.h"
#include "ctl/host_guard.h"
#include "guard_ports.h"
#include "netns.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

// What there is of it, and what was asked.
static struct kernel {
	bool has_egress;
	bool has_fib;
	int refuses_all; // errno
	unsigned runs;
	unsigned installed;
} kernel;
static struct config config;
static struct error err;

int nft_run(const char *commands, char **said, struct error *error)
{
	bool has_policies = config.policies_n > 0;

	// Nothing is listed where nothing is installed.
	if (said)
		return error_set(error, ENOENT, "nftables: no such set");
	kernel.runs++;
	if (kernel.refuses_all != 0)
		return error_set(error, kernel.refuses_all, "nftables: refused");
	if (!kernel.has_egress && strstr(commands, "hook egress"))
		return error_set(error, EOPNOTSUPP, "nftables: no egress");
	if (!kernel.has_fib && strstr(commands, "fib saddr"))
		return error_set(error, ENOENT, "nftables: no fib");
	assert_non_null(strstr(commands, "hook ingress device \"lo\""));
	assert_int_equal(strstr(commands, "ip daddr 10.2.0.0/16") != NULL, has_policies);
	assert_int_equal(
		strstr(commands, "ip daddr 0.0.0.0/0") != NULL, has_policies && kernel.has_fib);
	kernel.installed++;
	return 0;
}

int nft_try(const char *commands, struct error *error)
{
	if (strstr(commands, "fib saddr"))
		return kernel.has_fib ? 0 : error_set(error, ENOENT, "nftables: no fib");
	assert_non_null(strstr(commands, "hook egress device \"lo\""));
	return kernel.has_egress ? 0 : error_set(error, EOPNOTSUPP, "nftables: no egress");
}

static int one_port(void **state)
{
	(void)state;
	memset(&config, 0, sizeof(config));
	add_port(&config, "wan", "net_af_packet0,iface=lo", "");
	return 0;
}

static void installs_after(unsigned runs, struct kernel on)
{
	kernel = on;
	assert_int_equal(host_guard_install(&config, &err), 0);
	assert_int_equal(kernel.runs, runs);
	assert_int_equal(kernel.installed, 1);
}

static void fails_after(unsigned runs, struct kernel on)
{
	kernel = on;
	assert_int_equal(host_guard_install(&config, &err), -on.refuses_all);
	assert_string_equal(err.text, "host guard: nftables: refused");
	assert_int_equal(kernel.runs, runs);
}

static void does_without_egress(void **state)
{
	(void)state;
	installs_after(2, (struct kernel){.has_fib = true});
}

// Policies for all addresses are left out, others are not; whatever else the kernel lacks.
static void does_without_fib(void **state)
{
	static struct config_policy policies[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		policies[i].action = POLICY_PROTECT;
		ip_prefix_parse("10.1.0.0/16", &policies[i].selector.source);
	}
	ip_prefix_parse("10.2.0.0/16", &policies[0].selector.destination);
	ip_prefix_parse("0.0.0.0/0", &policies[1].selector.destination);
	config.policies = policies;
	config.policies_n = 2;
	for (unsigned i = 0; i < 4; i++) {
		bool has_fib = i & 1;
		bool has_egress = i & 2;

		installs_after(has_fib && has_egress ? 1 : 2,
			(struct kernel){.has_egress = has_egress, .has_fib = has_fib});
	}
}

static void not_without_the_rest(void **state)
{
	(void)state;
	fails_after(2, (struct kernel){.refuses_all = EOPNOTSUPP});
}

// Whatever it is, it is not the hook: nothing less is installed.
static void another_reason(void **state)
{
	static const int reasons[] = {EINVAL, EPERM, EOPNOTSUPP};

	(void)state;
	for (unsigned i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		fails_after(1, (struct kernel){.has_egress = true, .refuses_all = reasons[i]});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(does_without_egress, one_port),
		cmocka_unit_test_setup(does_without_fib, one_port),
		cmocka_unit_test_setup(not_without_the_rest, one_port),
		cmocka_unit_test_setup(another_reason, one_port),
	};

	netns_enter_or_exit(NETNS_SKIPPED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
