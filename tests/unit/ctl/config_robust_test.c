// The loader neither falls nor leaks, whatever it is given: every truncation of the good files, and
// random octets in them. What it refuses, it refuses with the file's name and no secret.
#include "config_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FLIPS 3000

static const char *directory;

static void try(const char *text, size_t octets, unsigned *accepted)
{
	struct config *config;
	struct error err;

	fixture_write("try.conf", text, octets, 0644);
	if (fixture_load("try.conf", &config, &err) == 0) {
		++*accepted;
		config_free(config);
	} else {
		assert_memory_equal(err.text, "try.conf:", 9);
	}
}

static void truncate_everywhere(const char *name, const char *text, size_t octets)
{
	unsigned accepted = 0;

	for (size_t n = 0; n < octets; n++)
		try(text, n, &accepted);
	print_message("%s: %zu truncations, %u of them still right\n", name, octets, accepted);
}

// Same numbers in every run.
static uint32_t random_next(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void flip_at_random(const char *name, const char *text, size_t octets)
{
	static const char likely[] = "\"(){}[],;=:#/*@\\-0xL\n\0";
	uint32_t random = 20260101;
	char *changed = malloc(octets);
	unsigned accepted = 0;

	assert_non_null(changed);
	for (unsigned i = 0; i < FLIPS; i++) {
		memcpy(changed, text, octets);
		for (uint32_t k = random_next(&random) % 4 + 1; k > 0; k--) {
			uint32_t r = random_next(&random);
			size_t at = random_next(&random) % octets;

			changed[at] = r & 1 ? likely[(r >> 8) % sizeof(likely)]
					    : (char)(changed[at] ^ (1 << ((r >> 8) & 7)));
		}
		try(changed, octets, &accepted);
	}
	free(changed);
	print_message("%s: %u changed at random, %u of them still right\n", name, FLIPS, accepted);
}

static void good_file(const char *name)
{
	char path[4096], *text;
	unsigned accepted = 0;
	size_t octets;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	text = fixture_read(path, &octets);
	try(text, octets, &accepted);
	assert_int_equal(accepted, 1);
	truncate_everywhere(name, text, octets);
	flip_at_random(name, text, octets);
	free(text);
}

static void shipped(void **state)
{
	(void)state;
	good_file("vped.conf");
}

static void two_sites(void **state)
{
	static const char *const keys[] = {"vpe-a-b", "vpe-b-a", "esp-a-b", "esp-b-a"};
	static const char *const from[] = {"32-1.key", "32-2.key", "36-3.key", "36-4.key"};
	char name[32], *key;
	size_t octets;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "%s.key", keys[i]);
		key = fixture_read(from[i], &octets);
		fixture_write(name, key, octets, 0600);
		free(key);
	}
	good_file("examples/two-sites/site-a.conf");
}

static void deep(void **state)
{
	static const char open[] = "({[";
	unsigned accepted = 0;
	char *text = malloc(300000);

	(void)state;
	assert_non_null(text);
	for (size_t kind = 0; kind < 3; kind++) {
		memset(text, open[kind], 300000);
		memcpy(text, "ports = ", 8);
		try(text, 300000, &accepted);
	}
	for (size_t i = 0; i < 300000; i++)
		text[i] = "a={"[i % 3];
	try(text, 300000, &accepted);
	assert_int_equal(accepted, 0);
	free(text);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(shipped),
		cmocka_unit_test(two_sites),
		cmocka_unit_test(deep),
	};

	if (argc != 2)
		return 2;
	directory = argv[1];
	return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
