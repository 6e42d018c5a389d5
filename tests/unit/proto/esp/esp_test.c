// ESP by hand: header octets, trailers right and wrong, dummy packets, one window for all.
#include "unit.h"

#include "fixture.h"

static struct rig rig;
static uint8_t outer[PACKET_MAX];
static uint64_t last_seq;

static uint16_t receive(const uint8_t *plaintext, uint32_t octets)
{
	uint32_t n =
		rig_forge(&rig, &(struct forgery){.seq = ++last_seq}, plaintext, octets, outer);

	return rig_receive(&rig, 0, outer, n);
}

static void open_next(unsigned scheme)
{
	last_seq = 0;
	rig_open(&rig, scheme_at(scheme), NULL);
}

// SPI, the number's low half, IV: the number again, whole.
static void header_octets(void **state)
{
	static const uint8_t right[16] = {0xc1, 0x02, 0x03, 0x04, 0x15, 0x16, 0x17, 0x18, 0x11,
		0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18};
	uint8_t inner[64];

	(void)state;
	for (unsigned i = 16; i < 24; i++) {
		rig_open(&rig, scheme_at(i),
			&(struct rig_options){.first = UINT64_C(0x1112131415161718)});
		make_ipv4(inner, 64, 0, 0);
		rig_send(&rig, 0, inner, 64, outer);
		assert_memory_equal(outer + rig_l4(&rig), right, sizeof(right));
		assert_int_equal(proto_spi(&esp_ops, outer + rig_l4(&rig)), RIG_SPI);
		rig_close(&rig);
	}
}

// All amounts of padding that fit, behind datagrams of all lengths modulo 4.
static void right_trailers(void **state)
{
	uint8_t plaintext[512];

	(void)state;
	for (unsigned scheme = 8; scheme < SCHEMES; scheme += 5) {
		for (uint32_t length = 40; length < 44; length++) {
			open_next(scheme);
			for (uint32_t pad = 0; pad < 256; pad++) {
				if ((length + pad + 2) % 4 != 0)
					continue;
				make_ipv4(plaintext, length, 0, pad);
				for (uint32_t i = 0; i < pad; i++)
					plaintext[length + i] = (uint8_t)(i + 1);
				plaintext[length + pad] = (uint8_t)pad;
				plaintext[length + pad + 1] = 4;
				assert_int_equal(
					receive(plaintext, length + pad + 2), VERDICT_ACCEPT);
				assert_int_equal(rig.outcome.octets, length);
				assert_memory_equal(rig.outcome.datagram, plaintext, length);
			}
			rig_close(&rig);
		}
	}
}

// Every octet of the longest padding, wrong in every bit.
static void wrong_padding(void **state)
{
	uint8_t plaintext[512];

	(void)state;
	open_next(8);
	for (uint32_t at = 0; at < 254; at++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			make_ipv4(plaintext, 40, 0, 0);
			for (uint32_t i = 0; i < 254; i++)
				plaintext[40 + i] = (uint8_t)(i + 1);
			plaintext[294] = 254;
			plaintext[295] = 4;
			plaintext[40 + at] ^= (uint8_t)(1 << bit);
			assert_int_equal(receive(plaintext, 296), DROP_esp_padding);
		}
	}
	rig_close(&rig);
}

// All pad lengths over payloads of zeros: longer than there is, or the padding is wrong.
static void pad_lengths(void **state)
{
	(void)state;
	open_next(11);
	for (uint32_t octets = 4; octets <= 280; octets += 4) {
		for (unsigned pad = 0; pad < 256; pad++) {
			uint8_t plaintext[280] = {0};
			uint16_t right = DROP_inner_version;

			plaintext[octets - 2] = (uint8_t)pad;
			plaintext[octets - 1] = 41;
			if (pad + 2 > octets)
				right = DROP_esp_pad_length;
			else if (pad > 0)
				right = DROP_esp_padding;
			assert_int_equal(receive(plaintext, octets), right);
		}
	}
	rig_close(&rig);
}

static void next_headers(void **state)
{
	uint8_t plaintext[64];

	(void)state;
	for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
		open_next(16);
		for (unsigned next = 0; next < 256; next++) {
			uint16_t right = DROP_esp_next_header;
			uint32_t octets;

			(ipv6 ? make_ipv6 : make_ipv4)(plaintext, 45, 0, 0);
			octets = add_trailer(plaintext, 45, (uint8_t)next);
			if (next == 59)
				right = DROP_dummy;
			else if (next == (ipv6 ? 41 : 4))
				right = VERDICT_ACCEPT;
			assert_int_equal(receive(plaintext, octets), right);
		}
		rig_close(&rig);
	}
}

// No datagram at all under the trailer.
static void nothing_inside(void **state)
{
	uint8_t plaintext[8];

	(void)state;
	open_next(8);
	assert_int_equal(receive(plaintext, add_trailer(plaintext, 0, 4)), DROP_inner_version);
	assert_int_equal(receive(plaintext, add_trailer(plaintext, 0, 41)), DROP_inner_version);
	assert_int_equal(receive(plaintext, add_trailer(plaintext, 0, 59)), DROP_dummy);
	rig_close(&rig);
}

// Dummy packets count for replay; the window is one for all workers and packets.
static void dummies_take_numbers(void **state)
{
	uint8_t plaintext[64] = {0};
	uint32_t octets = add_trailer(plaintext, 30, 59);
	struct replay_window *w;
	uint32_t n;

	(void)state;
	open_next(9);
	assert_int_equal(receive(plaintext, octets), DROP_dummy);
	assert_int_equal(receive(plaintext, octets), DROP_dummy);
	n = rig_forge(&rig, &(struct forgery){.seq = 2}, plaintext, octets, outer);
	assert_int_equal(rig_receive(&rig, 0, outer, n), DROP_replay_seen);
	n = rig_forge(&rig, &(struct forgery){.seq = 3}, plaintext, octets, outer);
	rig_arrive(&rig, outer, n);
	rig_decap(&rig, 2);
	rig_finish(&rig, 2);
	assert_int_equal(rig.burst.verdict[0], VERDICT_OWNER | 0);
	rig_commit(&rig, 0);
	assert_int_equal(rig.burst.verdict[0], DROP_dummy);
	w = atomic_load(&window_find(rig.in->windows, 1)->window);
	assert_int_equal(w->accepted, 3);
	assert_int_equal(atomic_load(&rig.in->windows->used), 1);
	rig_close(&rig);
}

static void tfc_padding(void **state)
{
	uint8_t plaintext[512];

	(void)state;
	for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
		open_next(10);
		for (uint32_t more = 0; more < 300; more++) {
			uint32_t octets = 60 + more;

			memset(plaintext, 0xa5, sizeof(plaintext));
			(ipv6 ? make_ipv6 : make_ipv4)(plaintext, 60, 0, more);
			octets = add_trailer(plaintext, octets, ipv6 ? 41 : 4);
			assert_int_equal(receive(plaintext, octets), VERDICT_ACCEPT);
			assert_int_equal(rig.outcome.octets, 60);
			assert_memory_equal(rig.outcome.datagram, plaintext, 60);
		}
		rig_close(&rig);
	}
}

// A right ICV over a length that is no multiple of 4 is refused before it is computed.
static void odd_lengths(void **state)
{
	uint8_t plaintext[64];

	(void)state;
	open_next(8);
	make_ipv4(plaintext, 60, 0, 0);
	for (uint32_t octets = 4; octets < 60; octets++) {
		if (octets % 4 == 0)
			continue;
		assert_int_equal(receive(plaintext, octets), DROP_esp_length);
		assert_int_equal(rig.batch.n, 0);
	}
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_octets),
		cmocka_unit_test(right_trailers),
		cmocka_unit_test(wrong_padding),
		cmocka_unit_test(pad_lengths),
		cmocka_unit_test(next_headers),
		cmocka_unit_test(nothing_inside),
		cmocka_unit_test(dummies_take_numbers),
		cmocka_unit_test(tfc_padding),
		cmocka_unit_test(odd_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
