// The maximum segment size: every place and shape of the option, whole checksums, and headers that
// are not to be touched.
#include "unit.h"

#include "proto/tcp_mss.h"

#define MOST 1400
#define HEADER_MAX 60

// Options as they stand; `lowered`: where 1400 appears, 0 if nothing changes.
static const struct {
	const char *words;
	uint8_t options[40];
	uint8_t octets;
	uint8_t lowered;
} cases[] = {
	{"alone", {2, 4, 0x05, 0xb4}, 4, 2},
	{"the largest", {2, 4, 0xff, 0xff}, 4, 2},
	{"one more than allowed", {2, 4, 0x05, 0x79}, 4, 2},
	{"just what is allowed", {2, 4, 0x05, 0x78}, 4, 0},
	{"less", {2, 4, 0x02, 0x18}, 4, 0},
	{"zero", {2, 4, 0, 0}, 4, 0},
	{"behind one nop", {1, 2, 4, 0x05, 0xb4, 1, 1, 1}, 8, 3},
	{"behind two", {1, 1, 2, 4, 0x05, 0xb4, 1, 1}, 8, 4},
	{"behind three", {1, 1, 1, 2, 4, 0x05, 0xb4, 0}, 8, 5},
	{"behind four, at the end", {1, 1, 1, 1, 2, 4, 0x05, 0xb4}, 8, 6},
	{"behind window scale", {3, 3, 7, 2, 4, 0x05, 0xb4, 0}, 8, 5},
	{"behind SACK and timestamps", {4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 2, 4, 0x05, 0xb4}, 16,
		14},
	{"behind an unknown one", {253, 6, 9, 9, 9, 9, 2, 4, 0x05, 0xb4, 0, 0}, 12, 8},
	{"behind one of two octets", {200, 2, 2, 4, 0x05, 0xb4, 0, 0}, 8, 4},
	{"none", {1, 1, 1, 0}, 4, 0},
	{"no options", {0}, 0, 0},
	{"behind the end", {0, 2, 4, 0x05, 0xb4, 0, 0, 0}, 8, 0},
	{"length 3", {2, 3, 0x05, 0xb4}, 4, 0},
	{"length 5", {2, 5, 0x05, 0xb4, 0, 0, 0, 0}, 8, 0},
	{"length 2", {2, 2, 0x05, 0xb4}, 4, 0},
	{"length 1", {2, 1, 0x05, 0xb4}, 4, 0},
	{"length 0", {2, 0, 0x05, 0xb4}, 4, 0},
	{"length 255", {2, 255, 0x05, 0xb4}, 4, 0},
	{"cut short by one octet", {1, 2, 4, 0x05}, 4, 0},
	{"cut short by two", {1, 1, 2, 4}, 4, 0},
	{"a kind alone at the end", {1, 1, 1, 2}, 4, 0},
	{"behind one of length 0", {8, 0, 2, 4, 0x05, 0xb4, 0, 0}, 8, 0},
	{"behind one of length 1", {8, 1, 2, 4, 0x05, 0xb4, 0, 0}, 8, 0},
	{"behind one beyond the header", {8, 200, 2, 4, 0x05, 0xb4, 0, 0}, 8, 0},
	{"in another option", {253, 6, 2, 4, 0x05, 0xb4, 0, 0}, 8, 0},
};

static uint16_t tcp_checksum(const uint8_t *tcp, size_t octets)
{
	return slow_checksum(tcp, octets, 16);
}

// A SYN with these options and a payload, in a buffer without an octet more.
static uint8_t *make(const uint8_t *options, uint8_t n, size_t payload, struct random *r)
{
	size_t octets = 20u + n + payload;
	uint8_t *tcp = malloc(octets);

	assert_non_null(tcp);
	random_fill(r, tcp, octets);
	tcp[12] = (uint8_t)((20 + n) / 4 << 4);
	tcp[13] = 0x02;
	memcpy(tcp + 20, options, n);
	write_be(tcp + 16, tcp_checksum(tcp, octets), 2);
	return tcp;
}

static void options(void **state)
{
	struct random r = {1};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		for (size_t payload = 0; payload < 64; payload += 2) {
			size_t octets = 20u + cases[i].octets + payload;
			uint8_t *tcp = make(cases[i].options, cases[i].octets, payload, &r);
			uint8_t right[HEADER_MAX + 64];

			memcpy(right, tcp, octets);
			if (cases[i].lowered != 0) {
				write_be(right + 20 + cases[i].lowered, MOST, 2);
				write_be(right + 16, tcp_checksum(right, octets), 2);
			}
			tcp_mss_lower(tcp, (uint32_t)octets, MOST);
			if (memcmp(tcp, right, octets) != 0)
				fail_msg("%s", cases[i].words);
			free(tcp);
		}
	}
}

// Data offsets that are too small, or beyond what is there.
static void headers(void **state)
{
	static const uint8_t mss[] = {2, 4, 0x05, 0xb4};
	struct random r = {2};

	(void)state;
	for (unsigned offset = 0; offset < 16; offset++) {
		uint8_t *tcp = make(mss, sizeof(mss), 0, &r);
		uint8_t before[24];

		tcp[12] = (uint8_t)(offset << 4);
		memcpy(before, tcp, sizeof(before));
		tcp_mss_lower(tcp, 24, MOST);
		assert_int_equal(memcmp(tcp, before, sizeof(before)) != 0, offset == 6);
		free(tcp);
	}
}

static void off(void **state)
{
	static const uint8_t mss[] = {2, 4, 0x05, 0xb4};
	struct random r = {3};
	uint8_t *tcp = make(mss, sizeof(mss), 0, &r);
	uint8_t before[24];

	(void)state;
	memcpy(before, tcp, sizeof(before));
	tcp_mss_lower(tcp, 24, 0);
	assert_memory_equal(tcp, before, sizeof(before));
	free(tcp);
}

// Whatever the options are, nothing but the checksum and values of an option changes, the checksum
// stays right, and nothing beyond the segment is looked at.
static void noise(void **state)
{
	struct random r = {4};
	unsigned rounds = full_run() ? 20000000 : 200000;
	unsigned lowered = 0;

	(void)state;
	for (unsigned i = 0; i < rounds; i++) {
		uint8_t n = (uint8_t)(random_below(&r, 11) * 4);
		uint8_t some[40];
		uint16_t most = (uint16_t)random_next(&r);
		uint8_t *tcp, before[HEADER_MAX];

		random_fill(&r, some, sizeof(some));
		for (unsigned k = 0; k < n; k++)
			some[k] = random_below(&r, 2) == 0 ? some[k] : some[k] & 7;
		if (n > 0)
			memcpy(some + random_below(&r, n - 3u), (uint8_t[]){2, 4}, 2);
		tcp = make(some, n, 0, &r);
		memcpy(before, tcp, 20u + n);
		tcp_mss_lower(tcp, 20u + n, most);
		assert_memory_equal(tcp, before, 16);
		assert_memory_equal(tcp + 18, before + 18, 2);
		if (memcmp(tcp, before, 20u + n) != 0) {
			lowered++;
			// In ones' complement 0 has two forms.
			assert_int_equal(
				read_be16(tcp + 16) % 0xffff, tcp_checksum(tcp, 20u + n) % 0xffff);
		}
		free(tcp);
	}
	assert_true(lowered > rounds / 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options),
		cmocka_unit_test(headers),
		cmocka_unit_test(off),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
