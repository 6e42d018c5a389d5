// The files that are shipped: they load as they stand, or after what they say is done.
#include "config_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *directory;

static struct config *load_shipped(const char *path, const char *name)
{
	struct config *config;
	struct error err;
	char whole[4096];

	snprintf(whole, sizeof(whole), "%s/%s", directory, path);
	fixture_copy(whole, name);
	if (fixture_load(name, &config, &err) < 0)
		fail_msg("%s", err.text);
	return config;
}

static void shipped(void **state)
{
	struct config *config = load_shipped("vped.conf", "vped.conf");

	(void)state;
	assert_int_equal(config->ports_n, 2);
	assert_int_equal(config->tunnels_n, 0);
	assert_int_equal(config->policies_n, 0);
	assert_string_equal(config->ports[0].params.device[0], "net_null0");
	assert_string_equal(config->ports[0].device_args[0], "net_null0,no-rx=1");
	config_free(config);
}

// What is commented out in the shipped file is right, too.
static void shipped_comments(void **state)
{
	static const char *const tail[] = {"// tunnels = (", "// policies = ("};
	char whole[4096], *text, *at;
	struct config *config;
	struct error err;
	size_t octets;

	(void)state;
	snprintf(whole, sizeof(whole), "%s/vped.conf", directory);
	text = fixture_read(whole, &octets);
	for (size_t i = 0; i < 2; i++) {
		at = strstr(text, tail[i]);
		assert_non_null(at);
		for (; strncmp(at, "//", 2) == 0; at = strchr(at, '\n') + 1)
			memset(at, ' ', 2);
	}
	fixture_write("vped.conf", text, octets, 0644);
	free(text);
	fixture_copy("32-1.key", "a-to-b.key");
	fixture_copy("32-2.key", "b-to-a.key");
	assert_int_equal(system("chmod 600 a-to-b.key b-to-a.key"), 0);
	if (fixture_load("vped.conf", &config, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(config->tunnels_n, 1);
	assert_int_equal(config->policies_n, 2);
	assert_true(config->tunnels[0].out.params.journaled);
	assert_true(config->tunnels[0].in[0].params.journaled);
	config_free(config);
}

// Runs the command that the file's head shows, in the current directory.
static void make_keys(const char *name)
{
	static const char mark[] = "//     ";
	char command[1024] = "";
	size_t octets;
	char *text = fixture_read(name, &octets), *at = strstr(text, "//     (umask 077;");

	assert_non_null(at);
	for (; strncmp(at, mark, strlen(mark)) == 0; at = strchr(at, '\n') + 1) {
		size_t length = strcspn(at, "\n") + 1 - strlen(mark);

		assert_true(strlen(command) + length < sizeof(command));
		strncat(command, at + strlen(mark), length);
	}
	free(text);
	assert_int_equal(system(command), 0);
}

static void mirrored(const struct config_sa *out, const struct config_sa *in)
{
	// The unit starts the daemon again after a failure.
	assert_true(out->params.journaled && in->params.journaled);
	assert_ptr_equal(out->params.proto, in->params.proto);
	assert_int_equal(out->params.spi, in->params.spi);
	assert_int_equal(out->params.algorithm, in->params.algorithm);
	assert_int_equal(out->params.esn, in->params.esn);
	assert_memory_equal(out->fingerprint, in->fingerprint, FINGERPRINT_OCTETS);
	assert_memory_equal(out->params.salt, in->params.salt, SA_SALT_OCTETS);
	assert_true(ip_addr_equal(&out->params.local, &in->params.remote));
	assert_true(ip_addr_equal(&out->params.remote, &in->params.local));
}

static void two_sites(void **state)
{
	struct config *a, *b;
	char path[4096];

	(void)state;
	snprintf(path, sizeof(path), "%s/examples/two-sites/site-a.conf", directory);
	fixture_copy(path, "site-a.conf");
	make_keys("site-a.conf");
	a = load_shipped("examples/two-sites/site-a.conf", "site-a.conf");
	b = load_shipped("examples/two-sites/site-b.conf", "site-b.conf");
	assert_int_equal(a->tunnels_n, 2);
	assert_int_equal(b->tunnels_n, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_true(a->tunnels[i].has_out && b->tunnels[i].has_out);
		assert_int_equal(a->tunnels[i].in_n, 1);
		assert_int_equal(b->tunnels[i].in_n, 1);
		mirrored(&a->tunnels[i].out, &b->tunnels[i].in[0]);
		mirrored(&b->tunnels[i].out, &a->tunnels[i].in[0]);
	}
	assert_string_equal(a->tunnels[0].out.params.proto->name, "vpe");
	assert_string_equal(a->tunnels[1].out.params.proto->name, "esp");
	assert_int_equal(a->policies_n, b->policies_n);
	for (unsigned i = 0; i < a->policies_n; i++) {
		struct selector turned = b->policies[i].selector;

		// Each site's own word.
		assert_int_equal(a->policies[i].action, b->policies[i].action);
		if (a->policies[i].action != POLICY_PROTECT)
			continue;
		turned.source = b->policies[i].selector.destination;
		turned.destination = b->policies[i].selector.source;
		turned.source_port = b->policies[i].selector.destination_port;
		turned.destination_port = b->policies[i].selector.source_port;
		assert_true(selector_equal(&a->policies[i].selector, &turned));
		assert_int_equal(a->policies[i].tunnel, b->policies[i].tunnel);
	}
	config_free(a);
	config_free(b);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(shipped),
		cmocka_unit_test(shipped_comments),
		cmocka_unit_test(two_sites),
	};

	if (argc != 2)
		return 2;
	directory = argv[1];
	return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
