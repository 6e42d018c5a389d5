// Token buckets: bursts, refill, separation, and addresses that find no room.
#include "ctl/limiter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct ip_addr v4(uint32_t n)
{
	struct ip_addr addr = {.family = IP_V4, .octets = {10}};

	addr.octets[1] = (uint8_t)(n >> 16);
	addr.octets[2] = (uint8_t)(n >> 8);
	addr.octets[3] = (uint8_t)n;
	return addr;
}

static unsigned take(struct limiter *limiter, const struct ip_addr *addr, uint64_t now, unsigned n)
{
	unsigned passed = 0;

	for (unsigned i = 0; i < n; i++)
		passed += limiter_take(limiter, addr, 0, now);
	return passed;
}

static void burst_then_rate(void **state)
{
	struct limiter *limiter;
	struct ip_addr a = v4(1);

	(void)state;
	assert_int_equal(limiter_create(16, 5, 100, &limiter), 0);
	assert_int_equal(take(limiter, &a, 1000, 50), 5);
	assert_int_equal(take(limiter, &a, 1099, 50), 0);
	assert_int_equal(take(limiter, &a, 1100, 50), 1);
	assert_int_equal(take(limiter, &a, 1350, 50), 2);
	// The half interval that was left counts on.
	assert_int_equal(take(limiter, &a, 1400, 50), 1);
	assert_int_equal(take(limiter, &a, 1000000, 50), 5);
	limiter_destroy(limiter);
}

static void addresses_and_scopes_are_apart(void **state)
{
	struct ip_addr six = {.family = IP_V6, .octets = {10, 0, 0, 1}};
	struct limiter *limiter;
	struct ip_addr a = v4(1), b = v4(2);

	(void)state;
	assert_int_equal(limiter_create(16, 1, 1000, &limiter), 0);
	assert_true(limiter_take(limiter, &a, 0, 5));
	assert_true(limiter_take(limiter, &b, 0, 5));
	assert_true(limiter_take(limiter, &a, 1, 5));
	assert_true(limiter_take(limiter, &six, 0, 5));
	assert_false(limiter_take(limiter, &a, 0, 5));
	assert_false(limiter_take(limiter, &a, 1, 5));
	assert_false(limiter_take(limiter, &six, 0, 5));
	assert_true(limiter_take(limiter, &a, 0, 1005));
	limiter_destroy(limiter);
}

// Many more addresses than places: no address passes twice within its interval, and no more pass
// than there are places.
static void a_flood_stays_bounded(void **state)
{
	enum { SETS = 16, ADDRESSES = 10000 };
	static uint8_t passed[ADDRESSES];
	struct limiter *limiter;
	unsigned all = 0;

	(void)state;
	memset(passed, 0, sizeof(passed));
	assert_int_equal(limiter_create(SETS, 1, 1000, &limiter), 0);
	for (uint64_t now = 0; now < 1000; now += 100) {
		for (uint32_t i = 0; i < ADDRESSES; i++) {
			struct ip_addr addr = v4(i);

			passed[i] = (uint8_t)(passed[i] + limiter_take(limiter, &addr, 0, now));
			assert_in_range(passed[i], 0, 1);
		}
	}
	for (uint32_t i = 0; i < ADDRESSES; i++)
		all += passed[i];
	assert_int_equal(all, SETS * 4);
	limiter_destroy(limiter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(burst_then_rate),
		cmocka_unit_test(addresses_and_scopes_are_apart),
		cmocka_unit_test(a_flood_stays_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
