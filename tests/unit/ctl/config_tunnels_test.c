// What tunnels, their SAs and policies become.
#include "config_fixture.h"
#include "config_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

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

		snprintf(text, sizeof(text), PORTS "tunnels = ( " TUNNEL_B "tcp_mss = %s; } );\n",
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
		PORTS "tunnels = ( " TUNNEL_B "%s\n"
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

#define PORTS_WITH_WAN                                                                 \
	"ports = ( { name = \"lan\"; side = \"protected\"; vdev = \"net_null0\"; },\n" \
	"{ name = \"wan\"; side = \"unprotected\"; vdev = \"net_null1\";\n"            \
	"  host_interface = \"vped-wan\"; } );\n"

static void probe(void **state)
{
	struct config *config = fixture_load_text(
		PORTS_WITH_WAN "tunnels = ( " TUNNEL_B "}, " TUNNEL("c", "192.0.2.1",
			"192.0.2.3") "probe = { peer = \"10.3.0.1\"; local = \"10.1.0.1\"; }; "
				     "},\n" TUNNEL("d", "192.0.2.1",
					     "192.0.2.4") "probe = { local = \"fd00:1::1\"; peer = "
							  "\"fd00:4::1\"; interval_ms = 100;\n"
							  "  misses = 100; answers = 1; routes = ( "
							  "{ prefix = \"10.4.0.0/16\"; },\n"
							  "    { prefix = \"10.4.0.0/16\"; metric "
							  "= 4294967295L; },\n"
							  "    { metric = 7; via = \"fe80::4\"; "
							  "prefix = \"fd00:4::/32\"; } ); }; } "
							  ");\n");
	const struct config_probe *full = &config->tunnels[2].probe;
	char text[IP_PREFIX_TEXT];

	(void)state;
	assert_int_equal(config->tunnels[0].probe.peer.family, IP_NONE);
	assert_string_equal(ip_addr_format(&config->tunnels[1].probe.peer, text), "10.3.0.1");
	assert_string_equal(ip_addr_format(&config->tunnels[1].probe.local, text), "10.1.0.1");
	assert_int_equal(config->tunnels[1].probe.interval_ms, 1000);
	assert_int_equal(config->tunnels[1].probe.misses, 3);
	assert_int_equal(config->tunnels[1].probe.answers, 3);
	assert_int_equal(config->tunnels[1].probe.routes_n, 0);
	assert_string_equal(ip_addr_format(&full->peer, text), "fd00:4::1");
	assert_int_equal(full->interval_ms, 100);
	assert_int_equal(full->misses, 100);
	assert_int_equal(full->answers, 1);
	assert_int_equal(full->routes_n, 3);
	assert_string_equal(ip_prefix_format(&full->route[0].prefix, text), "10.4.0.0/16");
	assert_string_equal(ip_addr_format(&full->route[0].via, text), "192.0.2.4");
	assert_int_equal(full->route[0].metric, 0);
	assert_int_equal(full->route[1].metric, UINT32_MAX);
	assert_string_equal(ip_addr_format(&full->route[2].via, text), "fe80::4");
	assert_int_equal(full->route[2].metric, 7);
	config_free(config);
}

static const char two_tunnels[] =
	PORTS "tunnels = ( " TUNNEL_B "dscp = \"copy\"; ecn = \"normal\";\n"
	      "pmtu_discovery = false; mtu = 576;\n"
	      "out = { protocol = \"vpe\"; spi = 0xffffffff; algorithm = \"aes-128-gcm\";\n"
	      "  manual_keys = \"fresh-each-start\"; key_file = \"16.key\"; sender_id = 0xff07;\n"
	      "  soft_lifetime = { packets = 9; };\n"
	      "  hard_lifetime = { packets = 10; octets = 4294967296; }; };\n"
	      "in = (\n"
	      "{ protocol = \"esp\"; spi = 0xc0000001; algorithm = \"aes-128-gcm\";\n"
	      "  manual_keys = \"fresh-each-start\"; key_file = \"20.key\"; esn = false;\n"
	      "  replay_window = 64; },\n"
	      "{ protocol = \"vpe\"; spi = 1; algorithm = \"chacha20-poly1305\";\n"
	      "  manual_keys = \"fresh-each-start\"; key_file = \"32-1.key\"; sender_id = 65535;\n"
	      "  replay_window = 65536; windows = 65535; },\n"
	      "{ protocol = \"esp\"; spi = 0xc0000002; algorithm = \"aes-192-gcm\";\n"
	      "  manual_keys = \"fresh-each-start\"; key_file = \"28.key\"; }\n"
	      "); },\n" TUNNEL("later", "2001:db8::1", "2001:db8::2") "} );\n";

static void tunnel_settings(void **state)
{
	struct config *config = fixture_load_text(two_tunnels);
	const struct config_tunnel *tunnel = &config->tunnels[0];
	char text[IP_ADDR_TEXT];

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
	assert_int_equal(tunnel->in_n, 3);
	assert_false(config->tunnels[1].has_out);
	assert_int_equal(config->tunnels[1].in_n, 0);
	config_free(config);
}

static void sa_settings(void **state)
{
	struct config *config = fixture_load_text(two_tunnels);
	const struct config_tunnel *tunnel = &config->tunnels[0];
	const struct sa_params *out = &tunnel->out.params;

	(void)state;
	assert_ptr_equal(out->proto, &vpe_ops);
	assert_int_equal(out->spi, 0xffffffff);
	assert_int_equal(out->algorithm, AEAD_AES_128_GCM);
	assert_int_equal(out->sender_id, 0xff07);
	assert_false(out->esn);
	assert_true(ip_addr_equal(&out->local, &tunnel->local));
	assert_int_equal(tunnel->out.line, 5);
	assert_ptr_equal(tunnel->in[0].params.proto, &esp_ops);
	assert_false(tunnel->in[0].params.esn);
	assert_int_equal(tunnel->in[0].params.replay_window, 64);
	assert_int_equal(tunnel->in[0].params.windows, 1);
	assert_int_equal(tunnel->in[1].params.windows, 65535);
	assert_int_equal(tunnel->in[1].params.sender_id, 65535);
	assert_int_equal(tunnel->in[1].params.replay_window, 65536);
	assert_int_equal(tunnel->in[1].line, 13);
	assert_true(tunnel->in[2].params.esn);
	assert_int_equal(tunnel->in[2].params.replay_window, 1024);
	config_free(config);
}

static void lifetimes(void **state)
{
	struct config *config = fixture_load_text(two_tunnels);
	const struct config_sa *out = &config->tunnels[0].out;

	(void)state;
	assert_int_equal(out->soft.packets, 9);
	assert_int_equal(out->hard.packets, 10);
	assert_int_equal(out->hard.octets, UINT64_C(1) << 32);
	assert_int_equal(out->hard.seconds, 0);
	config_free(config);
}

static void esp_key_then_salt(void **state)
{
	struct config *config = fixture_load_text(two_tunnels);
	const struct config_sa *sa = &config->tunnels[0].in[2];
	size_t octets;
	char *key = fixture_read("28.key", &octets);

	(void)state;
	assert_memory_equal(sa->key, key, 24);
	assert_memory_equal(sa->params.salt, key + 24, 4);
	free(key);
	config_free(config);
}

static void sa_defaults(void **state)
{
	struct config *config = fixture_load_text(PORTS "tunnels = ( " TUNNEL_B "out = " SA(
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
			PORTS "tunnels = ( " TUNNEL_B "out = " SA("vpe", "1", "%s") "; } );\n",
			i < 4 ? names[i] : path);
		config = fixture_load_text(text);
		config_free(config);
	}
}

static void credential_names(void **state)
{
	static const char text[] = PORTS "tunnels = ( " TUNNEL_B
					 "out = " SA("vpe", "1", "credential:32-1.key") "; } );\n";
	char directory[128];
	struct config *config;
	uint8_t *key;
	size_t octets;

	(void)state;
	assert_non_null(getcwd(directory, sizeof(directory)));
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", directory, 1), 0);
	config = fixture_load_text(text);
	key = (uint8_t *)fixture_read("32-1.key", &octets);
	assert_memory_equal(config->tunnels[0].out.key, key, octets);
	free(key);
	config_free(config);
	// A relative directory would be somebody else's.
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", ".", 1), 0);
	fixture_refuse_text(text, "3: credential 32-1.key: the service manager gave none");
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
}

#define ONE_TUNNEL "tunnels = ( " TUNNEL_B "out = " SA("vpe", "1", "32-1.key") "; } );\n"

static const char five_policies[] = PORTS ONE_TUNNEL
	"policies = (\n"
	"{ name = \"https\"; src = \"10.1.2.3\"; dst = \"10.2.0.0/16\"; protocol = \"tcp\";\n"
	"  src_port = \"1024-65535\"; dst_port = 443; action = \"protect\"; tunnel = \"b\"; },\n"
	"{ name = \"gre\"; src = \"10.1.0.0/16\"; dst = \"10.2.0.0/16\"; protocol = 47;\n"
	"  action = \"bypass\"; },\n"
	"{ name = \"rest\"; src = \"0.0.0.0/0\"; dst = \"0.0.0.0/0\"; protocol = \"any\";\n"
	"  action = \"discard\"; },\n"
	"{ name = \"ping\"; src = \"::/0\"; dst = \"2001:db8::/32\"; protocol = \"icmpv6\";\n"
	"  action = \"bypass\"; },\n"
	"{ name = \"dns\"; src = \"::/0\"; dst = \"::/0\"; protocol = \"udp\"; dst_port = \"53\";\n"
	"  action = \"bypass\"; }\n"
	");\n";

static void policy_settings(void **state)
{
	struct config *config = fixture_load_text(five_policies);
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
		cmocka_unit_test(tcp_mss),
		cmocka_unit_test(outer_classes),
		cmocka_unit_test(probe),
		cmocka_unit_test(tunnel_settings),
		cmocka_unit_test(sa_settings),
		cmocka_unit_test(lifetimes),
		cmocka_unit_test(esp_key_then_salt),
		cmocka_unit_test(sa_defaults),
		cmocka_unit_test(key_file_names),
		cmocka_unit_test(credential_names),
		cmocka_unit_test(policy_settings),
		cmocka_unit_test(many_policies),
	};

	return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
