// vpegen's command line: what is read, what is refused and with which words.
#include "unit.h"

#include "bench/traffic/vpegen_options.h"

#include <errno.h>
#include <stdio.h>

#define ARGUMENTS_MAX 32
#define HOSTS "--source 10.1.0.2 --destination 10.2.0.2 "

static struct vpegen_options options;
static int eal_argc;
static struct error err;
static char words[1024];

static int parse(const char *line)
{
	char *argument[ARGUMENTS_MAX + 1] = {(char[]){"vpegen"}};
	int n = 1;
	char *rest;

	snprintf(words, sizeof(words), "%s", line);
	for (char *word = strtok_r(words, " ", &rest); word != NULL;
		word = strtok_r(NULL, " ", &rest)) {
		assert_true(n < ARGUMENTS_MAX);
		argument[n++] = word;
	}
	err.text[0] = '\0';
	argument[n] = NULL;
	return vpegen_options_parse(n, argument, &options, &eal_argc, &err);
}

static const struct {
	const char *line;
	const char *says;
} bad[] = {
	{"", "usage"},
	{"--port 0", "usage"},
	{"--", "--source and --destination"},
	{"-- --source 10.1.0.2", "--source and --destination"},
	{"-- --source 10.1.0.2 --destination fd00::1", "one family"},
	{"-- --source 10.1.0.2/24 --destination 10.2.0.2", "--source: '10.1.0.2/24'"},
	{"-- --source 10.1.0.2 --destination 224.0.0.1", "--destination: '224.0.0.1'"},
	{"-- " HOSTS "--gateway fd00::1", "one family"},
	{"-- " HOSTS "--flows 0", "--flows: '0'"},
	{"-- " HOSTS "--flows 64513", "at most 64512"},
	{"-- " HOSTS "--flows 1x", "--flows: '1x'"},
	{"-- " HOSTS "--sizes 59", "--sizes: '59': values from 60 to 9614"},
	{"-- --source fd00::1 --destination fd00::2 --sizes 79", "values from 80"},
	{"-- " HOSTS "--dscp 64", "--dscp: '64'"},
	{"-- " HOSTS "--rate 0", "--rate: '0'"},
	{"-- " HOSTS "--rate fast", "--rate: 'fast'"},
	{"-- " HOSTS "--burst 65", "from 1 to 64"},
	{"-- " HOSTS "--window 100", "power of two"},
	{"-- " HOSTS "--gateway-mac 01:00:00:00:00:00", "--gateway-mac: '01:"},
	{"-- " HOSTS "--duration -1", "--duration: '-1'"},
	{"-- " HOSTS "--idle sleep", "--idle: 'sleep'"},
	{"-- " HOSTS "--fast", "--fast is no option"},
	{"-- " HOSTS "--flows", "--flows wants a value"},
	{"-- " HOSTS "--verify=yes", "--verify=yes is no option"},
	{"-- " HOSTS "stray", "'stray' is no option"},
	{"-- " HOSTS "-x", "-x is no option"},
};

static void refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (parse(bad[i].line) == 0)
			fail_msg("'%s' is taken", bad[i].line);
		if (strstr(err.text, bad[i].says) == NULL)
			fail_msg(
				"'%s': '%s' does not say '%s'", bad[i].line, err.text, bad[i].says);
	}
}

static void defaults(void **state)
{
	(void)state;
	assert_int_equal(parse("--no-huge -m 64 -- " HOSTS), 0);
	assert_int_equal(eal_argc, 4);
	assert_string_equal(options.port, "0");
	assert_int_equal(options.flows, 1);
	assert_int_equal(options.sizes.n, 1);
	assert_int_equal(options.sizes.value[0], 64);
	assert_int_equal(options.rate.unit, PACE_FLAT_OUT);
	assert_true(options.duration_ns == UINT64_C(10000000000));
	assert_int_equal(options.count, 0);
	assert_false(options.mac_known || options.verify || options.backoff);
	assert_int_equal(parse("-- --source fd00::1 --destination fd00::2"), 0);
	assert_int_equal(eal_argc, 1);
	assert_int_equal(options.sizes.value[0], 80);
}

static void reads(void **state)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};

	(void)state;
	assert_int_equal(parse("-- " HOSTS "--flows 1000000 --sources 8 --destinations 2 "
			       "--sizes imix --dscp 0,46 --rate 1.5Gbit --count 77 "
			       "--gateway-mac 02:00:00:00:00:01 --idle backoff --burst=8"),
		0);
	assert_int_equal(options.flows, 1000000);
	assert_int_equal(options.sizes.n, 12);
	assert_int_equal(options.sizes.value[0], 60);
	assert_int_equal(options.dscp.value[1], 46);
	assert_int_equal(options.rate.unit, PACE_OCTETS);
	assert_true(options.mac_known && options.backoff);
	assert_memory_equal(options.gateway_mac, mac, 6);
	assert_int_equal(options.burst, 8);
	assert_int_equal(options.count, 77);
	assert_int_equal(options.duration_ns, 0);
	assert_int_equal(parse("-- " HOSTS "--count 5 --duration 0.5"), 0);
	assert_true(options.duration_ns == 500000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),
		cmocka_unit_test(defaults),
		cmocka_unit_test(reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
