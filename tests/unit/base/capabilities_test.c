// Capabilities are given up by one thread, all but those that are named, and do not come back.
#include "base/capabilities.h"

#include <inttypes.h>
#include <linux/capability.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define BIT(capability) (UINT64_C(1) << (capability))
#define KEPT (BIT(CAP_NET_ADMIN) | BIT(CAP_NET_RAW))

// A line of capabilities in the calling thread's status, as the kernel sees them.
static uint64_t seen(const char *name)
{
	FILE *status = fopen("/proc/thread-self/status", "r");
	uint64_t set = UINT64_MAX;
	char line[256];

	assert_non_null(status);
	while (fgets(line, sizeof(line), status) != NULL)
		if (strncmp(line, name, strlen(name)) == 0)
			assert_int_equal(sscanf(line + strlen(name), ":%" SCNx64, &set), 1);
	fclose(status);
	assert_true(set != UINT64_MAX);
	return set;
}

static void *give_up(void *before)
{
	static const int kept[] = {CAP_NET_ADMIN, CAP_NET_RAW};
	uint64_t had = *(uint64_t *)before;

	assert_int_equal(capabilities_keep(kept, 2), 0);
	assert_int_equal(seen("CapPrm"), had & KEPT);
	assert_int_equal(seen("CapEff"), had & KEPT);
	assert_int_equal(seen("CapAmb"), 0);
	// What is gone cannot be kept again.
	assert_int_equal(capabilities_keep(kept, 1), 0);
	assert_int_equal(capabilities_keep(kept, 2), 0);
	assert_int_equal(seen("CapEff"), had & BIT(CAP_NET_ADMIN));
	assert_int_equal(capabilities_keep(NULL, 0), 0);
	assert_int_equal(seen("CapPrm"), 0);
	assert_int_equal(seen("CapEff"), 0);
	return NULL;
}

static void one_thread_gives_up(void **state)
{
	uint64_t before = seen("CapPrm");
	pthread_t thread;

	(void)state;
	if ((before & KEPT) != KEPT)
		print_message("without capabilities there is little to give up: run as root\n");
	assert_int_equal(pthread_create(&thread, NULL, give_up, &before), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(seen("CapPrm"), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(one_thread_gives_up)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
