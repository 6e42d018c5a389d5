// Mixes: what is read, in which order values come, what is refused.
#include "unit.h"

#include "bench/traffic/mix.h"

#include <errno.h>
#include <stdio.h>

static const struct {
	const char *text;
	const char *order;
} good[] = {
	{"64", "64"},
	{"64,128,64", "64 128 64"},
	{"64:3", "64 64 64"},
	{"1:2,2:1", "1 2 1"},
	{"60:7,590:4,1514:1", "60 590 60 60 590 60 1514 60 590 60 590 60"},
	{"64-70", "64 65 66 67 68 69 70"},
	{"64-80/4", "64 68 72 76 80"},
	{"64-70/4", "64 68"},
	{"100,64-66,9", "100 64 65 66 9"},
	{"0", "0"},
};

static const char *const bad[] = {"", ",", "64,", "a", "64:", "64:0", "64:x", "64-", "-64", "70-64",
	"64-80/0", "64-80/", "64-80:2", "64:2-80", "64/2", "9615", " 64", "64 ", "+64", "0x40",
	"64.5", "64-80,64:2", "64:16384,65", "99999999999999999999"};

static void reads(void **state)
{
	static struct mix mix;
	struct error err;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		char order[256] = "";

		assert_int_equal(mix_parse(good[i].text, 0, 9614, &mix, &err), 0);
		for (unsigned n = 0; n < mix.n; n++)
			snprintf(order + strlen(order), sizeof(order) - strlen(order), "%s%u",
				n == 0 ? "" : " ", mix.value[n]);
		assert_string_equal(order, good[i].order);
	}
}

static void refuses(void **state)
{
	static struct mix mix;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct error err = {.text = ""};

		if (mix_parse(bad[i], 0, 9614, &mix, &err) == 0)
			fail_msg("'%s' is taken", bad[i]);
		assert_string_not_equal(err.text, "");
	}
	assert_int_equal(mix_parse("59", 60, 9614, &mix, NULL), -EINVAL);
	assert_int_equal(mix_parse("60-9615", 60, 9614, &mix, NULL), -EINVAL);
}

// Each value as often as its weight, and never far from its share.
static void weights_are_kept(void **state)
{
	static struct mix mix;
	static const unsigned weight[] = {7000, 40, 1, 333};
	unsigned seen[4] = {0};

	(void)state;
	assert_int_equal(mix_parse("1:7000,2:40,3:1,4:333", 0, 9, &mix, NULL), 0);
	assert_int_equal(mix.n, 7374);
	for (unsigned i = 0; i < mix.n; i++) {
		seen[mix.value[i] - 1]++;
		for (unsigned v = 0; v < 4; v++) {
			double share = (double)weight[v] * (i + 1) / mix.n;

			assert_true(seen[v] < share + 2 && seen[v] > share - 2);
		}
	}
	for (unsigned v = 0; v < 4; v++)
		assert_int_equal(seen[v], weight[v]);
}

static void longest(void **state)
{
	static struct mix mix;

	(void)state;
	assert_int_equal(mix_parse("60-9614", 60, 9614, &mix, NULL), 0);
	assert_int_equal(mix.n, 9555);
	assert_int_equal(mix.value[9554], 9614);
	assert_int_equal(mix_parse("60-9614,60-9614", 60, 9614, &mix, NULL), -ERANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(refuses),
		cmocka_unit_test(weights_are_kept),
		cmocka_unit_test(longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
