// Rates: what is read, and when packets are due.
#include "unit.h"

#include "bench/traffic/pace.h"

#include <errno.h>

#define HZ UINT64_C(2600000000)

static void rates(void **state)
{
	static const struct {
		const char *text;
		enum pace_unit unit;
		uint64_t per_s;
	} good[] = {
		{"max", PACE_FLAT_OUT, 0},
		{"1", PACE_PACKETS, 1},
		{"250k", PACE_PACKETS, 250000},
		{"1.5M", PACE_PACKETS, 1500000},
		{"14.881Mpps", PACE_PACKETS, 14881000},
		{"100pps", PACE_PACKETS, 100},
		{"8bit", PACE_OCTETS, 1},
		{"2Gbit", PACE_OCTETS, 250000000},
		{"0.5Gbit/s", PACE_OCTETS, 62500000},
		{"1000Gpps", PACE_PACKETS, UINT64_C(1000000000000)},
	};
	static const char *const bad[] = {"", "0", "k", "-1", "+1", " 1", "1 ", "1kk", "1K", "1m",
		"1.", ".5", "1.2345", "7bit", "1bps", "1001G", "99999999999999999999", "maximum",
		"1bit/", "1e6"};
	struct pace_rate rate = {.unit = PACE_PACKETS, .per_s = 77};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (pace_parse(bad[i], &rate) != -EINVAL)
			fail_msg("'%s' is taken", bad[i]);
	}
	assert_int_equal(rate.per_s, 77);
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(pace_parse(good[i].text, &rate), 0);
		assert_int_equal(rate.unit, good[i].unit);
		assert_true(rate.per_s == good[i].per_s);
	}
}

// Packets due at every moment of a second, against the rate itself.
static void evenly(const char *text, uint32_t octets, double per_s)
{
	struct pace_rate rate;
	struct pace pace;
	uint64_t start = UINT64_MAX - HZ / 2; // wraps around on the way
	uint64_t taken = 0;

	assert_int_equal(pace_parse(text, &rate), 0);
	pace_start(&pace, &rate, 0, 1, HZ, start);
	for (uint64_t t = 0; t < HZ; t += 12345) {
		while (pace_due(&pace, start + t)) {
			pace_take(&pace, octets);
			taken++;
		}
		assert_true(taken + 1e-5 * (double)taken + 1.01 > per_s * (double)t / HZ);
		assert_true((double)taken - 1.01 < per_s * (double)t / HZ * (1 + 1e-5));
	}
	assert_true(taken > 0);
}

static void even(void **state)
{
	(void)state;
	evenly("1", 0, 1);
	evenly("333333", 0, 333333);
	evenly("7Mpps", 0, 7e6);
	evenly("1Gbit", 1500, 1e9 / 8 / 1500);
	evenly("10Gbit", 46, 1e10 / 8 / 46);
	evenly("1Mbit", 9600, 1e6 / 8 / 9600);
}

static void flat_out(void **state)
{
	struct pace_rate rate = {.unit = PACE_FLAT_OUT};
	struct pace pace;

	(void)state;
	pace_start(&pace, &rate, 3, 4, HZ, 1000);
	for (unsigned i = 0; i < 100; i++) {
		assert_true(pace_due(&pace, 0));
		pace_take(&pace, 1500);
		pace_catch_up(&pace, UINT64_MAX, 0);
	}
	assert_int_equal(pace.behind, 0);
}

// Two of them, one packet each in turns.
static void shared(void **state)
{
	struct pace_rate rate = {.unit = PACE_PACKETS, .per_s = 1000000};
	struct pace pace[2];
	uint64_t each = HZ / 1000000;

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		pace_start(&pace[i], &rate, i, 2, HZ, 0);
	for (uint64_t n = 0; n < 1000; n++) {
		assert_true(pace[n % 2].next == n * each);
		assert_false(pace_due(&pace[(n + 1) % 2], n * each));
		pace_take(&pace[n % 2], 0);
	}
}

static void what_cannot_be_kept_is_given_up(void **state)
{
	struct pace_rate rate = {.unit = PACE_PACKETS, .per_s = 1000};
	uint64_t each = HZ / 1000;
	struct pace pace;
	unsigned burst = 0;

	(void)state;
	pace_start(&pace, &rate, 0, 1, HZ, 0);
	pace_catch_up(&pace, 10 * each, 10 * each);
	assert_int_equal(pace.behind, 0);
	pace_catch_up(&pace, 100 * each, 10 * each);
	assert_true(pace.behind == 90 * each);
	for (; pace_due(&pace, 100 * each); burst++)
		pace_take(&pace, 0);
	assert_int_equal(burst, 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates),
		cmocka_unit_test(even),
		cmocka_unit_test(flat_out),
		cmocka_unit_test(shared),
		cmocka_unit_test(what_cannot_be_kept_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
