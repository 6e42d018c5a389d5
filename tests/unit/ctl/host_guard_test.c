// The host guard in a network namespace of the test's own; nft(8) says what the kernel has of it.
#include "ctl/host_guard.h"

#include "guard_ports.h"
#include "netns.h"
#include "scratch.h"

#include <errno.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct error err;

static const struct host_guard_name *find(const struct host_guard_names *names, const char *name)
{
	for (unsigned i = 0; i < names->n; i++)
		if (strcmp(names->name[i].name, name) == 0)
			return &names->name[i];
	return NULL;
}

// What a device makes of the one port that has it: 'd' a device, 'h' the host's, '-' nothing.
static void collects(const char *device, const char *interface, char kind)
{
	static struct host_guard_names names;
	static struct config config;
	const struct host_guard_name *found;

	memset(&config, 0, sizeof(config));
	add_port(&config, "p", device, "");
	assert_int_equal(host_guard_collect(&config, &names, &err), 0);
	assert_int_equal(names.n, kind == '-' ? 0 : 1);
	if (kind == '-')
		return;
	found = find(&names, interface);
	assert_non_null(found);
	assert_int_equal(found->device, kind == 'd');
}

static void collect_by_driver(void **state)
{
	(void)state;
	collects("net_af_xdp0,iface=eth1", "eth1", 'd');
	collects("net_af_xdp7,start_queue=1,iface=enp1s0f0.100", "enp1s0f0.100", 'd');
	collects("net_af_packet0,iface=eth1,qpairs=2", "eth1", 'd');
	collects("net_pcap0,iface=eth2", "eth2", 'd');
	collects("net_pcap0,rx_iface_in=eth3", "eth3", 'd');
	collects("net_tap0,iface=vpe0", "vpe0", 'h');
	collects("net_virtio_user0,path=/dev/vhost-net,iface=vu0", "vu0", 'h');
	collects("net_null0", "", '-');
	collects("net_memif,role=client", "", '-');
}

static void collect_once_each(void **state)
{
	static struct host_guard_names names;
	static struct config config;
	struct config_port *port;

	(void)state;
	memset(&config, 0, sizeof(config));
	port = add_port(&config, "wan", "net_af_xdp0,iface=eth1,start_queue=0", "vped-wan");
	snprintf(port->device_args[1], sizeof(port->device_args[1]),
		"net_af_xdp1,iface=eth1,start_queue=1");
	port->params.devices = 2;
	add_port(&config, "lan", "net_pcap0,rx_iface=eth9", "vped-lan");
	assert_int_equal(host_guard_collect(&config, &names, &err), 0);
	assert_int_equal(names.n, 4);
	assert_true(find(&names, "eth1")->device);
	assert_true(find(&names, "eth9")->device);
	assert_false(find(&names, "vped-wan")->device);
	assert_false(find(&names, "vped-lan")->device);
}

static void refuses(const char *device, const char *host_interface, const char *words)
{
	static struct host_guard_names names;
	static struct config config;

	memset(&config, 0, sizeof(config));
	add_port(&config, "p", device, host_interface);
	assert_true(host_guard_collect(&config, &names, &err) < 0);
	assert_non_null(strstr(err.text, words));
}

// A name that nft(8) would read as a pattern would guard the wrong interfaces; one with quotation
// marks would be commands.
static void collect_refuses(void **state)
{
	(void)state;
	refuses("net_af_xdp0,iface=eth*", "", "port p: interface name \"eth*\"");
	refuses("net_null0", "a\";flush", "interface name");
	refuses("net_null0", "vped+", "interface name");
	refuses("net_af_packet0,iface=", "", "interface name \"\"");
	refuses("net_af_packet0,iface=sixteen-letters-", "", "up to 15 letters");
	refuses("net_tap0,iface=vpe0,remote=eth9", "", "redirects to remote=eth9");
	refuses("net_af_packet0,iface=eth1", "eth1", "both a host interface and what a port is");
	refuses("net_tap0", "", "with iface=NAME");
	refuses("net_tap0,remote_mac=fixed", "", "with iface=NAME");
}

static struct config *two_ports(const char *lan, const char *wan)
{
	static struct config config;
	char device[64], tap[16];

	memset(&config, 0, sizeof(config));
	snprintf(device, sizeof(device), "net_af_packet0,iface=%s", lan);
	snprintf(tap, sizeof(tap), "v-%s", lan);
	add_port(&config, "lan", device, tap);
	snprintf(device, sizeof(device), "net_af_xdp0,iface=%s", wan);
	snprintf(tap, sizeof(tap), "v-%s", wan);
	add_port(&config, "wan", device, tap);
	return &config;
}

static void install(const struct config *config)
{
	if (host_guard_install(config, &err) != 0)
		fail_msg("%s", err.text);
}

static void kernel_has(const char *family, const char *pattern)
{
	netns_run(
		"nft list table %s vped | tr -s '\\n\\t ' ' ' | grep -q -- '%s'", family, pattern);
}

static void installs(void **state)
{
	(void)state;
	install(two_ports("a0", "b0"));
	kernel_has("inet",
		"set no_forward { type ifname elements = { \"a0\", \"b0\", \"v-a0\", "
		"\"v-b0\" } }");
	kernel_has("inet", "set host_interfaces { type ifname elements = { \"v-a0\", \"v-b0\" } }");
	kernel_has("inet", "set port_devices { type ifname elements = { \"a0\", \"b0\" } }");
	kernel_has("inet",
		"hook forward priority filter; policy accept; "
		"iifname @no_forward counter packets 0 bytes 0 drop "
		"oifname @no_forward counter packets 0 bytes 0 drop "
		"oif @port_indexes counter packets 0 bytes 0 drop }");
	kernel_has("inet", "set port_indexes { type iface_index elements = { \"a0\", \"b0\" } }");
	kernel_has("inet",
		"hook prerouting priority raw; policy accept; "
		"iifname @port_devices counter packets 0 bytes 0 drop "
		"iif @port_indexes counter packets 0 bytes 0 drop }");
	kernel_has("inet",
		"hook output priority filter; policy accept; "
		"oifname @port_devices counter packets 0 bytes 0 drop "
		"oif @port_indexes counter packets 0 bytes 0 drop }");
	kernel_has("netdev", "hook ingress device \"a0\" priority -500; policy drop; }");
	kernel_has("netdev", "hook ingress device \"b0\" priority -500; policy drop; }");
	kernel_has("netdev",
		"hook egress device \"a0\" priority -500; policy drop; meta mark 0x76706564 accept "
		"}");
	kernel_has("netdev",
		"hook egress device \"b0\" priority -500; policy drop; meta mark 0x76706564 accept "
		"}");
}

static void set_policy(struct config_policy *policy, const char *source, const char *destination,
	enum policy_action action)
{
	*policy = (struct config_policy){
		.action = action, .selector = {.protocol = SELECTOR_ANY_PROTOCOL}};
	assert_int_equal(ip_prefix_parse(source, &policy->selector.source), 0);
	assert_int_equal(ip_prefix_parse(destination, &policy->selector.destination), 0);
}

#define BEGINS "type filter hook output priority filter; policy accept; "
#define OURS "oifname \"lo\" accept oifname @host_interfaces accept "
#define DROPS " counter packets 0 bytes 0 drop "
#define OTHERS_ADDRESS " fib saddr . oif type != local" DROPS

// In their order; of bypass policies those for all protocols, once for each pair of prefixes; the
// management's own address passes where a policy is towards all.
static void installs_policies(void **state)
{
	static struct config_policy policies[9];
	struct config *config = two_ports("a0", "b0");

	(void)state;
	set_policy(&policies[0], "10.1.5.0/24", "10.2.5.0/24", POLICY_BYPASS);
	policies[0].selector.protocol = IP_PROTOCOL_UDP;
	set_policy(&policies[1], "10.1.5.0/24", "10.2.5.0/24", POLICY_BYPASS);
	set_policy(&policies[2], "10.1.0.0/16", "10.2.0.0/16", POLICY_PROTECT);
	policies[2].selector.protocol = IP_PROTOCOL_TCP;
	set_policy(&policies[3], "10.1.0.0/16", "10.2.0.0/16", POLICY_PROTECT);
	set_policy(&policies[4], "10.1.0.0/16", "10.3.0.0/16", POLICY_DISCARD);
	set_policy(&policies[5], "fd00:1::/32", "fd00:2::/32", POLICY_PROTECT);
	set_policy(&policies[6], "10.1.0.0/16", "0.0.0.0/0", POLICY_PROTECT);
	set_policy(&policies[7], "::/0", "fd00:4::1/128", POLICY_PROTECT);
	set_policy(&policies[8], "0.0.0.0/0", "0.0.0.0/0", POLICY_BYPASS);
	config->policies = policies;
	config->policies_n = sizeof(policies) / sizeof(policies[0]);
	install(config);
	kernel_has("inet",
		"chain policies-v-a0 { " BEGINS OURS
		"ip6 daddr != { fd00:2::/32, fd00:4::1 } accept "
		"ip saddr 10.1.5.0/24 ip daddr 10.2.5.0/24 accept "
		"ip saddr 10.1.0.0/16 ip daddr 10.2.0.0/16" DROPS
		"ip6 saddr fd00:1::/32 ip6 daddr fd00:2::/32" DROPS
		"ip saddr 10.1.0.0/16 ip daddr 0.0.0.0/0 ip daddr != 224.0.0.0/3" OTHERS_ADDRESS
		"ip6 saddr ::/0 ip6 daddr fd00:4::1" DROPS
		"ip saddr 0.0.0.0/0 ip daddr 0.0.0.0/0 accept "
		"accept comment \"4 drop, 5 pass, 0 jump\" }");
	// No policy for all destinations of IPv4: others are let out before all rules.
	config->policies_n = 6;
	set_policy(&policies[4], "10.1.0.0/16", "10.2.7.0/24", POLICY_PROTECT);
	install(config);
	kernel_has("inet",
		"chain policies-v-a0 { " BEGINS OURS "ip daddr != 10.2.0.0/16 accept "
		"ip6 daddr != fd00:2::/32 accept ip saddr 10.1.5.0/24");
	// Those of another daemon stay; ours are gone with the configuration that had them.
	install(two_ports("c0", "d0"));
	kernel_has("inet", "ip saddr 10.1.5.0/24 ip daddr 10.2.5.0/24 accept");
	install(two_ports("a0", "b0"));
	kernel_has("inet",
		"chain policies-v-a0 { " BEGINS OURS "accept comment \"0 drop, 2 pass, 0 jump\" }");
	netns_run("nft delete table inet vped && nft delete table netdev vped");
	install(two_ports("a0", "b0"));
}

#define MANY 2000
#define PART_NAMES \
	"nft list chains inet | sed -n 's/.*chain \\(policies-v-a0\\..*\\) {/\\1/p' | sort"

static struct config_policy many[MANY], other[MANY];

static struct config *with_many(unsigned n)
{
	struct config *config = two_ports("a0", "b0");

	config->policies = many;
	config->policies_n = n;
	return config;
}

static void change(const struct config *config)
{
	struct host_guard_names names;

	assert_int_equal(host_guard_collect(config, &names, &err), 0);
	if (host_guard_write_policies(&names, config, &err) != 0)
		fail_msg("%s", err.text);
}

// As if all had been written anew; few parts come and go.
static void change_is_small(const struct config *config)
{
	netns_run(PART_NAMES " >before");
	change(config);
	netns_run(PART_NAMES " >after; test $(comm -3 before after | wc -l) -le 6");
	netns_run("nft list table inet vped | sort >changed");
	netns_run("nft list chain inet vped policies-v-a0 >chain");
	netns_run("nft delete table inet vped");
	install(config);
	netns_run("nft list table inet vped | sort | diff changed -");
	netns_run("nft list chain inet vped policies-v-a0 | diff chain -");
}

// Many policies are in parts, of which a change writes those that it touches.
static void changes_parts(void **state)
{
	char source[32], destination[32];
	struct config *config;

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(source, sizeof(source), "10.%u.%u.0/24", i >> 8, i & 255);
		snprintf(destination, sizeof(destination), "2001:db8:%x::/48", i);
		set_policy(&many[i], source, source, POLICY_PROTECT);
		if (i % 3 == 0)
			set_policy(&many[i], destination, destination, POLICY_BYPASS);
	}
	config = with_many(MANY - 1);
	install(config);
	netns_run(PART_NAMES " >parts; test $(wc -l <parts) -ge 8");
	// Wherever the policies differ.
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(destination, sizeof(destination), "10.%u.%u.0/24", i >> 8, i & 255);
		set_policy(&other[i], "10.1.0.0/16", destination, POLICY_PROTECT);
	}
	config->policies = other;
	install(config);
	netns_run(PART_NAMES " | wc -l | grep -qE '^(8|9|[1-3].)$'");
	config->policies = many;
	install(config);
	// In their order: each by one jump from the daemon's chain, none twice.
	netns_run("nft list chain inet vped policies-v-a0 | sed -n 's/.*jump //p' | sort | "
		  "diff parts -");
	// Behind the last, before the first, one less in the middle, and one that is another.
	config->policies_n = MANY;
	change_is_small(config);
	memmove(&many[1], &many[0], (MANY - 1) * sizeof(many[0]));
	set_policy(&many[0], "10.77.0.0/16", "10.78.0.0/16", POLICY_PROTECT);
	change_is_small(config);
	memmove(&many[MANY / 2], &many[MANY / 2 + 1], (MANY / 2 - 1) * sizeof(many[0]));
	config->policies_n--;
	change_is_small(config);
	many[MANY / 3].action = POLICY_PROTECT;
	many[MANY / 3 + 1].action = POLICY_DISCARD;
	change_is_small(config);
	// What is not touched stays as it is, whatever that is, until all is written.
	netns_run("nft insert rule inet vped $(tail -1 after) counter");
	many[1].action = POLICY_DISCARD;
	change(config);
	netns_run("nft list chain inet vped $(tail -1 after) | grep -q '^\t\tcounter packets'");
	install(config);
	netns_run("! nft list chain inet vped $(tail -1 after) | grep -q '^\t\tcounter packets'");
	// Without the table's sets, all of it is needed.
	netns_run("nft delete table inet vped && nft add table inet vped");
	change(config);
	kernel_has("inet", "hook forward priority filter; policy accept; iifname @no_forward");
	install(two_ports("a0", "b0"));
	netns_run("test -z \"$(" PART_NAMES ")\"");
}

// Again, and with somebody's rule in between: the same rules, no second copy.
static void installs_again(void **state)
{
	(void)state;
	netns_run("nft list ruleset >before");
	netns_run("nft insert rule inet vped forward accept");
	install(two_ports("a0", "b0"));
	netns_run("nft list ruleset | diff before -");
}

static void shares_with_another_daemon(void **state)
{
	(void)state;
	install(two_ports("c0", "d0"));
	for (unsigned i = 0; i < 4; i++) {
		static const char *const name[] = {"a0", "b0", "c0", "d0"};
		char pattern[64];

		snprintf(pattern, sizeof(pattern), "set no_forward .*\"%s\".*\"v-%s\"", name[i],
			name[i]);
		kernel_has("inet", pattern);
		snprintf(pattern, sizeof(pattern), "device \"%s\" priority -500; policy drop",
			name[i]);
		kernel_has("netdev", pattern);
	}
}

// What others put there stays.
static void wakes_dormant_tables(void **state)
{
	(void)state;
	netns_run("nft list ruleset >before");
	netns_run("nft 'add table inet vped { flags dormant; }' && "
		  "nft 'add table netdev vped { flags dormant; }'");
	netns_run("nft list ruleset | grep -c dormant | grep -qx 2");
	install(two_ports("a0", "b0"));
	netns_run("nft list ruleset | sort >after; sort before | diff - after");
}

// What is refused changes nothing.
static void address_on_a_device(void **state)
{
	(void)state;
	netns_run("nft list ruleset >before");
	netns_run("ip addr add 192.0.2.7/24 dev e0");
	assert_int_equal(host_guard_install(two_ports("a0", "e0"), &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, "e0 has the address 192.0.2.7"));
	netns_run("ip addr del 192.0.2.7/24 dev e0 && ip addr add 192.0.2.8/24 dev e0 label e0:1");
	assert_int_equal(host_guard_install(two_ports("a0", "e0"), &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, "192.0.2.8"));
	netns_run("ip addr del 192.0.2.8/24 dev e0 && ip addr add 2001:db8::7/64 dev e0");
	assert_int_equal(host_guard_install(two_ports("a0", "e0"), &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, "2001:db8::7"));
	netns_run("nft list ruleset | diff before -");
	netns_run("ip addr del 2001:db8::7/64 dev e0 && ip addr add fe80::7/64 dev e0");
	install(two_ports("a0", "e0"));
}

// At boot: the names hold already.
static void device_not_there_yet(void **state)
{
	(void)state;
	install(two_ports("a0", "later0"));
	kernel_has("inet", "set no_forward .*\"later0\"");
	netns_run("! nft list table netdev vped | grep -q later0");
	netns_run("ip link add later0 type veth peer name later1");
	install(two_ports("a0", "later0"));
	kernel_has("netdev", "device \"later0\" priority -500; policy drop");
}

static bool drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

	return syscall(SYS_capset, &header, none) == 0;
}

static void without_privilege(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		bool refused = drop_capabilities() &&
			host_guard_install(two_ports("a0", "b0"), &err) == -EPERM &&
			strstr(err.text, "CAP_NET_ADMIN") != NULL;

		_exit(refused ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static char directory[SCRATCH_PATH];

static int enter(void **state)
{
	(void)state;
	if (scratch_create("host-guard", directory) != 0 || chdir(directory) != 0)
		return -1;
	netns_run("for x in a b c d e; do ip link add ${x}0 type veth peer name ${x}1 || exit; "
		  "done");
	return 0;
}

static int leave(void **state)
{
	(void)state;
	scratch_remove(directory);
	return 0;
}

int main(void)
{
	const struct CMUnitTest pure[] = {
		cmocka_unit_test(collect_by_driver),
		cmocka_unit_test(collect_once_each),
		cmocka_unit_test(collect_refuses),
	};
	// In this order: each finds what the one before left.
	const struct CMUnitTest kernel[] = {
		cmocka_unit_test(installs),
		cmocka_unit_test(installs_policies),
		cmocka_unit_test(changes_parts),
		cmocka_unit_test(installs_again),
		cmocka_unit_test(shares_with_another_daemon),
		cmocka_unit_test(wakes_dormant_tables),
		cmocka_unit_test(address_on_a_device),
		cmocka_unit_test(device_not_there_yet),
		cmocka_unit_test(without_privilege),
	};
	int failed = cmocka_run_group_tests(pure, NULL, NULL);

	netns_enter_or_exit(failed != 0 ? failed : NETNS_SKIPPED);
	return failed + cmocka_run_group_tests(kernel, enter, leave);
}
