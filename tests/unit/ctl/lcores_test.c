// EAL's --lcores: read, and made for workers on machines with few and many CPUs.
#include "ctl/config_lcores.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void print_set(const struct lcore_set *set, char text[1024])
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < LCORES_MAX; i++)
		if (set->has[i])
			used += (size_t)snprintf(
				text + used, 1024 - used, "%s%u", used ? " " : "", i);
}

static void understood(void **state)
{
	static const struct {
		const char *text;
		const char *lcores;
	} good[] = {
		{"0", "0"},
		{"0,1", "0 1"},
		{"0-3", "0 1 2 3"},
		{"0@0,1@1", "0 1"},
		{"0@(0-3),1@1", "0 1"},
		{"(1,2)@(0-1,3),0@0", "0 1 2"},
		{"1,2@(5-7),(3-5)@(0,2),(0,6),7-8", "0 1 2 3 4 5 6 7 8"}, // EAL's manual
		{"3@1023,127", "3 127"},
		{"(1-1)@1", "1"},
	};
	struct lcore_set set;
	struct error err;
	char text[1024];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		if (lcores_parse(good[i].text, &set, &err) < 0)
			fail_msg("%s: %s", good[i].text, err.text);
		print_set(&set, text);
		assert_string_equal(text, good[i].lcores);
	}
	assert_int_equal(lcores_parse("5,3@1", &set, &err), 0);
	assert_int_equal(lcores_main(&set), 3);
}

static void not_understood(void **state)
{
	static const char *const bad[] = {"", ",", "a", "0,", "0@", "@0", "0@0@0", "(0", "0)", "()",
		"(0,)", "0-", "-1", "3-1", "0 ,1", " 0", "0@0;1@1", "0x1", "0,0", "0-3,2", "128",
		"0@1024", "99999999999999999999", "0@(0-1", "0@all", "1@1,(1)@2"};
	struct lcore_set set;
	struct error err;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		err.text[0] = '\0';
		if (lcores_parse(bad[i], &set, &err) == 0)
			fail_msg("\"%s\" was accepted", bad[i]);
		assert_true(strlen(err.text) > 0);
	}
}

// cpus, as ranges of two.
static void make(const char *workers, const unsigned *cpus, unsigned n, const char *expected)
{
	struct lcore_set set = {0}, made;
	struct error err;
	cpu_set_t mask;
	char text[256];

	CPU_ZERO(&mask);
	for (unsigned i = 0; i < n; i += 2)
		for (unsigned cpu = cpus[i]; cpu <= cpus[i + 1]; cpu++)
			CPU_SET(cpu, &mask);
	assert_int_equal(lcores_parse(workers, &set, &err), 0);
	assert_int_equal(lcores_make(&set, &mask, text, sizeof(text)), 0);
	if (expected)
		assert_string_equal(text, expected);
	// It means what was asked for, and the control thread's lcore.
	if (lcores_parse(text, &made, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	set.has[0] = true;
	assert_memory_equal(made.has, set.has, sizeof(made.has));
}

static void made(void **state)
{
	static const unsigned one[] = {0, 0}, two[] = {0, 1}, four[] = {0, 3}, odd[] = {2, 3, 8, 8},
			      many[] = {0, 127};
	char text[16];
	struct lcore_set set = {.n = 1, .has[1] = true};
	cpu_set_t mask;

	(void)state;
	make("1", one, 2, "0@(0),1@0");
	make("1", two, 2, "0@(0-1),1@1");
	make("1-2", two, 2, "0@(0-1),2@0,1@1");
	make("1-5", two, 2, "0@(0-1),(2,4)@0,(1,3,5)@1");
	make("1-2", four, 2, "0@(0-3),1@1,2@2");
	make("1-4", four, 2, "0@(0-3),4@0,1@1,2@2,3@3");
	make("1-3", odd, 4, "0@(2-3,8),3@2,1@3,2@8");
	make("1-64", one, 2, NULL);
	make("1-64", two, 2, NULL);
	make("1-64", many, 2, NULL);
	CPU_ZERO(&mask);
	CPU_SET(0, &mask);
	CPU_SET(1, &mask);
	assert_int_equal(lcores_make(&set, &mask, text, 11), 0);
	assert_string_equal(text, "0@(0-1),1"); // the brief form of 1@1
	assert_int_equal(lcores_make(&set, &mask, text, 9), -E2BIG);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(understood),
		cmocka_unit_test(not_understood),
		cmocka_unit_test(made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
