// The host guard where the kernel has no egress hook; that kernel is stood in for.
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
static bool refuses_all;

int nft_run(const char *commands, char **said, struct error *err)
{
	assert_null(said);
	runs++;
	if (refuses_all || strstr(commands, "hook egress"))
		return error_set(err, EOPNOTSUPP, "nftables: not supported");
	assert_non_null(strstr(commands, "hook ingress device \"lo\""));
	installed++;
	return 0;
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

static void not_without_the_rest(void **state)
{
	struct error err;

	(void)state;
	refuses_all = true;
	assert_int_equal(host_guard_install(one_port(), &err), -EOPNOTSUPP);
	assert_string_equal(err.text, "host guard: nftables: not supported");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(does_without_egress),
		cmocka_unit_test(not_without_the_rest),
	};

	if (!netns_enter()) {
		print_message("no network namespace here\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
