// Files for keys and captures: whose they are, and who may read them.
#include "vpectl/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SOMEBODY 65533

static char path[] = "/tmp/vpectl-private-XXXXXX";

static struct stat look(void)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st;
}

static void is_its_owners_alone(void **state)
{
	FILE *file;

	(void)state;
	unlink(path);
	for (unsigned i = 0; i < 2; i++) {
		file = private_file_create(path);
		assert_non_null(file);
		assert_int_equal(look().st_mode & 07777, 0600);
		assert_int_equal(look().st_size, 0);
		assert_true(fputs("secret\n", file) >= 0);
		assert_int_equal(fclose(file), 0);
		assert_int_equal(chmod(path, 0644), 0);
	}
}

static void is_not_somebody_elses(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(path, SOMEBODY, SOMEBODY), 0);
	errno = 0;
	assert_null(private_file_create(path));
	assert_int_equal(errno, EPERM);
	assert_int_equal(look().st_mode & 07777, 0644);
	assert_true(look().st_size > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_its_owners_alone),
		cmocka_unit_test(is_not_somebody_elses),
	};
	int fd = mkstemp(path), failed;

	if (fd < 0)
		return 1;
	close(fd);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
