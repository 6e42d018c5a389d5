// Tables and hooks as the kernel tells them, in a network namespace; nft(8) makes them.
#include "base/nft_hooks.h"

#include "base/nft.h"
#include "netns.h"

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TOLD 512

static const struct nft_table devices = {NFPROTO_NETDEV, "t"}, ip = {NFPROTO_INET, "t"};
static struct error err;
static char told[TOLD];

static void tell(const struct nft_hook *hook, void *arg)
{
	size_t end = strlen(told);

	assert_ptr_equal(arg, told);
	snprintf(told + end, sizeof(told) - end, "%s %u %s %s; ", hook->chain, hook->hook,
		hook->policy == NF_DROP ? "drop" : "accept", hook->device ? hook->device : "-");
}

static int ask(const struct nft_table *table)
{
	told[0] = '\0';
	return nft_hooks(table, tell, told, &err);
}

static void hooks_are(const struct nft_table *table, const char *expected)
{
	assert_int_equal(ask(table), 0);
	assert_string_equal(told, expected);
}

static void no_table(void **state)
{
	uint32_t flags;

	(void)state;
	netns_run("nft add table inet other");
	assert_int_equal(nft_table_flags(&ip, &flags, &err), 0);
	hooks_are(&ip, "");
}

static void flags_of_a_table(void **state)
{
	uint32_t flags = 7;

	(void)state;
	netns_run("nft add table inet t && nft add table netdev t '{ flags dormant; }'");
	assert_int_equal(nft_table_flags(&ip, &flags, &err), 1);
	assert_int_equal(flags, 0);
	assert_int_equal(nft_table_flags(&devices, &flags, &err), 1);
	assert_int_equal(flags, NFT_TABLE_F_DORMANT);
	netns_run("nft delete table netdev t");
}

static void hooks_and_their_devices(void **state)
{
	(void)state;
	netns_run("ip link add a0 type veth peer name b0");
	netns_run("nft 'add chain inet t plain; add chain inet other out { type filter hook output "
		  "priority 0; }; add chain inet t in { type filter hook input priority 0; policy "
		  "drop; }'");
	hooks_are(&ip, "in 1 drop -; ");
	netns_run("nft 'add table netdev t; add chain netdev t x { type filter hook ingress device "
		  "a0 priority 0; policy drop; }; add chain netdev t y { type filter hook egress "
		  "device b0 priority 0; }'");
	hooks_are(&devices, "x 0 drop a0; y 1 accept b0; ");
	netns_run("nft 'delete chain netdev t x; delete chain netdev t y; add chain netdev t z { "
		  "type filter hook ingress devices = { a0, b0 } priority 0; }'");
	assert_int_equal(ask(&devices), 0);
	assert_non_null(strstr(told, "z 0 accept a0; "));
	assert_non_null(strstr(told, "z 0 accept b0; "));
}

static void tried_and_taken_back(void **state)
{
	(void)state;
	assert_int_equal(nft_try("add table inet new\nadd chain inet new c\n", &err), 0);
	assert_int_equal(nft_try("add table ip new\n"
				 "add chain ip new c { type nat hook forward priority 0; }\n",
				 &err),
		-EOPNOTSUPP);
	netns_run("! nft list tables | grep new");
}

int main(void)
{
	// In this order: each finds what the one before left.
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_table),
		cmocka_unit_test(flags_of_a_table),
		cmocka_unit_test(hooks_and_their_devices),
		cmocka_unit_test(tried_and_taken_back),
	};

	netns_enter_or_exit(NETNS_SKIPPED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
