// After everything is open no thread of the process has more than it needs.
#include "ctl/privileges.h"

#include "eal_fixture.h"

#include <dirent.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define KEPT (UINT64_C(1) << CAP_NET_ADMIN | UINT64_C(1) << CAP_IPC_LOCK)

static uint64_t permitted(const char *thread)
{
	char path[64], line[256];
	uint64_t set = UINT64_MAX;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/self/task/%s/status", thread);
	status = fopen(path, "r");
	assert_non_null(status);
	while (fgets(line, sizeof(line), status) != NULL)
		if (strncmp(line, "CapPrm:", 7) == 0)
			assert_int_equal(sscanf(line + 7, "%" SCNx64, &set), 1);
	fclose(status);
	return set;
}

static void little_is_left(void **state)
{
	DIR *threads = opendir("/proc/self/task");
	const struct dirent *entry;
	unsigned others = 0;
	struct error err;
	char self[16];

	(void)state;
	assert_non_null(threads);
	snprintf(self, sizeof(self), "%d", getpid());
	if (permitted(self) == 0)
		print_message("without capabilities there is nothing to give up: run as root\n");
	assert_int_equal(privileges_reduce(&err), 0);
	assert_int_equal(permitted(self) & ~KEPT, 0);
	while ((entry = readdir(threads)) != NULL) {
		if (entry->d_name[0] == '.' || strcmp(entry->d_name, self) == 0)
			continue;
		assert_int_equal(permitted(entry->d_name), 0);
		others++;
	}
	closedir(threads);
	assert_true(others > 0); // EAL's own
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(little_is_left)};

	if (eal_fixture_pool(64, 0, 256) == NULL)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
