// What stands next to what is refused, and must be accepted; and keys that are forgotten.
#include "config_fixture.h"
#include "config_text.h"

#include "base/secret.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void ends_beside_the_reserved(void **state)
{
	static const char *const pairs[][2] = {
		{"1.0.0.0", "126.255.255.255"},
		{"128.0.0.0", "223.255.255.255"},
		{"::2", "fe7f:ffff::1"},
		{"fec0::1", "fe00::1"},
	};
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		snprintf(text, sizeof(text), PORTS "tunnels = ( " TUNNEL("b", "%s", "%s") "} );\n",
			pairs[i][0], pairs[i][1]);
		config_free(fixture_load_text(text));
	}
}

// A policy may reach into what no policy meets, and as a destination loopback is only unreachable.
static void prefixes_beside_the_unmet(void **state)
{
	static const char *const pairs[][2] = {
		{"0.0.0.0/0", "192.0.0.0/2"},
		{"223.0.0.0/8", "240.0.0.0/4"},
		{"126.0.0.0/7", "127.0.0.0/8"},
		{"::/0", "fe00::/7"},
		{"::/127", "::1"},
	};
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		snprintf(text, sizeof(text),
			PORTS "policies = ( { name = \"p\"; src = \"%s\"; dst = \"%s\"; "
			      "action = \"discard\"; } );\n",
			pairs[i][0], pairs[i][1]);
		config_free(fixture_load_text(text));
	}
}

// AH and Mobility are upper protocols of both families; IPv4 has no extension headers.
static void protocols_that_are_met(void **state)
{
	static const struct {
		const char *prefix;
		unsigned number;
	} met[] = {{"::/0", 51}, {"::/0", 135}, {"0.0.0.0/0", 51}, {"0.0.0.0/0", 135},
		{"0.0.0.0/0", 0}, {"0.0.0.0/0", 43}, {"0.0.0.0/0", 44}, {"0.0.0.0/0", 60}};
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(met) / sizeof(met[0]); i++) {
		struct config *config;

		snprintf(text, sizeof(text),
			PORTS "policies = ( { name = \"p\"; src = \"%s\"; dst = \"%s\"; "
			      "protocol = %u; action = \"discard\"; } );\n",
			met[i].prefix, met[i].prefix, met[i].number);
		config = fixture_load_text(text);
		assert_int_equal(config->policies[0].selector.protocol, met[i].number);
		config_free(config);
	}
}

static void named_protocols(void **state)
{
	static const struct {
		const char *name;
		unsigned number;
	} named[] = {{"gre", 47}, {"pim", 103}, {"l2tp", 115}, {"ah", 51}, {"ospf", 89}};
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		struct config *config;

		snprintf(text, sizeof(text),
			PORTS "policies = ( { name = \"p\"; src = \"::/0\"; dst = \"::/0\"; "
			      "protocol = \"%s\"; action = \"discard\"; } );\n",
			named[i].name);
		config = fixture_load_text(text);
		assert_int_equal(config->policies[0].selector.protocol, named[i].number);
		config_free(config);
	}
}

// Protocol, SPI and remote address together are what a peer tells SAs by.
static void outbound_spis(void **state)
{
	(void)state;
	config_free(fixture_load_text(PORTS "tunnels = (\n" TUNNEL(
		"b", "192.0.2.1", "192.0.2.2") "out = " SA("esp", "0x20001",
		"36-1.key") "; },\n" TUNNEL("c", "192.0.2.1", "192.0.2.3") "out = " SA("esp",
		"0x20001", "36-2.key") "; },\n" TUNNEL("d", "192.0.2.1",
		"192.0.2.2") "out = " SA("esp", "0x20002", "36-3.key") "; },\n" TUNNEL("e",
		"192.0.2.1", "192.0.2.2") "out = " SA("vpe", "0x20001", "32-4.key") "; } );\n"));
	fixture_refuse_text(PORTS
		"tunnels = (\n" TUNNEL("b", "192.0.2.1", "192.0.2.2") "out = " SA(
			"esp", "0x20001", "36-1.key") "; },\n" TUNNEL("c", "192.0.2.9",
			"192.0.2.2") "out = " SA("esp", "131073", "36-2.key") "; } );\n",
		"5: outbound esp SPI 0x20001 to this remote address is tunnel 'b's already (line "
		"4)");
}

// Reads memory that was given back, which a load may not (sanitizers).
static void peek(const void *address, void *into, size_t octets)
{
	int fd = open("/proc/self/mem", O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, into, octets, (off_t)(uintptr_t)address), octets);
	close(fd);
}

static void forgets_keys(void **state)
{
	static const uint8_t zero[32];
	struct config *config = fixture_load_text(PORTS "tunnels = ( " TUNNEL("b", "192.0.2.1",
		"192.0.2.2") "out = " SA("esp", "0x20001", "36-1.key") "; in = ( " SA("esp",
		"0x20001", "36-2.key") ",\n" SA("esp", "0x20002", "36-3.key") " ); } );\n");
	struct config_tunnel *tunnel = &config->tunnels[0];
	struct config_sa *sas[] = {&tunnel->out, &tunnel->in[0], &tunnel->in[1]};
	const uint8_t *key[3];
	uint8_t left[24];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		key[i] = sas[i]->key;
		assert_non_null(key[i]);
		assert_memory_not_equal(key[i], zero, 32);
		memset(sas[i]->params.salt, 0x5a, sizeof(sas[i]->params.salt));
	}
	config_forget_keys(config);
	for (unsigned i = 0; i < 3; i++) {
		assert_null(sas[i]->key);
		assert_memory_equal(sas[i]->params.salt, zero, sizeof(sas[i]->params.salt));
		// Before them is a link of the free memory.
		peek(key[i] + 8, left, sizeof(left));
		assert_memory_equal(left, zero, sizeof(left));
	}
	assert_int_equal(sas[1]->params.spi, 0x20001);
	config_forget_keys(config);
	config_free(config);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_beside_the_reserved),
		cmocka_unit_test(prefixes_beside_the_unmet),
		cmocka_unit_test(protocols_that_are_met),
		cmocka_unit_test(named_protocols),
		cmocka_unit_test(outbound_spis),
		cmocka_unit_test(forgets_keys),
	};

	return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
