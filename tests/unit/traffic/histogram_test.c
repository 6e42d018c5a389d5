// Quantiles against the sorted values themselves.
#include "unit.h"

#include "bench/traffic/histogram.h"

static struct histogram h;
static uint64_t value[100000];

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void check_quantiles(size_t n)
{
	static const double fractions[] = {0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1};
	double sum = 0;

	qsort(value, n, sizeof(value[0]), compare);
	for (size_t i = 0; i < n; i++)
		sum += (double)value[i];
	assert_int_equal(histogram_count(&h), n);
	assert_true(histogram_mean(&h) > sum / (double)n * 0.999999 &&
		histogram_mean(&h) < sum / (double)n * 1.000001);
	for (size_t i = 0; i < COUNT(fractions); i++) {
		size_t rank = (size_t)(fractions[i] * (double)n + 0.5);
		uint64_t exact = value[rank == 0 ? 0 : rank - 1];
		uint64_t told = histogram_quantile(&h, fractions[i]);

		// The upper end of the bucket: never less, and less than 1 % more.
		assert_true(told >= exact && told <= exact + exact / 128);
	}
	assert_true(histogram_least(&h) <= value[0] &&
		histogram_least(&h) >= value[0] - value[0] / 128);
}

static void random_values(void **state)
{
	struct random r = {1};

	(void)state;
	for (unsigned bits = 1; bits <= HISTOGRAM_VALUE_BITS; bits++) {
		memset(&h, 0, sizeof(h));
		for (size_t i = 0; i < COUNT(value); i++) {
			value[i] = random_next(&r) >> (64 - bits);
			value[i] >>= random_below(&r, bits);
			histogram_add(&h, value[i]);
		}
		check_quantiles(COUNT(value));
	}
}

static void borders(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < HISTOGRAM_VALUE_BITS; bit++) {
		for (int around = -2; around <= 2; around++) {
			uint64_t v = (UINT64_C(1) << bit) + (uint64_t)(int64_t)around;

			if (v > HISTOGRAM_MOST)
				continue;
			memset(&h, 0, sizeof(h));
			histogram_add(&h, v);
			assert_true(histogram_quantile(&h, 0.5) >= v);
			assert_true(histogram_quantile(&h, 0.5) - v <= v / 128);
			assert_true(histogram_least(&h) <= v);
			if (v < 256)
				assert_true(histogram_least(&h) == v);
		}
	}
}

static void too_large(void **state)
{
	(void)state;
	memset(&h, 0, sizeof(h));
	histogram_add(&h, UINT64_MAX);
	histogram_add(&h, HISTOGRAM_MOST);
	assert_int_equal(histogram_count(&h), 2);
	assert_true(histogram_quantile(&h, 1) == HISTOGRAM_MOST);
}

static void nothing(void **state)
{
	(void)state;
	memset(&h, 0, sizeof(h));
	assert_int_equal(histogram_quantile(&h, 0.5), 0);
	assert_int_equal(histogram_least(&h), 0);
	assert_true(histogram_mean(&h) == 0);
}

// What came between two readings.
static void interval(void **state)
{
	static struct histogram early;
	static struct histogram late;

	(void)state;
	memset(&h, 0, sizeof(h));
	histogram_add(&h, 5);
	histogram_add(&h, 1000000);
	histogram_merge(&early, &h);
	histogram_add(&h, 7);
	histogram_add(&h, 7);
	histogram_merge(&late, &h);
	histogram_subtract(&late, &early);
	assert_int_equal(histogram_count(&late), 2);
	assert_int_equal(histogram_quantile(&late, 1), 7);
	assert_true(histogram_mean(&late) == 7);
	histogram_merge(&late, &early);
	assert_int_equal(histogram_count(&late), 4);
	assert_int_equal(histogram_least(&late), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_values),
		cmocka_unit_test(borders),
		cmocka_unit_test(too_large),
		cmocka_unit_test(nothing),
		cmocka_unit_test(interval),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
