// Spellings of numbers, included files, and what is no file.
#include "config_fixture.h"
#include "config_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void write_text(const char *name, const char *text)
{
	fixture_write(name, text, strlen(text), 0644);
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
			PORTS "tunnels = ( " TUNNEL_B
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

// Names in an included file, too, are looked up beside the first file.
#define MAIN                                              \
	"@include \"ports.conf\"\n"                       \
	"  @include\t\"sub/tunnels.conf\" // the peers\n" \
	"eal = { huge = false; };\n"
#define TUNNELS                                                              \
	"tunnels = ( " TUNNEL_B "out = " SA("vpe", "1", "32-1.key") "; },\n" \
								    "@include \"more.conf\"\n);"

static int with_included(void **state)
{
	(void)state;
	write_text("test.conf", MAIN);
	write_text("ports.conf", PORTS "# a comment without an end");
	assert_int_equal(mkdir("sub", 0700), 0);
	write_text("sub/tunnels.conf", TUNNELS);
	return 0;
}

static int without_included(void **state)
{
	(void)state;
	return unlink("sub/tunnels.conf") == 0 && rmdir("sub") == 0 ? 0 : -1;
}

static const char *refusal(const char *file)
{
	static struct error err;
	struct config *config;

	assert_true(fixture_load(file, &config, &err) < 0);
	return err.text;
}

static void errors_in_included_files(void **state)
{
	(void)state;
	write_text("more.conf", "\n{ name = \"c\"; }\n");
	assert_string_equal(refusal("test.conf"), "more.conf:2: 'local' is missing here");
	write_text("more.conf", "\n" TUNNEL_B "}\n");
	assert_string_equal(refusal("test.conf"),
		"more.conf:2: tunnel name 'b' is taken (sub/tunnels.conf:1); names are unique");
	write_text("more.conf", "{ ; }");
	assert_memory_equal(refusal("test.conf"), "more.conf:1: syntax error", 25);
}

// What is included counts as one line.
static void errors_behind_included_files(void **state)
{
	(void)state;
	write_text("more.conf", "\n{ name = \"c\"; }\n");
	write_text("test.conf", MAIN "replay = { pool = 1; };\n");
	assert_string_equal(
		refusal("test.conf"), "test.conf:4: unknown setting 'pool'; known here: pool_kb");
}

static void included_from_elsewhere(void **state)
{
	struct config *config;
	struct error err;
	char path[256];

	(void)state;
	write_text("more.conf", TUNNEL("c", "fd::1", "fd::2") "}");
	assert_non_null(getcwd(path, sizeof(path) - 16));
	memcpy(path + strlen(path), "/test.conf", 11);
	assert_int_equal(chdir("sub"), 0);
	if (fixture_load("../test.conf", &config, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(config->tunnels_n, 2);
	config_free(config);
	// By an absolute name.
	assert_int_equal(config_load(path, &fixture_protos, &engines_all, &config, &err), 0);
	assert_int_equal(config->tunnels[1].line, 1);
	config_free(config);
	assert_int_equal(chdir(".."), 0);
}

static void not_a_file(void **state)
{
	(void)state;
	assert_string_equal(refusal("absent.conf"),
		"absent.conf: cannot read the configuration: No such file or directory");
	assert_non_null(strstr(refusal("."), "it is not a regular file"));
	assert_int_equal(mkfifo("fifo.conf", 0600), 0);
	assert_non_null(strstr(refusal("fifo.conf"), "it is not a regular file"));
	fixture_refuse_text("@include \"fifo.conf\"\n", "1: cannot read the included file");
}

#define with_files(test) cmocka_unit_test_setup_teardown(test, with_included, without_included)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		with_files(errors_in_included_files),
		with_files(errors_behind_included_files),
		with_files(included_from_elsewhere),
		cmocka_unit_test(not_a_file),
	};

	return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
