// When a tunnel is up and when it is down, and what counts as an answer.
#include "liveness_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void up_and_down(void **state)
{
	(void)state;
	assert_int_equal(view().state, LIVENESS_unknown);
	ticks(1);
	assert_int_equal(injected, 1);
	assert_true(hear());
	assert_int_equal(view().state, LIVENESS_up);
	assert_int_equal(ups, 1);
	assert_false(hear()); // the same again
	for (unsigned i = 0; i < 20; i++) {
		ticks(1);
		assert_true(hear());
	}
	// Two are missing, then one comes: nothing happens.
	ticks(MISSES);
	assert_true(hear());
	ticks(MISSES);
	assert_int_equal(view().state, LIVENESS_up);
	assert_int_equal(downs, 0);
	ticks(1);
	assert_int_equal(view().state, LIVENESS_down);
	assert_int_equal(downs, 1);
	assert_null(hindered);
	// One answer is not enough, nor are two with a gap between them.
	assert_true(hear());
	ticks(2);
	assert_true(hear());
	ticks(2);
	assert_int_equal(view().state, LIVENESS_down);
	assert_true(hear());
	ticks(1);
	assert_true(hear());
	ticks(1);
	assert_int_equal(view().state, LIVENESS_up);
	assert_int_equal(ups, 2);
	assert_int_equal(downs, 1);
}

static void never_answered(void **state)
{
	(void)state;
	ticks(MISSES);
	assert_int_equal(view().state, LIVENESS_unknown);
	ticks(1);
	assert_int_equal(view().state, LIVENESS_down);
	assert_int_equal(downs, 1);
}

// Only what was asked, by whom it was asked, out of the tunnel that it went into.
static void what_is_no_answer(void **state)
{
	struct icmp_echo wrong;
	static struct tunnel other = {.name = "c", .index = 1};

	(void)state;
	places[1] = &other;
	ticks(1);
	assert_false(hear_from(1, &asked));
	assert_false(hear_from(TUNNEL - 1, &asked));
	assert_false(hear_from(UINT16_MAX, &asked));
	for (unsigned i = 0; i < ICMP_ECHO_NONCE; i++) {
		wrong = asked;
		wrong.nonce[i] ^= 1;
		assert_false(hear_from(TUNNEL, &wrong));
	}
	wrong = asked;
	wrong.id++;
	assert_false(hear_from(TUNNEL, &wrong));
	wrong = asked;
	wrong.seq++;
	assert_false(hear_from(TUNNEL, &wrong));
	wrong = asked;
	wrong.destination.octets[3]++;
	assert_false(hear_from(TUNNEL, &wrong));
	wrong = asked;
	wrong.source.octets[3]++;
	assert_false(hear_from(TUNNEL, &wrong));
	assert_int_equal(view().state, LIVENESS_unknown);
	assert_true(hear());
	// A late one counts while it may be on its way, and no longer.
	ticks(1);
	wrong = asked;
	ticks(7);
	assert_true(hear_from(TUNNEL, &wrong));
	ticks(1);
	wrong = asked;
	ticks(8);
	assert_false(hear_from(TUNNEL, &wrong));
	places[1] = NULL;
}

static void hindrances(void **state)
{
	(void)state;
	local_there = false;
	ticks(3 * MISSES);
	assert_int_equal(injected, 0);
	assert_int_equal(view().state, LIVENESS_unknown);
	assert_non_null(strstr(view().hindered, "no address"));
	local_there = true;
	has_policy = false;
	ticks(2 * MISSES);
	assert_non_null(strstr(view().hindered, "no policy"));
	has_policy = true;
	policy.action = POLICY_BYPASS;
	ticks(2 * MISSES);
	assert_non_null(strstr(view().hindered, "no policy"));
	policy.action = POLICY_PROTECT;
	atomic_store(&tunnel.out, NULL);
	ticks(2 * MISSES);
	assert_non_null(strstr(view().hindered, "no outbound SA"));
	assert_int_equal(injected, 0);
	assert_int_equal(view().state, LIVENESS_unknown);
	atomic_store(&tunnel.out, &out);
	ticks(1);
	assert_true(hear());
	assert_null(view().hindered);
	// Once it was there, its want is the tunnel's.
	atomic_store(&tunnel.out, NULL);
	ticks(MISSES + 1);
	assert_int_equal(view().state, LIVENESS_down);
	assert_non_null(strstr(hindered, "no outbound SA"));
}

// The first question is not waited for as long as an interval, and a shorter interval counts at
// once.
static void long_interval(void **state)
{
	struct error err;

	(void)state;
	liveness_destroy(liveness);
	config_tunnel.probe.interval_ms = 3600000;
	assert_int_equal(liveness_create(&gateway, &liveness, &err), 0);
	ticks(1);
	assert_int_equal(injected, 1);
	config_tunnel.probe.interval_ms = INTERVAL_MS;
	liveness_follow(liveness);
	ticks(2);
	assert_int_equal(injected, 3);
}

// The other end asks: whoever withdraws routes answers by itself, with a route or without.
static void asked_by_the_other(void **state)
{
	struct icmp_echo question = {.source = config_tunnel.probe.peer,
		.destination = config_tunnel.probe.local,
		.question = true,
		.id = 7,
		.seq = 8};
	struct buffer heard;

	(void)state;
	arrive(&heard, TUNNEL, &question);
	config_tunnel.probe.routes_n = 0;
	liveness_follow(liveness);
	assert_false(liveness_hear(liveness, &heard.m));
	assert_int_equal(injected, 0);
	config_tunnel.probe.routes_n = 1;
	liveness_follow(liveness);
	assert_true(liveness_hear(liveness, &heard.m));
	assert_int_equal(injected, 1);
	assert_false(asked.question);
	assert_true(ip_addr_equal(&asked.source, &config_tunnel.probe.local));
	assert_true(ip_addr_equal(&asked.destination, &config_tunnel.probe.peer));
	assert_int_equal(asked.seq, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVENESS_TEST(up_and_down),
		LIVENESS_TEST(never_answered),
		LIVENESS_TEST(what_is_no_answer),
		LIVENESS_TEST(hindrances),
		LIVENESS_TEST(long_interval),
		LIVENESS_TEST(asked_by_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
