// The list of drop reasons and the verdicts made of it.
#include "unit.h"

#include "proto/burst.h"

#include <ctype.h>

static const char *const rows[] = {
#define X(id, text) #id,
	DROP_SA_REASONS(X) DROP_PATH_REASONS(X)
#undef X
};

static void reasons_have_names_and_texts(void **state)
{
	(void)state;
	assert_int_equal(DROP_REASONS, COUNT(rows) + 1);
	for (unsigned i = 1; i < DROP_REASONS; i++) {
		const char *name = drop_name((enum drop_reason)i);
		const char *text = drop_text((enum drop_reason)i);

		assert_non_null(name);
		assert_non_null(text);
		assert_string_equal(name, rows[i - 1]);
		assert_true(strlen(name) >= 3 && strlen(text) >= 8);
		for (const char *p = name; *p != '\0'; p++)
			assert_true(islower(*p) || isdigit(*p) || *p == '_');
		for (unsigned j = 1; j < i; j++) {
			assert_string_not_equal(name, drop_name((enum drop_reason)j));
			assert_string_not_equal(text, drop_text((enum drop_reason)j));
		}
	}
}

// A verdict is one of three things and cannot be mistaken; the SA's reasons come first, because
// their counters are an array of DROP_SA_END.
static void verdicts_stay_apart(void **state)
{
	(void)state;
	assert_int_equal(VERDICT_ACCEPT, 0);
	assert_true(DROP_REASONS < VERDICT_OWNER);
	assert_int_equal(DROP_runt, 1);
	assert_int_equal(DROP_no_outbound_sa, DROP_SA_END - 1);
	assert_int_equal(DROP_multi_segment, DROP_SA_END);
	assert_int_equal(DROP_host_write, DROP_REASONS - 1);
	assert_non_null(drop_name(DROP_NONE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reasons_have_names_and_texts),
		cmocka_unit_test(verdicts_stay_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
