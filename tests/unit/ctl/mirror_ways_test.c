// Routes of the kernel's that lead to protected prefixes past the tunnels are told of, each once.
#include "base/log.h"
#include "log_lines.h"
#include "mirror_fixture.h"

#define MANY 20

static struct ip_prefix destination[MANY];

static void protect(unsigned n, const char *const *text)
{
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(ip_prefix_parse(text[i], &destination[i]), 0);
	more.protects = n;
	more.protect = destination;
}

static int begin(void **state)
{
	static const char *const prefixes[] = {
		"10.2.0.0/16", "10.2.0.0/16", "10.2.3.0/24", "2001:db8:2::/48"};

	protect(4, prefixes);
	return mirror_start(state);
}

static int begin_with_many(void **state)
{
	for (unsigned i = 0; i < MANY; i++)
		destination[i] = (struct ip_prefix){
			.addr = {.family = IP_V4, .octets = {10, 2, (uint8_t)i}}, .length = 24};
	more.protects = MANY;
	more.protect = destination;
	return mirror_start(state);
}

// What is logged while the command runs and its changes arrive.
static const char *said_after(const char *command)
{
	static char text[8192];

	log_lines_begin();
	netns_run("%s", command);
	run_ms(300);
	log_lines_end(text, sizeof(text));
	return text;
}

static unsigned lines_of(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void tells(const char *command, const char *words)
{
	const char *said = said_after(command);

	if (!strstr(said, words) || lines_of(said) != 1)
		fail_msg("%s: said \"%s\"", command, said);
}

static void says_nothing(const char *command)
{
	assert_string_equal(said_after(command), "");
}

static void tells_once_for_each_appearance(void **state)
{
	(void)state;
	tells("ip route add 10.2.5.128/25 dev mgmt",
		"protect 10.2.0.0/16, but the kernel's route to 10.2.5.128/25 leads by mgmt");
	says_nothing("ip route add 10.9.0.0/16 dev mgmt");
	says_nothing("ip route add 10.2.4.0/24 dev mgmt");
	says_nothing("ip route del 10.2.4.0/24; ip route del 10.2.5.128/25");
	tells("ip route add 10.2.4.0/24 dev mgmt", "route to 10.2.4.0/24 leads by mgmt");
	says_nothing("ip route del 10.2.4.0/24");
	tells("ip -6 route add 2001:db8::/32 dev mgmt",
		"protect 2001:db8:2::/48, but the kernel's route to 2001:db8::/32 leads by mgmt");
}

// The way that the kernel takes counts, not others.
static void only_the_best_counts(void **state)
{
	(void)state;
	says_nothing("ip route add 10.2.0.0/16 dev vped-wan; ip route add default dev mgmt");
	says_nothing("ip route add 10.2.0.0/16 dev mgmt metric 9");
	says_nothing("ip route add unreachable 10.2.3.0/24 metric 1");
	says_nothing("ip route add 10.2.3.0/24 dev mgmt metric 2");
	assert_int_equal(lines_of(said_after("ip route del 10.2.0.0/16 dev vped-wan")), 1);
	says_nothing("ip route add 10.2.0.0/16 dev vped-wan");
}

static void tells_of_few_at_once(void **state)
{
	(void)state;
	assert_int_equal(lines_of(said_after("ip route add 10.0.0.0/8 dev mgmt")), 9);
	says_nothing("ip route add 10.9.0.0/16 dev mgmt");
}

static void now_protects(unsigned n, const char *const *text)
{
	protect(n, text);
	assert_int_equal(mirror_set_protected(mirror, destination, n), 0);
}

// Policies that come are told of, those that stay not again.
static void follows_what_is_protected(void **state)
{
	static const char *const more_prefixes[] = {"10.4.0.0/16", "10.2.0.0/16", "10.3.0.0/16"};

	(void)state;
	says_nothing("ip route add 10.3.0.0/16 dev mgmt");
	tells("ip route add 10.2.5.0/24 dev mgmt", "protect 10.2.0.0/16");
	now_protects(3, more_prefixes);
	tells(":", "protect 10.3.0.0/16, but the kernel's route to 10.3.0.0/16 leads by mgmt");
	now_protects(1, more_prefixes);
	says_nothing("ip route add 10.2.6.0/24 dev mgmt");
	now_protects(2, more_prefixes);
	tells(":", "protect 10.2.0.0/16");
	now_protects(2, more_prefixes);
	says_nothing(":");
	now_protects(0, NULL);
	says_nothing("ip route add 10.4.0.0/16 dev mgmt");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tells_once_for_each_appearance, begin, mirror_stop),
		cmocka_unit_test_setup_teardown(only_the_best_counts, begin, mirror_stop),
		cmocka_unit_test_setup_teardown(follows_what_is_protected, begin, mirror_stop),
		cmocka_unit_test_setup_teardown(tells_of_few_at_once, begin_with_many, mirror_stop),
	};

	return mirror_run(tests);
}
