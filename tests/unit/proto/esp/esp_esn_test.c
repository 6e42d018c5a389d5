// Extended sequence numbers: the guess of the upper half against a slow one, and SAs that cross
// multiples of 2^32.
#include "unit.h"

#include "fixture.h"
#include "proto/esp/esp.h"

#define ERA (UINT64_C(1) << 32)

// Of all numbers with this low half the one in the 2^32 that begin at the window's left end
// (RFC 4303 appendix A2): as signed arithmetic, one candidate after the other. Below the first era
// there is none.
static uint64_t slow_guess(uint64_t top, uint32_t size, uint32_t low)
{
	int64_t bottom = (int64_t)top - size + 1;

	for (int64_t high = (int64_t)(top >> 32) - 1; high <= (int64_t)(top >> 32) + 1; high++) {
		int64_t candidate = high * (int64_t)ERA + low;

		if (candidate >= bottom && candidate < bottom + (int64_t)ERA)
			return candidate < 0 ? low : (uint64_t)candidate;
	}
	fail_msg("no candidate");
	return 0;
}

static void compare(uint64_t top, uint32_t size, uint32_t low)
{
	uint64_t guess = esp_guess_seq(top, size, low);
	uint64_t right = slow_guess(top, size, low);

	if (guess != right)
		fail_msg("top %llx size %u low %x: %llx, right is %llx", (unsigned long long)top,
			size, low, (unsigned long long)guess, (unsigned long long)right);
}

static const uint32_t sizes[] = {64, 65, 100, 1000, 1024, 4096, 65535, 65536};

static void around_the_borders(void **state)
{
	static const uint64_t eras[] = {0, 1, 2, 3, 0x7ffffffd};

	(void)state;
	for (unsigned e = 0; e < COUNT(eras); e++) {
		for (unsigned s = 0; s < COUNT(sizes); s++) {
			uint32_t size = sizes[s];

			for (uint32_t t = 0; t < 4 * 70; t++) {
				// Shortly behind the border, and at a window's distance from it;
				// shortly before it.
				uint32_t offsets[] = {
					t, size - 70 + t, 0u - t - 1, 0x80000000u + t};
				uint64_t top = eras[e] * ERA + offsets[t % 4];

				for (uint32_t i = 0; i < 140; i++) {
					uint32_t d = i - 70;

					compare(top, size, (uint32_t)top + d);
					compare(top, size, (uint32_t)top - size + 1 + d);
					compare(top, size, d);
					compare(top, size, (uint32_t)top + 0x80000000u + d);
				}
			}
		}
	}
}

static void random_guesses(void **state)
{
	struct random r = {8};

	(void)state;
	for (unsigned i = 0; i < 2000000; i++) {
		uint64_t top = random_next(&r) >> (2 + random_below(&r, 40));
		uint32_t low = (uint32_t)random_next(&r);

		if (i % 2)
			low = (uint32_t)(top + random_below(&r, 200000)) - 100000;
		compare(top, sizes[random_below(&r, COUNT(sizes))], low);
	}
}

// RFC 4303 figure for both cases, by hand.
static void examples(void **state)
{
	(void)state;
	assert_true(esp_guess_seq(0, 64, 1) == 1);
	assert_true(esp_guess_seq(0, 64, UINT32_MAX) == UINT32_MAX);
	assert_true(esp_guess_seq(100, 64, 37) == 37);
	assert_true(esp_guess_seq(100, 64, 36) == ERA + 36);
	assert_true(esp_guess_seq(ERA - 1, 64, 0) == ERA);
	assert_true(esp_guess_seq(ERA - 1, 64, UINT32_MAX - 63) == ERA - 64);
	assert_true(esp_guess_seq(ERA - 1, 64, UINT32_MAX - 64) == 2 * ERA - 65);
	assert_true(esp_guess_seq(ERA, 64, UINT32_MAX) == ERA - 1);
	assert_true(esp_guess_seq(ERA + 62, 64, UINT32_MAX) == ERA - 1);
	assert_true(esp_guess_seq(ERA + 63, 64, UINT32_MAX) == 2 * ERA - 1);
	assert_true(esp_guess_seq(ERA + 62, 64, 63) == ERA + 63);
	assert_true(esp_guess_seq(ERA + 62, 64, UINT32_MAX - 1) == 2 * ERA - 2);
}

static struct rig rig;
static uint8_t outer[PACKET_MAX];

static uint32_t packet(uint64_t seq)
{
	uint8_t plain[80];

	make_ipv4(plain, 50, 0, seq);
	return rig_forge(
		&rig, &(struct forgery){.seq = seq}, plain, add_trailer(plain, 50, 4), outer);
}

static uint16_t receive(uint16_t worker, uint64_t seq)
{
	return rig_receive(&rig, worker, outer, packet(seq));
}

static uint64_t told(void)
{
	return atomic_load(&rig.in->windows->told_top);
}

// The owner tells its top at the end of each burst; a step over the border needs nothing else.
static void over_the_border(void **state)
{
	(void)state;
	for (unsigned i = 16; i < SCHEMES; i++) {
		rig_open(&rig, scheme_at(i), NULL);
		assert_int_equal(receive(0, ERA - 3), VERDICT_ACCEPT);
		assert_true(told() == ERA - 3);
		assert_int_equal(receive(0, ERA + 2), VERDICT_ACCEPT);
		assert_true(told() == ERA + 2);
		assert_int_equal(receive(0, ERA - 3), DROP_replay_seen);
		assert_int_equal(receive(0, ERA - 1), VERDICT_ACCEPT);
		assert_true(told() == ERA + 2);
		assert_int_equal(receive(0, ERA), VERDICT_ACCEPT);
		assert_int_equal(receive(0, ERA - 1), DROP_replay_seen);
		// The same low half, 2^32 later.
		assert_int_equal(receive(0, 2 * ERA - 1000), VERDICT_ACCEPT);
		assert_int_equal(receive(0, 2 * ERA + 2), VERDICT_ACCEPT);
		assert_int_equal(receive(0, 2 * ERA + 2), DROP_replay_seen);
		// The owner has seen that low half; to another worker it is the later number.
		assert_int_equal(receive(0, ERA + 2), DROP_replay_seen);
		assert_int_equal(receive(1, ERA + 2), DROP_icv_failed);
		assert_int_equal(receive(1, 2 * ERA + 2), VERDICT_OWNER | 0);
		rig_close(&rig);
	}
}

// Both sides of the border in one burst, judged with the guess from before it.
static void border_in_a_burst(void **state)
{
	(void)state;
	rig_open(&rig, scheme_at(16), NULL);
	assert_int_equal(receive(0, ERA - 20), VERDICT_ACCEPT);
	for (uint64_t seq = ERA - 10; seq < ERA + 10; seq++)
		rig_arrive(&rig, outer, packet(seq));
	rig_decap(&rig, 0);
	rig_finish(&rig, 0);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(rig.burst.verdict[i], VERDICT_ACCEPT);
	assert_true(told() == ERA + 9);
	rig_close(&rig);
}

// A worker that does not own the window guesses from what was told, and hands over all 64 bits.
static void others_guess_from_what_was_told(void **state)
{
	(void)state;
	rig_open(&rig, scheme_at(18), NULL);
	assert_int_equal(receive(0, 5 * ERA + 100), DROP_icv_failed);
	atomic_store(&rig.in->windows->told_top, 5 * ERA);
	assert_int_equal(receive(0, 5 * ERA + 100), VERDICT_ACCEPT);
	rig_arrive(&rig, outer, packet(6 * ERA + 50));
	rig_decap(&rig, 3);
	rig_finish(&rig, 3);
	// Too far to be told from 5 * ERA + 50, which is in the window.
	assert_int_equal(rig.burst.verdict[0], DROP_icv_failed);
	burst_drop(&rig.burst);
	rig_arrive(&rig, outer, packet(6 * ERA - 7));
	rig_arrive(&rig, outer, packet(6 * ERA + 1));
	rig_decap(&rig, 3);
	rig_finish(&rig, 3);
	assert_true(told() == 5 * ERA + 100);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(rig.burst.verdict[i], VERDICT_OWNER | 0);
	assert_true(rig.burst.seq[0] == 6 * ERA - 7);
	assert_true(rig.burst.seq[1] == 6 * ERA + 1);
	rig_commit(&rig, 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(rig.burst.verdict[i], VERDICT_ACCEPT);
	assert_true(told() == 6 * ERA + 1);
	rig_close(&rig);
}

// Without ESN nothing is told, and the number is what is on the wire.
static void without_esn(void **state)
{
	(void)state;
	rig_open(&rig, scheme_at(8), NULL);
	assert_int_equal(receive(0, UINT32_MAX), VERDICT_ACCEPT);
	assert_true(told() == 0);
	assert_int_equal(receive(0, 5), DROP_replay_old);
	assert_int_equal(receive(0, ERA + 5), DROP_replay_old);
	rig_close(&rig);
}

// Forged packets with far numbers do not move what is told.
static void forged_tell_nothing(void **state)
{
	uint32_t octets;

	(void)state;
	rig_open(&rig, scheme_at(16), NULL);
	assert_int_equal(receive(0, 1000), VERDICT_ACCEPT);
	octets = packet(ERA - 5);
	outer[octets - 1] ^= 1;
	assert_int_equal(rig_receive(&rig, 0, outer, octets), DROP_icv_failed);
	assert_true(told() == 1000);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(around_the_borders),
		cmocka_unit_test(random_guesses),
		cmocka_unit_test(examples),
		cmocka_unit_test(over_the_border),
		cmocka_unit_test(border_in_a_burst),
		cmocka_unit_test(others_guess_from_what_was_told),
		cmocka_unit_test(without_esn),
		cmocka_unit_test(forged_tell_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
