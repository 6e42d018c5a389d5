// Which of systemd's directories is left for DPDK: a numbered table.
#include "ctl/run_directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct {
	const char *list;
	const char *socket;
	const char *left;
} cases[] = {
	{"/run/vped", "/run/vped/vped.sock", "/run/vped"},
	{"/run/vped", "/run/other/vped.sock", "/run/vped"},
	{"/run/vped:/run/xdp", "/run/vped/vped.sock", "/run/vped"},
	{"/run/a:/run/vped:/run/xdp", "/run/vped/vped.sock", "/run/vped"},
	{"/run/a:/run/b/vped", "/run/b/vped/vped.sock", "/run/b/vped"},
	// Longer and shorter names are others.
	{"/run/a:/run/vped2:/run/v:/run/vped", "/run/vped/vped.sock", "/run/vped"},
	{"/run/a:/run", "/run/vped/vped.sock", "/run/a"},
	{"/run/a:/run/b", "vped.sock", "/run/a"},
	{"/run/a:", "/run/vped/vped.sock", "/run/a"},
	{"", "/run/vped/vped.sock", ""},
};

static void leaves_one(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		setenv("RUNTIME_DIRECTORY", cases[i].list, 1);
		print_message("case %u: %s\n", i, cases[i].list);
		assert_int_equal(run_directory_choose(cases[i].socket), 0);
		assert_string_equal(getenv("RUNTIME_DIRECTORY"), cases[i].left);
	}
}

static void none_is_fine(void **state)
{
	(void)state;
	unsetenv("RUNTIME_DIRECTORY");
	assert_int_equal(run_directory_choose("/run/vped/vped.sock"), 0);
	assert_null(getenv("RUNTIME_DIRECTORY"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves_one),
		cmocka_unit_test(none_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
