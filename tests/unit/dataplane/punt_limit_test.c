// Rates of what goes to the kernel, on a clock of our own.
#include "dataplane/punt_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define HZ UINT64_C(1000000)
#define RATE 1000
#define PART (RATE / PUNT_SENDER_PART)
#define SENDER_BURST (PART / PUNT_BURST_PER_SECOND)

static struct punt_limit limit;

// How many of n pass, one after the other within [from, from + duration).
static unsigned offer(uint32_t sender, unsigned n, uint64_t from, uint64_t duration)
{
	unsigned passed = 0;

	for (unsigned i = 0; i < n; i++)
		passed += punt_limit_take(&limit, sender, from + duration * i / n);
	return passed;
}

static void bursts(void **state)
{
	(void)state;
	punt_limit_init(&limit, RATE, PUNT_SENDER_PART, HZ);
	assert_int_equal(offer(1, 1000, HZ, 0), SENDER_BURST);
	// A packet's time later there is room for one.
	assert_int_equal(offer(1, 1000, HZ + HZ / PART, 0), 1);
	// After a long rest no more than a burst.
	assert_int_equal(offer(1, 1000, 100 * HZ, 0), SENDER_BURST);
}

static void rates(void **state)
{
	unsigned passed;

	(void)state;
	punt_limit_init(&limit, RATE, PUNT_SENDER_PART, HZ);
	passed = offer(1, 100000, HZ, 10 * HZ);
	assert_in_range(passed, 10 * PART, 10 * PART + SENDER_BURST + 1);
	// Below its rate a sender loses nothing.
	assert_int_equal(offer(2, 10 * PART, 20 * HZ, 10 * HZ), 10 * PART);
}

static void a_flood_leaves_room(void **state)
{
	unsigned passed = 0;

	(void)state;
	punt_limit_init(&limit, RATE, PUNT_SENDER_PART, HZ);
	for (uint64_t ms = 0; ms < 10000; ms++) {
		offer(1, 100, HZ + ms * HZ / 1000, 0);
		if (ms % 10 == 0)
			passed += punt_limit_take(&limit, 2, HZ + ms * HZ / 1000);
	}
	assert_int_equal(passed, 1000);
}

static void the_class_has_its_limit(void **state)
{
	unsigned passed = 0;

	(void)state;
	punt_limit_init(&limit, RATE, PUNT_SENDER_PART, HZ);
	for (uint64_t ms = 0; ms < 10000; ms++)
		for (uint32_t sender = 0; sender < PUNT_SENDERS; sender++)
			passed += punt_limit_take(&limit, sender, HZ + ms * HZ / 1000);
	assert_in_range(passed, 10 * RATE - 1, 10 * RATE + RATE / PUNT_BURST_PER_SECOND + 1);
}

static void no_limit(void **state)
{
	(void)state;
	punt_limit_init(&limit, 0, PUNT_SENDER_PART, HZ);
	assert_int_equal(offer(1, 100000, HZ, 0), 100000);
}

static void the_smallest(void **state)
{
	(void)state;
	punt_limit_init(&limit, 1, PUNT_SENDER_PART, HZ);
	assert_int_equal(offer(1, 1000, HZ, 0), PUNT_BURST_MIN);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(bursts),
		cmocka_unit_test(rates),
		cmocka_unit_test(a_flood_leaves_room),
		cmocka_unit_test(the_class_has_its_limit),
		cmocka_unit_test(no_limit),
		cmocka_unit_test(the_smallest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
