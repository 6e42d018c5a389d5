// The process's own protection.
#include "ctl/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>

#include <cmocka.h>

static void not_dumpable(void **state)
{
	struct error err;

	(void)state;
	assert_int_equal(prctl(PR_GET_DUMPABLE), 1);
	assert_int_equal(process_harden(&err), 0);
	assert_int_equal(prctl(PR_GET_DUMPABLE), 0);
}

static void no_new_privileges(void **state)
{
	struct error err;

	(void)state;
	assert_int_equal(process_harden(&err), 0);
	assert_int_equal(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(not_dumpable),
		cmocka_unit_test(no_new_privileges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
