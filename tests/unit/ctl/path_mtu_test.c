// What is believed of routers' words about tunnel packets, and what is not: everything that
// somebody who cannot read the tunnel's packets could make up.
#include "path_mtu_fixture.h"

#include "proto/ip_hdr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void lowers(void **state)
{
	struct path_mtu *p = *state;
	struct word word = good(0, 1300);

	say(p, &word);
	assert_mtu(0, 1300);
	assert_int_equal(sa_out_max_inner(atomic_load(&tunnels[0].out)), 1300 - 52);
	assert_mtu(3, OWN_MTU);
	word = good(1, 1400);
	say(p, &word);
	assert_mtu(1, 1400);
	// Of tunnels with the same ends the one that has sent it.
	word = good(3, 1350);
	say(p, &word);
	assert_mtu(3, 1350);
	assert_mtu(0, 1300);
	// By another of the sender's windows, and by a router that quotes little.
	word = good(0, 1200);
	word.octets = 1300;
	word.window_id = 2;
	word.quoted = 8;
	word.spi = 0;
	say(p, &word);
	assert_mtu(0, 1200);
	assert_int_equal(path_mtu_stats(p)->lowered, 4);
	assert_int_equal(path_mtu_stats(p)->heard, 4);
}

// No lower than anybody can do with, whatever is said.
static void floors(void **state)
{
	struct path_mtu *p = *state;
	static const uint32_t tiny[] = {0, 1, 68, 575};

	for (unsigned i = 0; i < 4; i++) {
		struct word word = good(0, tiny[i]);

		tunnels[0].path_mtu = PORT_MTU;
		say(p, &word);
		assert_mtu(0, PATH_MTU_MIN4);
	}
	assert_int_equal(path_mtu_stats(p)->lowered, 4);
	for (unsigned i = 0; i < 4; i++) {
		struct word word = good(1, i == 3 ? 1279 : tiny[i]);

		say(p, &word);
		assert_mtu(1, PORT_MTU);
	}
	assert_int_equal(path_mtu_stats(p)->too_small, 4);
	say_good(p, 1, 1280);
	assert_mtu(1, 1280);
}

static void never_raises(void **state)
{
	struct path_mtu *p = *state;
	static const uint32_t large[] = {1300, 1301, 1500, 9000, 65535};

	say_good(p, 0, 1300);
	for (unsigned i = 0; i < 5; i++)
		say_good(p, 0, large[i]);
	assert_mtu(0, 1300);
	say_good(p, 1, UINT32_MAX);
	say_good(p, 1, 0x10000 + 1300);
	assert_mtu(1, PORT_MTU);
	assert_int_equal(path_mtu_stats(p)->not_lower, 7);
}

// The packet would have fitted, says the message itself.
static void contradicts_itself(void **state)
{
	struct path_mtu *p = *state;
	struct word word = good(0, 1300);

	word.octets = 1300;
	say(p, &word);
	assert_mtu(0, PORT_MTU);
	assert_int_equal(path_mtu_stats(p)->not_lower, 1);
}

static void forged(void **state)
{
	struct path_mtu *p = *state;
	const struct path_mtu_stats *stats = path_mtu_stats(p);

	for (unsigned tunnel = 0; tunnel < 2; tunnel++) {
		uint64_t before = stats->not_sent;
		struct word word = good(tunnel, 1300);

		word.spi ^= 1;
		say(p, &word);
		word = good(tunnel, 1300);
		word.seq = NEXT;
		say(p, &word);
		word.seq = NEXT + 1000;
		say(p, &word);
		word.seq = NEXT - SENT - 1;
		say(p, &word);
		word = good(tunnel, 1300);
		word.protocol = IP_PROTOCOL_UDP;
		say(p, &word);
		assert_int_equal(stats->not_sent, before + 5);
		before = stats->unknown_tunnel;
		word = good(tunnel, 1300);
		word.destination = tunnel == 0 ? "192.0.2.99" : "2001:db8::99";
		say(p, &word);
		word = good(tunnel, 1300);
		word.source = tunnel == 0 ? "192.0.2.99" : "2001:db8::99";
		say(p, &word);
		word.source = ends[tunnel].remote;
		word.destination = ends[tunnel].local;
		say(p, &word);
		assert_int_equal(stats->unknown_tunnel, before + 3);
		before = stats->malformed;
		word = good(tunnel, 1300);
		word.checksum_wrong = true;
		say(p, &word);
		word = good(tunnel, 1300);
		for (word.quoted = 0; word.quoted < 8; word.quoted++)
			say(p, &word);
		assert_int_equal(stats->malformed, before + 9);
		assert_mtu(tunnel, PORT_MTU);
	}
	assert_int_equal(stats->lowered, 0);
}

static void switched_off(void **state)
{
	struct path_mtu *p = *state;

	say_good(p, 2, 1300);
	assert_mtu(2, PORT_MTU);
	assert_int_equal(path_mtu_stats(p)->switched_off, 1);
}

static void tunnel_without_sa(void **state)
{
	struct path_mtu *p = *state;
	struct sa_out *out = atomic_exchange(&tunnels[1].out, NULL);

	say_good(p, 1, 1300);
	assert_int_equal(path_mtu_stats(p)->not_sent, 1);
	atomic_store(&tunnels[1].out, out);
}

static void say_often(struct path_mtu *p, const struct word *word)
{
	for (unsigned i = 0; i < 1000; i++) {
		say(p, word);
		now_ms -= 1000;
	}
}

// Forged messages, however many, keep none from being heard that is not.
static void flood(void **state)
{
	struct path_mtu *p = *state;
	const struct path_mtu_stats *stats = path_mtu_stats(p);
	struct word word = good(0, 1300);

	word.spi ^= 1;
	say_often(p, &word);
	assert_int_equal(stats->heard, 1000);
	assert_int_equal(stats->not_sent, 1000);
	say_good(p, 0, 1400);
	assert_mtu(0, 1400);
}

// Those that a guess could have made are few, and hide none of the others.
static void guesses(void **state)
{
	struct path_mtu *p = *state;
	const struct path_mtu_stats *stats = path_mtu_stats(p);
	struct word word = good(0, 1300);

	word.quoted = 8;
	word.seq = NEXT + 1000;
	say_often(p, &word);
	assert_in_range(stats->not_sent, 1, 20);
	assert_int_equal(stats->not_sent + stats->limited, 1000);
	now_ms -= 1000;
	say_good(p, 0, 1400);
	assert_mtu(0, 1400);
	say_good(p, 1, 1300);
	assert_mtu(1, 1300);
}

// Tunnels come and go while routers speak; who left is not looked at, who came is found.
static void follows_tunnels(void **state)
{
	struct path_mtu *p = *state;
	const struct path_mtu_stats *stats = path_mtu_stats(p);
	struct word word = good(0, 1300);

	tunnel_places[0] = NULL;
	assert_int_equal(path_mtu_sort(p), 0);
	say(p, &word);
	assert_mtu(0, PORT_MTU);
	assert_int_equal(stats->not_sent, 1); // the last has the same ends
	say_good(p, 3, 1400);
	assert_mtu(3, 1400);
	tunnel_places[3] = NULL;
	assert_int_equal(path_mtu_sort(p), 0);
	say(p, &word);
	assert_int_equal(stats->unknown_tunnel, 1);
	links[0] = 1350;
	path_mtu_before_routes(p, NULL);
	path_mtu_after_routes(p, NULL);
	assert_mtu(0, PORT_MTU);
	path_mtu_age(p, now_ms + TEN_MINUTES_MS);
	assert_mtu(3, 1400);
	tunnel_places[0] = &tunnels[0];
	assert_int_equal(ip_addr_parse("192.0.2.9", &tunnels[0].local), 0);
	assert_int_equal(path_mtu_sort(p), 0);
	say(p, &word);
	assert_int_equal(stats->unknown_tunnel, 2);
	word.source = "192.0.2.9";
	say(p, &word);
	assert_mtu(0, 1300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PATH_MTU_TEST(lowers),
		PATH_MTU_TEST(floors),
		PATH_MTU_TEST(never_raises),
		PATH_MTU_TEST(contradicts_itself),
		PATH_MTU_TEST(forged),
		PATH_MTU_TEST(switched_off),
		PATH_MTU_TEST(tunnel_without_sa),
		PATH_MTU_TEST(follows_tunnels),
		PATH_MTU_TEST(flood),
		PATH_MTU_TEST(guesses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
