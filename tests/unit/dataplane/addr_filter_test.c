// What is in a filter of addresses, and how little of what is not passes for it.
#include "dataplane/addr_filter.h"

#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SEED 0x5eed
#define ADDED 1000
#define OTHERS 1000000

static struct ip_addr numbered(uint32_t number, enum ip_family family)
{
	struct ip_addr addr = {.family = family};

	store_be32(addr.octets + (family == IP_V6 ? 12 : 0), number);
	return addr;
}

static void takes_few_others(void **state)
{
	static struct addr_filter filter;
	unsigned passed = 0;

	(void)state;
	for (uint32_t i = 0; i < ADDED; i++) {
		struct ip_addr addr = numbered(i, i % 2 ? IP_V6 : IP_V4);

		addr_filter_add(&filter, &addr, SEED);
	}
	for (uint32_t i = 0; i < ADDED; i++) {
		struct ip_addr addr = numbered(i, i % 2 ? IP_V6 : IP_V4);

		assert_true(addr_filter_has(&filter, &addr, SEED));
	}
	for (uint32_t i = ADDED; i < ADDED + OTHERS; i++) {
		struct ip_addr addr = numbered(i, IP_V4);

		passed += addr_filter_has(&filter, &addr, SEED);
	}
	// (1000 / 32768)^2, and as much again for luck.
	assert_in_range(passed, 0, 2 * OTHERS / 1000);
}

static void tells_seeds_apart(void **state)
{
	static struct addr_filter filter;
	struct ip_addr addr = numbered(1, IP_V4);

	(void)state;
	addr_filter_add(&filter, &addr, SEED);
	assert_true(addr_filter_has(&filter, &addr, SEED));
	assert_false(addr_filter_has(&filter, &addr, SEED + 1));
}

// Who goes is not found any more, who stays is.
static void replaced(void **state)
{
	static struct addr_filter filter, next;
	struct ip_addr goes = numbered(1, IP_V4);
	struct ip_addr stays = numbered(2, IP_V6);
	struct ip_addr comes = numbered(3, IP_V4);

	(void)state;
	addr_filter_add(&filter, &goes, SEED);
	addr_filter_add(&filter, &stays, SEED);
	addr_filter_add(&next, &stays, SEED);
	addr_filter_add(&next, &comes, SEED);
	addr_filter_replace(&filter, &next);
	assert_false(addr_filter_has(&filter, &goes, SEED));
	assert_true(addr_filter_has(&filter, &stays, SEED));
	assert_true(addr_filter_has(&filter, &comes, SEED));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_few_others),
		cmocka_unit_test(tells_seeds_apart),
		cmocka_unit_test(replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
