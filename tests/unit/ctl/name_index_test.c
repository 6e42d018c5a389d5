// Names are found in lists that grow, shrink and change.
#include "ctl/name_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MANY 5000

struct item {
	char name[16];
	int other;
};

static struct item items[MANY];

static void fill(void)
{
	for (unsigned i = 0; i < MANY; i++)
		snprintf(items[i].name, sizeof(items[i].name), "item%u", i);
}

static unsigned find(struct name_index *names, unsigned n, const char *name)
{
	return name_index_find(names, items, n, sizeof(items[0]), name);
}

static void follows_growth(void **state)
{
	struct name_index names = {.n = 0};

	(void)state;
	fill();
	assert_int_equal(find(&names, 0, "item0"), 0);
	for (unsigned n = 1; n <= MANY; n++) {
		assert_int_equal(find(&names, n - 1, items[n - 1].name), n - 1);
		assert_int_equal(find(&names, n, items[n - 1].name), n - 1);
		assert_int_equal(find(&names, n, items[n / 2].name), n / 2 < n ? n / 2 : n);
	}
	assert_int_equal(find(&names, MANY, "nobody"), MANY);
	assert_int_equal(find(&names, MANY, ""), MANY);
	name_index_forget(&names);
}

static void forgets(void **state)
{
	struct name_index names = {.n = 0};

	(void)state;
	fill();
	assert_int_equal(find(&names, MANY, "item7"), 7);
	// The last ones are gone.
	assert_int_equal(find(&names, 7, "item7"), 7);
	assert_int_equal(find(&names, 7, "item6"), 6);
	// One in the middle is gone.
	memmove(&items[3], &items[4], sizeof(items[0]) * (MANY - 4));
	name_index_forget(&names);
	assert_int_equal(find(&names, MANY - 1, "item3"), MANY - 1);
	assert_int_equal(find(&names, MANY - 1, "item4"), 3);
	name_index_forget(&names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_growth),
		cmocka_unit_test(forgets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
