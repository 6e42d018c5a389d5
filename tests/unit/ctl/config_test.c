// What a right configuration becomes: defaults, the daemon's settings, ports and neighbours.
#include "config_fixture.h"
#include "config_text.h"

#include "ctl/config_lcores.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static unsigned cpus(void)
{
	cpu_set_t set;

	lcores_cpus(&set);
	return (unsigned)CPU_COUNT(&set);
}

static void defaults(void **state)
{
	struct config *config = fixture_load_text(PORTS);
	const struct port_params *lan = &config->ports[0].params;
	struct lcore_set lcores;
	struct error err;

	(void)state;
	assert_true(config->eal.huge);
	assert_int_equal(config->eal.memory_mb, 512);
	assert_int_equal(config->eal.simd_bits, 0);
	assert_false(config->eal.telemetry);
	assert_int_equal(lcores_parse(config->eal.lcores, &lcores, &err), 0);
	assert_true(lcores.n == 2 && lcores.has[0] && lcores.has[1]);
	assert_string_equal(config->socket, "/run/vped/vped.sock");
	assert_string_equal(config->metrics.listen, "");
	assert_true(config->host_guard);
	assert_string_equal(config->crypto, "auto");
	assert_int_equal(config->buffers.count, 2 * 10240);
	assert_int_equal(config->buffers.octets, 2176);
	assert_int_equal(config->replay_pool_kb, 4096);
	assert_true(config->icmp.policy_refusal);
	assert_int_equal(config->icmp.rate, 10);
	assert_int_equal(config->icmp.burst, 20);
	assert_int_equal(config->icmp.total_rate, 1000);
	assert_int_equal(config->icmp.total_burst, 100);
	assert_int_equal(config->burst, 64);
	assert_int_equal(config->flows, 32768);
	assert_int_equal(config->idle, cpus() < 2 ? WORKER_BACKOFF : WORKER_POLL);
	assert_int_equal(config->workers_n, 1);
	assert_int_equal(config->workers[0].lcore, 1);
	assert_int_equal(config->workers[0].role, WORKER_BOTH);
	assert_int_equal(config->ports_n, 2);
	assert_string_equal(lan->name, "lan");
	assert_int_equal(lan->side, PORT_PROTECTED);
	assert_int_equal(lan->mtu, 1500);
	assert_int_equal(lan->queues, 0);
	assert_int_equal(lan->devices, 1);
	assert_string_equal(lan->device[0], "net_null0");
	assert_string_equal(config->ports[0].host_interface, "");
	assert_int_equal(config->ports[1].params.side, PORT_UNPROTECTED);
	assert_int_equal(config->ports[1].line, 2);
	assert_int_equal(config->tunnels_n, 0);
	assert_int_equal(config->policies_n, 0);
	config_free(config);
	config_free(NULL);
}

static void daemon_settings(void **state)
{
	struct config *config = fixture_load_text(
		"eal = { huge = false; memory_mb = 1048576; simd_bits = 512; telemetry = true;\n"
		"lcores = \"2@0,(4,6)@1,8-9\"; };\n"
		"control = { socket = \"/run/a.sock\"; host_guard = false; };\n"
		"crypto = \"openssl\";\n"
		"buffers = { count = 4194304; octets = 16640; };\n"
		"replay = { pool_kb = 64; };\n"
		"metrics = { listen = \"0.0.0.0:65535\"; beyond_this_host = true; };\n"
		"icmp = { policy_refusal = false; rate = 1; burst = 2; total_rate = 3;\n"
		"total_burst = 4; };\n"
		"workers = { burst = 1; idle = \"backoff\"; roles = (\n"
		"{ lcore = 9; role = \"both\"; }, { lcore = 4; role = \"encrypt\"; },\n"
		"{ lcore = 6; role = \"decrypt\"; } ); };\n" PORTS);

	(void)state;
	assert_false(config->eal.huge);
	assert_int_equal(config->eal.memory_mb, 1048576);
	assert_int_equal(config->eal.simd_bits, 512);
	assert_true(config->eal.telemetry);
	assert_string_equal(config->eal.lcores, "2@0,(4,6)@1,8-9");
	assert_string_equal(config->socket, "/run/a.sock");
	assert_string_equal(config->metrics.listen, "0.0.0.0:65535");
	assert_true(config->metrics.beyond_this_host);
	assert_false(config->host_guard);
	assert_string_equal(config->crypto, "openssl");
	assert_int_equal(config->buffers.count, 4194304);
	assert_int_equal(config->buffers.octets, 16640);
	assert_int_equal(config->replay_pool_kb, 64);
	assert_false(config->icmp.policy_refusal);
	assert_int_equal(config->icmp.rate, 1);
	assert_int_equal(config->icmp.burst, 2);
	assert_int_equal(config->icmp.total_rate, 3);
	assert_int_equal(config->icmp.total_burst, 4);
	assert_int_equal(config->burst, 1);
	assert_int_equal(config->idle, WORKER_BACKOFF);
	assert_int_equal(config->workers_n, 3);
	assert_int_equal(config->workers[0].lcore, 9);
	assert_int_equal(config->workers[0].role, WORKER_BOTH);
	assert_int_equal(config->workers[1].lcore, 4);
	assert_int_equal(config->workers[1].role, WORKER_ENCRYPT);
	assert_int_equal(config->workers[2].lcore, 6);
	assert_int_equal(config->workers[2].role, WORKER_DECRYPT);
	config_free(config);
}

static void neighbours(void **state)
{
	struct config *config = fixture_load_text(PORTS
		"neighbours = (\n"
		"{ port = \"wan\"; address = \"192.0.2.254\"; mac = \"02:00:00:0a:Bc:01\"; },\n"
		"{ port = \"lan\"; address = \"fe80::1\"; mac = \"02:00:00:00:00:02\"; } );\n");
	const struct config_neighbour *first = &config->neighbours[0];
	char text[IP_ADDR_TEXT];

	(void)state;
	assert_int_equal(config->neighbours_n, 2);
	assert_int_equal(first->entry.port, 1);
	assert_string_equal(ip_addr_format(&first->entry.addr, text), "192.0.2.254");
	assert_memory_equal(first->entry.mac.addr_bytes, "\x02\x00\x00\x0a\xbc\x01", 6);
	assert_false(first->entry.failed);
	assert_int_equal(config->neighbours[1].entry.port, 0);
	assert_int_equal(config->neighbours[1].entry.addr.family, IP_V6);
	config_free(config);
}

static void spread(const char *lcores, const char *roles)
{
	char text[1024], found[64] = "";
	struct config *config;

	snprintf(text, sizeof(text), "eal = { lcores = \"%s\"; };\n" PORTS, lcores);
	config = fixture_load_text(text);
	for (unsigned i = 0; i < config->workers_n; i++) {
		size_t used = strlen(found);

		snprintf(found + used, sizeof(found) - used, "%u%c", config->workers[i].lcore,
			"edb"[config->workers[i].role]);
	}
	assert_string_equal(found, roles);
	config_free(config);
}

static void roles_left_out(void **state)
{
	(void)state;
	spread("0,1", "1b");
	spread("0-2", "1e2d");
	spread("0-3", "1e2e3d");
	spread("0-4", "1e2e3d4d");
	spread("7@0,3@0,5@1", "5e7d"); // the lowest is the control thread's
}

static void lcores_left_out(void **state)
{
	struct config *config =
		fixture_load_text("workers = { roles = ( { lcore = 3; role = \"encrypt\"; },\n"
				  "{ lcore = 7; role = \"decrypt\"; } ); };\n" PORTS);
	struct lcore_set lcores;
	struct error err;

	(void)state;
	assert_int_equal(lcores_parse(config->eal.lcores, &lcores, &err), 0);
	assert_true(lcores.n == 3 && lcores.has[0] && lcores.has[3] && lcores.has[7]);
	config_free(config);
}

static void port_settings(void **state)
{
	struct config *config = fixture_load_text(
		"buffers = { octets = 9806; };\n"
		"ports = (\n"
		"{ name = \"a.b_c-9\"; side = \"protected\"; mtu = 9600; queues = \"auto\";\n"
		"  pci = [ \"0000:3B:00.0\", \"3b:00.1\", \"10000:01:00.7\" ];\n"
		"  host_interface = \"vped-lan0123456\"; },\n"
		"{ name = \"wan\"; side = \"unprotected\"; mtu = 1280; queues = 32;\n"
		"  vdev = ( \"net_af_xdp0,iface=eth1,start_queue=0\", \"net_af_xdp1,iface=eth2\" "
		"); },\n"
		"{ name = \"wan2\"; side = \"unprotected\"; queues = 64; pci = \"0000:3b:00.2\"; "
		"}\n"
		");\n");
	const struct config_port *port = config->ports;

	(void)state;
	assert_int_equal(config->ports_n, 3);
	assert_string_equal(port[0].params.name, "a.b_c-9");
	assert_true(port[0].pci);
	assert_int_equal(port[0].params.mtu, 9600);
	assert_int_equal(port[0].params.queues, 0);
	assert_int_equal(port[0].params.devices, 3);
	assert_string_equal(port[0].params.device[0], "0000:3b:00.0");
	assert_string_equal(port[0].params.device[1], "0000:3b:00.1");
	assert_string_equal(port[0].params.device[2], "10000:01:00.7");
	assert_string_equal(port[0].device_args[1], "0000:3b:00.1");
	assert_string_equal(port[0].host_interface, "vped-lan0123456");
	assert_int_equal(port[0].line, 3);
	assert_false(port[1].pci);
	assert_int_equal(port[1].params.mtu, 1280);
	assert_int_equal(port[1].params.queues, 32);
	assert_int_equal(port[1].params.devices, 2);
	assert_string_equal(port[1].params.device[0], "net_af_xdp0");
	assert_string_equal(port[1].device_args[0], "net_af_xdp0,iface=eth1,start_queue=0");
	assert_string_equal(port[1].device_args[1], "net_af_xdp1,iface=eth2");
	assert_int_equal(port[2].params.queues, 64);
	config_free(config);
}

static void vlans(void **state)
{
	struct config *config = fixture_load_text(
		"ports = ( { name = \"trunk\"; side = \"protected\"; vdev = \"net_null0\"; },\n"
		"{ name = \"wan\"; vlan = 4094; vlan_priority = \"dscp\"; parent = \"trunk\";\n"
		"  side = \"unprotected\"; mtu = 1400; host_interface = \"vped-wan\"; },\n"
		"{ name = \"lan\"; side = \"protected\"; parent = \"trunk\"; vlan = 1;\n"
		"  vlan_priority = 7; } );\n"
		"workers = { roles = ( { lcore = 1; role = \"both\"; } ); };\n");
	const struct port_params *port[] = {
		&config->ports[0].params, &config->ports[1].params, &config->ports[2].params};

	(void)state;
	assert_int_equal(config->ports_n, 3);
	assert_int_equal(port[0]->vlan.id, 0);
	assert_int_equal(port[1]->vlan.id, 4094);
	assert_int_equal(port[1]->vlan.trunk, 0);
	assert_int_equal(port[1]->vlan.priority, PORT_PRIORITY_DSCP);
	assert_int_equal(port[1]->devices, 0);
	assert_int_equal(port[1]->mtu, 1400);
	assert_int_equal(port[2]->vlan.id, 1);
	assert_int_equal(port[2]->vlan.priority, 7);
	// Only devices take buffers.
	assert_int_equal(config->buffers.count, 10240);
	config_free(config);
}

static void bonds(void **state)
{
	struct config *config = fixture_load_text(
		"ports = ( { name = \"lan\"; side = \"protected\"; queues = 64;\n"
		"  pci = [ \"0000:3b:00.0\", \"0000:3b:00.1\" ];\n"
		"  bond = { mode = \"802.3ad\"; xmit_hash_policy = \"layer2+3\"; }; },\n"
		"{ name = \"wan\"; side = \"unprotected\"; bond = { mode = \"balance-xor\"; };\n"
		"  vdev = [ \"net_null0\", \"net_null1\", \"net_tap2,iface=x\" ]; },\n"
		"{ name = \"wan2\"; side = \"unprotected\"; bond = { mode = \"active-backup\"; };\n"
		"  vdev = [ \"net_null3\", \"net_null4\" ]; },\n"
		"{ name = \"wan3\"; side = \"unprotected\"; parent = \"wan\"; vlan = 9; } );\n");
	const struct port_params *port[] = {&config->ports[0].params, &config->ports[1].params,
		&config->ports[2].params, &config->ports[3].params};

	(void)state;
	assert_int_equal(port[0]->bond.mode, PORT_BOND_LACP);
	assert_int_equal(port[0]->bond.hash, PORT_BOND_LAYER23);
	assert_int_equal(port[0]->devices, 2);
	assert_int_equal(port[0]->queues, 64);
	assert_int_equal(port[1]->bond.mode, PORT_BOND_BALANCE_XOR);
	assert_int_equal(port[1]->bond.hash, PORT_BOND_LAYER34);
	assert_int_equal(port[1]->devices, 3);
	assert_int_equal(port[2]->bond.mode, PORT_BOND_ACTIVE_BACKUP);
	assert_int_equal(port[3]->bond.mode, PORT_BOND_NONE);
	assert_int_equal(config->buffers.count, 7 * 10240);
	assert_string_equal(bond_mode_name(PORT_BOND_LACP), "802.3ad");
	assert_null(bond_mode_name(PORT_BOND_NONE));
	config_free(config);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(daemon_settings),
		cmocka_unit_test(neighbours),
		cmocka_unit_test(roles_left_out),
		cmocka_unit_test(lcores_left_out),
		cmocka_unit_test(port_settings),
		cmocka_unit_test(vlans),
		cmocka_unit_test(bonds),
	};

	return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
