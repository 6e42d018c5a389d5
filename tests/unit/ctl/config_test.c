// What a right configuration becomes: defaults, every setting, spellings of numbers, includes.
#include "config_fixture.h"

#include "ctl/config_lcores.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PORTS                                                                          \
	"ports = ( { name = \"lan\"; side = \"protected\"; vdev = \"net_null0\"; },\n" \
	"{ name = \"wan\"; side = \"unprotected\"; vdev = \"net_null1\"; } );\n"
#define TUNNEL "name = \"b\"; local = \"192.0.2.1\"; remote = \"192.0.2.2\"; port = \"wan\"; "
#define SA(protocol, spi, key)                                                        \
	"{ protocol = \"" protocol "\"; spi = " spi "; algorithm = \"aes-256-gcm\"; " \
	"manual_keys = \"fresh-each-start\"; key_file = \"" key "\"; }"

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
	assert_int_equal(lcores_parse(config->eal.lcores, &lcores, &err), 0);
	assert_true(lcores.n == 2 && lcores.has[0] && lcores.has[1]);
	assert_string_equal(config->socket, "/run/vped/vped.sock");
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
	assert_int_equal(config->flows, 8192);
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
		"eal = { huge = false; memory_mb = 1048576; simd_bits = 512;\n"
		"lcores = \"2@0,(4,6)@1,8-9\"; };\n"
		"control = { socket = \"/run/a.sock\"; host_guard = false; };\n"
		"crypto = \"openssl\";\n"
		"buffers = { count = 4194304; octets = 16640; };\n"
		"replay = { pool_kb = 64; };\n"
		"icmp = { policy_refusal = false; rate = 1; burst = 2; total_rate = 3;\n"
		"total_burst = 4; };\n"
		"workers = { burst = 1; idle = \"backoff\"; roles = (\n"
		"{ lcore = 9; role = \"both\"; }, { lcore = 4; role = \"encrypt\"; },\n"
		"{ lcore = 6; role = \"decrypt\"; } ); };\n" PORTS);

	(void)state;
	assert_false(config->eal.huge);
	assert_int_equal(config->eal.memory_mb, 1048576);
	assert_int_equal(config->eal.simd_bits, 512);
	assert_string_equal(config->eal.lcores, "2@0,(4,6)@1,8-9");
	assert_string_equal(config->socket, "/run/a.sock");
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

static void tcp_mss(void **state)
{
	static const struct {
		const char *text;
		unsigned mss;
	} cases[] = {
		{"\"off\"", 0},
		{"\"tunnel-mtu\"", CONFIG_TCP_MSS_TUNNEL},
		{"536", 536},
		{"9560", 9560},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config *config;
		char text[1024];

		snprintf(text, sizeof(text), PORTS "tunnels = ( { " TUNNEL "tcp_mss = %s; } );\n",
			cases[i].text);
		config = fixture_load_text(text);
		assert_int_equal(config->tunnels[0].tcp_mss, cases[i].mss);
		config_free(config);
	}
}

static struct outer_class class_of(const char *settings)
{
	struct outer_class class;
	struct config *config;
	char text[1024];

	snprintf(text, sizeof(text),
		PORTS "tunnels = ( { " TUNNEL "%s\n"
		      "out = { protocol = \"vpe\"; spi = 1; algorithm = \"aes-128-gcm\";\n"
		      "  manual_keys = \"fresh-each-start\"; key_file = \"16.key\"; }; } );\n",
		settings);
	config = fixture_load_text(text);
	class = config->tunnels[0].out.params.class;
	config_free(config);
	return class;
}

static void outer_classes(void **state)
{
	struct outer_class class = class_of("");
	struct outer_class fallback;

	(void)state;
	outer_class_default(&fallback);
	assert_memory_equal(&class, &fallback, sizeof(class));
	class = class_of("dscp = \"copy\"; ecn = \"normal\"; hop_limit = 64;");
	assert_memory_equal(&class, &fallback, sizeof(class));
	class = class_of("dscp = 63; ecn = \"compat\"; hop_limit = 255;");
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(class.dscp[i], 63);
	assert_int_equal(class.ecn_mask, 0);
	assert_int_equal(class.hop_limit, 255);
	assert_int_equal(class.df, OUTER_DF_SET);
	assert_int_equal(class_of("df = \"set\";").df, OUTER_DF_SET);
	assert_int_equal(class_of("df = \"copy\";").df, OUTER_DF_COPY);
	assert_int_equal(class_of("df = \"clear\";").df, OUTER_DF_CLEAR);
	// What is not in the map goes as dscp says, wherever that stands.
	class = class_of("dscp_map = ( { inner = 46; outer = 34; }, { inner = 0; outer = 8; } );");
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(class.dscp[i], i == 46 ? 34 : i == 0 ? 8 : i);
	class = class_of("dscp_map = ( { inner = 46; outer = 46; } ); dscp = 0;");
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(class.dscp[i], i == 46 ? 46 : 0);
}

static void tunnel_settings(void **state)
{
	struct config *config = fixture_load_text(
		PORTS "tunnels = ( { " TUNNEL "dscp = \"copy\"; ecn = \"normal\";\n"
		      "pmtu_discovery = false; mtu = 576;\n"
		      "out = { protocol = \"vpe\"; spi = 0xffffffff; algorithm = \"aes-128-gcm\";\n"
		      "  manual_keys = \"fresh-each-start\"; key_file = \"16.key\"; sender_id = "
		      "0xff07; };\n"
		      "in = (\n"
		      "{ protocol = \"esp\"; spi = 0xc0000001; algorithm = \"aes-128-gcm\";\n"
		      "  manual_keys = \"fresh-each-start\"; key_file = \"20.key\"; esn = false;\n"
		      "  replay_window = 64; },\n"
		      "{ protocol = \"vpe\"; spi = 1; algorithm = \"chacha20-poly1305\";\n"
		      "  manual_keys = \"fresh-each-start\"; key_file = \"32-1.key\"; sender_id = "
		      "65535;\n"
		      "  replay_window = 65536; windows = 65535; },\n"
		      "{ protocol = \"esp\"; spi = 0xc0000002; algorithm = \"aes-192-gcm\";\n"
		      "  manual_keys = \"fresh-each-start\"; key_file = \"28.key\"; }\n"
		      "); },\n"
		      "{ name = \"later\"; local = \"2001:db8::1\"; remote = \"2001:db8::2\"; port "
		      "= \"wan\"; }\n"
		      ");\n");
	const struct config_tunnel *tunnel = &config->tunnels[0];
	char text[IP_ADDR_TEXT];
	size_t octets;
	char *key;

	(void)state;
	assert_int_equal(config->tunnels_n, 2);
	assert_string_equal(tunnel->name, "b");
	assert_string_equal(ip_addr_format(&tunnel->local, text), "192.0.2.1");
	assert_string_equal(ip_addr_format(&tunnel->remote, text), "192.0.2.2");
	assert_int_equal(tunnel->port, 1);
	assert_int_equal(tunnel->line, 3);
	assert_int_equal(tunnel->tcp_mss, CONFIG_TCP_MSS_TUNNEL);
	assert_int_equal(tunnel->mtu, 576);
	assert_int_equal(config->tunnels[1].mtu, 1500);
	assert_false(tunnel->pmtu_discovery);
	assert_true(config->tunnels[1].pmtu_discovery);
	assert_true(tunnel->has_out);
	assert_ptr_equal(tunnel->out.params.proto, &vpe_ops);
	assert_int_equal(tunnel->out.params.spi, 0xffffffff);
	assert_int_equal(tunnel->out.params.algorithm, AEAD_AES_128_GCM);
	assert_int_equal(tunnel->out.params.sender_id, 0xff07);
	assert_false(tunnel->out.params.esn);
	assert_true(ip_addr_equal(&tunnel->out.params.local, &tunnel->local));
	assert_int_equal(tunnel->out.line, 5);
	assert_int_equal(tunnel->in_n, 3);
	assert_ptr_equal(tunnel->in[0].params.proto, &esp_ops);
	assert_false(tunnel->in[0].params.esn);
	assert_int_equal(tunnel->in[0].params.replay_window, 64);
	assert_int_equal(tunnel->in[0].params.windows, 1);
	assert_int_equal(tunnel->in[1].params.windows, 65535);
	assert_int_equal(tunnel->in[1].params.sender_id, 65535);
	assert_int_equal(tunnel->in[1].params.replay_window, 65536);
	assert_int_equal(tunnel->in[1].line, 11);
	assert_true(tunnel->in[2].params.esn);
	assert_int_equal(tunnel->in[2].params.replay_window, 1024);
	// ESP: key, then salt.
	key = fixture_read("28.key", &octets);
	assert_memory_equal(tunnel->in[2].key, key, 24);
	assert_memory_equal(tunnel->in[2].params.salt, key + 24, 4);
	free(key);
	assert_false(config->tunnels[1].has_out);
	assert_int_equal(config->tunnels[1].in_n, 0);
	config_free(config);
}

static void sa_defaults(void **state)
{
	struct config *config = fixture_load_text(PORTS "tunnels = ( { " TUNNEL "out = " SA(
		"esp", "256", "36-1.key") "; in = ( " SA("vpe", "2", "32-2.key") " ); } );\n");
	const struct config_tunnel *tunnel = &config->tunnels[0];

	(void)state;
	assert_true(tunnel->out.params.esn);
	assert_int_equal(tunnel->out.params.sender_id, 0);
	assert_false(tunnel->in[0].params.esn);
	assert_int_equal(tunnel->in[0].params.sender_id, 0);
	assert_int_equal(tunnel->in[0].params.windows, 64);
	assert_int_equal(tunnel->in[0].params.replay_window, 1024);
	config_free(config);
}

static void key_file_names(void **state)
{
	static const char *const names[] = {
		"32-1.key", "./32-1.key", "link.key", "feedfacecafebeeffeedfacecafebeef.key"};
	char text[1024], directory[128];
	struct config *config;

	(void)state;
	assert_int_equal(symlink("32-1.key", "link.key"), 0);
	assert_int_equal(symlink("32-1.key", names[3]), 0);
	assert_non_null(getcwd(directory, sizeof(directory)));
	for (size_t i = 0; i < 5; i++) {
		char path[256] = "";

		if (i == 4)
			snprintf(path, sizeof(path), "%s/32-1.key", directory);
		snprintf(text, sizeof(text),
			PORTS "tunnels = ( { " TUNNEL "out = " SA("vpe", "1", "%s") "; } );\n",
			i < 4 ? names[i] : path);
		config = fixture_load_text(text);
		config_free(config);
	}
}

static void policy_settings(void **state)
{
	struct config *config = fixture_load_text(PORTS "tunnels = ( { " TUNNEL "out = " SA(
		"vpe", "1", "32-1.key") "; } );\n"
					"policies = (\n"
					"{ name = \"https\"; src = \"10.1.2.3\"; dst = "
					"\"10.2.0.0/16\"; protocol = \"tcp\";\n"
					"  src_port = \"1024-65535\"; dst_port = 443; action = "
					"\"protect\"; tunnel = \"b\"; },\n"
					"{ name = \"gre\"; src = \"10.1.0.0/16\"; dst = "
					"\"10.2.0.0/16\"; protocol = 47;\n"
					"  action = \"bypass\"; },\n"
					"{ name = \"rest\"; src = \"0.0.0.0/0\"; dst = "
					"\"0.0.0.0/0\"; protocol = \"any\";\n"
					"  action = \"discard\"; },\n"
					"{ name = \"ping\"; src = \"::/0\"; dst = "
					"\"2001:db8::/32\"; protocol = \"icmpv6\";\n"
					"  action = \"bypass\"; },\n"
					"{ name = \"dns\"; src = \"::/0\"; dst = \"::/0\"; "
					"protocol = \"udp\"; dst_port = \"53\";\n"
					"  action = \"bypass\"; }\n"
					");\n");
	const struct config_policy *policy = config->policies;
	char text[IP_PREFIX_TEXT];

	(void)state;
	assert_int_equal(config->policies_n, 5);
	assert_string_equal(policy[0].name, "https");
	assert_string_equal(ip_prefix_format(&policy[0].selector.source, text), "10.1.2.3/32");
	assert_string_equal(ip_prefix_format(&policy[0].selector.destination, text), "10.2.0.0/16");
	assert_int_equal(policy[0].selector.protocol, 6);
	assert_int_equal(policy[0].selector.source_port.first, 1024);
	assert_int_equal(policy[0].selector.source_port.last, 65535);
	assert_int_equal(policy[0].selector.destination_port.first, 443);
	assert_int_equal(policy[0].selector.destination_port.last, 443);
	assert_int_equal(policy[0].action, POLICY_PROTECT);
	assert_int_equal(policy[0].tunnel, 0);
	assert_int_equal(policy[0].line, 5);
	assert_int_equal(policy[1].selector.protocol, 47);
	assert_int_equal(policy[1].selector.source_port.first, 0);
	assert_int_equal(policy[1].selector.source_port.last, 65535);
	assert_int_equal(policy[1].action, POLICY_BYPASS);
	assert_int_equal(policy[2].selector.protocol, SELECTOR_ANY_PROTOCOL);
	assert_int_equal(policy[2].action, POLICY_DISCARD);
	assert_int_equal(policy[3].selector.protocol, 58);
	assert_int_equal(policy[4].selector.destination_port.last, 53);
	config_free(config);
}

// libconfig 1.5 alone would cut these to 32 bits, in silence.
static void numbers(void **state)
{
	static const char *const spellings[] = {"0xc0000001", "0xC0000001", "0xc0000001L",
		"3221225473", "3221225473L", "+3221225473", "003221225473"};
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
		struct config *config;

		snprintf(text, sizeof(text),
			PORTS "tunnels = ( { " TUNNEL
			      "in = ( " SA("esp", "%s", "36-1.key") " ); } );\n",
			spellings[i]);
		config = fixture_load_text(text);
		assert_int_equal(config->tunnels[0].in[0].params.spi, 0xc0000001);
		config_free(config);
	}
	fixture_refuse_text(
		"replay = { pool_kb = -4294963200; };\n" PORTS, "'pool_kb' is -4294963200");
	fixture_refuse_text(
		"replay = { pool_kb = 1e3; };\n" PORTS, "'pool_kb' is a number with a fraction");
	fixture_refuse_text("replay = { pool_kb = 0xffffffffffffffff; };\n" PORTS, "64 bits");
}

static void includes(void **state)
{
	static const char main_text[] = "@include \"ports.conf\"\n"
					"  @include\t\"sub/tunnels.conf\" // the peers\n"
					"eal = { huge = false; };\n"
					"replay = { pool = 1; };\n";
	char path[256];
	struct config *config;
	struct error err;

	(void)state;
	assert_int_equal(mkdir("sub", 0700), 0);
	fixture_write("ports.conf", PORTS "# a comment without an end", strlen(PORTS) + 26, 0644);
	// Names in an included file, too, are looked up beside the first file.
	fixture_write("sub/tunnels.conf",
		"tunnels = ( { " TUNNEL
		"out = " SA("vpe", "1", "32-1.key") "; },\n@include \"more.conf\"\n);",
		strlen("tunnels = ( { " TUNNEL
		       "out = " SA("vpe", "1", "32-1.key") "; },\n@include \"more.conf\"\n);"),
		0644);
	fixture_write("more.conf", "\n{ name = \"c\"; }\n", 17, 0644);
	fixture_write("test.conf", main_text, strlen(main_text), 0644);
	assert_true(fixture_load("test.conf", &config, &err) < 0);
	assert_string_equal(err.text, "test.conf:4: unknown setting 'pool'; known here: pool_kb");
	fixture_write("test.conf", main_text,
		strlen(main_text) - strlen("replay = { pool = 1; };\n"), 0644);
	assert_true(fixture_load("test.conf", &config, &err) < 0);
	assert_string_equal(err.text, "more.conf:2: 'local' is missing here");
	fixture_write("more.conf", "\n{ " TUNNEL "}\n", strlen("\n{ " TUNNEL "}\n"), 0644);
	assert_true(fixture_load("test.conf", &config, &err) < 0);
	assert_string_equal(err.text,
		"more.conf:2: tunnel name 'b' is taken (sub/tunnels.conf:1); names are unique");
	fixture_write("more.conf", "{ ; }", 5, 0644);
	assert_true(fixture_load("test.conf", &config, &err) < 0);
	assert_memory_equal(err.text, "more.conf:1: syntax error", 25);
	fixture_write("more.conf",
		"{ name = \"c\"; local = \"fd::1\"; remote = \"fd::2\"; port = \"wan\"; }", 64,
		0644);
	// From elsewhere, and by an absolute name.
	assert_non_null(getcwd(path, sizeof(path) - 16));
	memcpy(path + strlen(path), "/test.conf", 11);
	assert_int_equal(chdir("sub"), 0);
	if (fixture_load("../test.conf", &config, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(config->tunnels_n, 2);
	config_free(config);
	assert_int_equal(config_load(path, &fixture_protos, &fixture_engines, &config, &err), 0);
	assert_int_equal(config->tunnels[1].line, 1);
	config_free(config);
	assert_int_equal(chdir(".."), 0);
	unlink("sub/tunnels.conf");
}

static void not_a_file(void **state)
{
	struct config *config;
	struct error err;

	(void)state;
	assert_true(fixture_load("absent.conf", &config, &err) < 0);
	assert_string_equal(
		err.text, "absent.conf: cannot read the configuration: No such file or directory");
	assert_true(fixture_load(".", &config, &err) < 0);
	assert_non_null(strstr(err.text, "it is not a regular file"));
	assert_int_equal(mkfifo("fifo.conf", 0600), 0);
	assert_true(fixture_load("fifo.conf", &config, &err) < 0);
	assert_non_null(strstr(err.text, "it is not a regular file"));
	fixture_refuse_text("@include \"fifo.conf\"\n", "1: cannot read the included file");
}

// As many policies as there may be are checked against each other in a moment.
static void many_policies(void **state)
{
	char *text = NULL;
	size_t octets;
	FILE *file = open_memstream(&text, &octets);
	struct config *config;

	(void)state;
	fputs(PORTS "policies = (\n", file);
	for (unsigned i = 0; i < POLICIES_MAX; i++)
		fprintf(file,
			"{ name = \"p%u\"; src = \"10.%u.%u.0/24\"; dst = \"0.0.0.0/0\"; "
			"action = \"bypass\"; }%s\n",
			i, i >> 8, i & 255, i + 1 < POLICIES_MAX ? "," : "");
	fputs(");\n", file);
	fclose(file);
	config = fixture_load_text(text);
	assert_int_equal(config->policies_n, POLICIES_MAX);
	assert_int_equal(config->policies[POLICIES_MAX - 1].line, 2 + 1 + POLICIES_MAX);
	config_free(config);
	free(text);
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
		cmocka_unit_test(tcp_mss),
		cmocka_unit_test(outer_classes),
		cmocka_unit_test(tunnel_settings),
		cmocka_unit_test(sa_defaults),
		cmocka_unit_test(key_file_names),
		cmocka_unit_test(policy_settings),
		cmocka_unit_test(numbers),
		cmocka_unit_test(includes),
		cmocka_unit_test(not_a_file),
		cmocka_unit_test(many_policies),
	};

	return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
