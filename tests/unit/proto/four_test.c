// Four packets at once against one after the other: each lane says what the functions for one
// packet say of its header.
#include "unit.h"

#include "../fences.h"
#include "fixture.h"
#include "proto/four.h"

struct quad {
	uint32_t room[4];
	uint8_t header[4][IPV4_HEADER_MIN]; // last, so that a sanitizer sees what is beyond
};

static void sum_right(uint8_t *header)
{
	write_be(header + IPV4_CHECKSUM, slow_checksum(header, IPV4_HEADER_MIN, IPV4_CHECKSUM), 2);
}

static void random_bits(struct random *r, uint8_t *header)
{
	for (uint64_t n = 1 + random_below(r, 3); n > 0; n--)
		header[random_below(r, IPV4_HEADER_MIN)] ^= (uint8_t)(1 << random_below(r, 8));
}

static void odd_fragment(struct random *r, uint8_t *header)
{
	static const uint16_t fields[] = {0x2000, 0x1000, 0x0001, 0x0100, 0x0080, 0x1fff, 0x4000,
		0x8000, 0xc000, 0xe000, 0x6001, 0xffff};

	write_be(header + IPV4_FRAGMENT, fields[random_below(r, COUNT(fields))], 2);
	sum_right(header);
}

static void odd_first(struct random *r, uint8_t *header)
{
	static const uint8_t firsts[] = {0x40, 0x44, 0x46, 0x4f, 0x55, 0x65, 0xc5, 0x05, 0x00};

	header[0] = firsts[random_below(r, COUNT(firsts))];
	sum_right(header);
}

static void odd_total(struct random *r, uint8_t *header, uint32_t room)
{
	const uint32_t totals[] = {
		0, 19, 20, 21, 0x1400, 0x7fff, 0x8000, 0x8014, room - 1, room, room + 1, 65535};

	write_be(header + IPV4_TOTAL_LENGTH, totals[random_below(r, COUNT(totals))], 2);
	sum_right(header);
}

static void odd_source(struct random *r, uint8_t *header)
{
	static const uint8_t sources[] = {0, 1, 126, 127, 128, 223, 224, 239, 240, 255};

	header[IPV4_SOURCE] = sources[random_below(r, COUNT(sources))];
	sum_right(header);
}

// A checksum of all ones or of none: wrong, mostly.
static void flat_sum(struct random *r, uint8_t *header)
{
	memset(header + IPV4_CHECKSUM, random_below(r, 2) ? 0xff : 0, 2);
}

// All but the checksum sums to all ones, so that both zeros are right.
static void either_zero(struct random *r, uint8_t *header)
{
	write_be(header + IPV4_ID, 0, 2);
	write_be(header + IPV4_ID, slow_checksum(header, IPV4_HEADER_MIN, IPV4_CHECKSUM), 2);
	flat_sum(r, header);
}

// Words of all ones and zeros carry most.
static void flat_words(struct random *r, uint8_t *header)
{
	for (unsigned i = 2; i < IPV4_HEADER_MIN; i += 2) {
		if (random_below(r, 3) != 0)
			memset(header + i, random_below(r, 3) ? 0xff : 0, 2);
	}
	if (random_below(r, 2))
		write_be(header + IPV4_FRAGMENT, 0x4000, 2);
	sum_right(header);
	if (random_below(r, 4) == 0)
		random_bits(r, header);
}

static void good_header(struct random *r, uint8_t *header, uint32_t room)
{
	random_fill(r, header, IPV4_HEADER_MIN);
	header[0] = 0x45;
	write_be(header + IPV4_TOTAL_LENGTH, 20 + random_below(r, room - 19), 2);
	write_be(header + IPV4_FRAGMENT, random_below(r, 2) ? 0x4000 : 0, 2);
	header[IPV4_SOURCE] = (uint8_t)random_below(r, 127);
	sum_right(header);
}

static void any_header(struct random *r, uint8_t *header, uint32_t room)
{
	good_header(r, header, room);
	switch (random_below(r, 12)) {
	case 0:
		random_bits(r, header);
		break;
	case 1:
		odd_fragment(r, header);
		break;
	case 2:
		odd_first(r, header);
		break;
	case 3:
		odd_total(r, header, room);
		break;
	case 4:
		odd_source(r, header);
		break;
	case 5:
		flat_sum(r, header);
		break;
	case 6:
		either_zero(r, header);
		break;
	case 7:
		flat_words(r, header);
		break;
	}
}

static void any_quad(struct random *r, struct quad *quad)
{
	for (unsigned i = 0; i < 4; i++) {
		quad->room[i] = 20 + (uint32_t)random_below(r, random_below(r, 2) ? 65515 : 80);
		any_header(r, quad->header[i], quad->room[i]);
	}
}

static const uint8_t *const *places(const struct quad *quad)
{
	static const uint8_t *place[4];

	for (unsigned i = 0; i < 4; i++)
		place[i] = quad->header[i];
	return place;
}

static bool is_other(const uint8_t *header)
{
	return header[0] != 0x45 || ipv4_is_fragment(header) || !checksum_right20(header);
}

// As inner_is_plain compares.
static bool is_misfit(const uint8_t *header, uint32_t room)
{
	uint32_t total = load_be16(header + IPV4_TOTAL_LENGTH);

	return total - IPV4_HEADER_MIN > room - IPV4_HEADER_MIN;
}

// How many lanes were of each kind: that all were met.
struct met {
	unsigned other[2];
	unsigned misfit[2];
	unsigned source[2];
};

static void compare_lanes(const struct quad *quad, struct met *met)
{
	struct ipv4_four ip = ipv4_four_load(places(quad));
	four total = ipv4_four_total(&ip);
	four room = four_of(quad->room[0], quad->room[1], quad->room[2], quad->room[3]);
	four other = ipv4_four_other(&ip);
	four misfit = ipv4_four_misfit(total, room);
	four source = ipv4_four_source_wrong(&ip);

	for (unsigned i = 0; i < 4; i++) {
		const uint8_t *header = quad->header[i];
		bool is_wrong = ipv4_source_wrong(header + IPV4_SOURCE);

		assert_int_equal(total[i], load_be16(header + IPV4_TOTAL_LENGTH));
		assert_int_equal(other[i] != 0, is_other(header));
		assert_int_equal((int32_t)misfit[i] < 0, is_misfit(header, quad->room[i]));
		assert_int_equal((int32_t)source[i] < 0, is_wrong);
		met->other[is_other(header)]++;
		met->misfit[is_misfit(header, quad->room[i])]++;
		met->source[is_wrong]++;
	}
}

static void lanes_against_one(void **state)
{
	struct random r = {11};
	struct met met = {.other = {0}};
	unsigned quads = full_run() ? 5000000 : 300000;

	(void)state;
	for (unsigned round = 0; round < quads; round++) {
		struct quad *quad = malloc(sizeof(*quad));

		assert_non_null(quad);
		any_quad(&r, quad);
		compare_lanes(quad, &met);
		free(quad);
	}
	for (unsigned i = 0; i < 2; i++) {
		assert_true(met.other[i] > quads / 4);
		assert_true(met.misfit[i] > quads / 20);
		assert_true(met.source[i] > quads / 20);
	}
}

// All checksums and some words beside them: every sum that there can be, and how often it folds.
static void every_checksum(void **state)
{
	static const uint16_t beside[] = {0x0000, 0x0001, 0x7fff, 0x8000, 0xfffe, 0xffff};
	struct met met = {.other = {0}};
	struct quad quad = {.room = {65535, 65535, 65535, 65535}};

	(void)state;
	for (uint32_t sum = 0; sum < 65536; sum++) {
		for (unsigned b = 0; b < COUNT(beside); b++) {
			unsigned lane = sum % 4;

			for (unsigned word = 1; word < 10; word++)
				write_be(quad.header[lane] + 2 * word, beside[b], 2);
			quad.header[lane][0] = 0x45;
			write_be(quad.header[lane] + IPV4_FRAGMENT, 0x4000, 2);
			write_be(quad.header[lane] + IPV4_CHECKSUM, sum, 2);
			compare_lanes(&quad, &met);
		}
	}
	// Of each value beside at least one sum is right.
	assert_true(met.other[false] >= COUNT(beside));
}

// Each bit of each lane, alone.
static void lanes_together(void **state)
{
	(void)state;
	assert_false(four_any(four_same(0)));
	assert_false(four_any_negative(four_same(0x7fffffff)));
	assert_true(four_sum(four_same(UINT32_MAX)) == 4 * (uint64_t)UINT32_MAX);
	for (unsigned bit = 0; bit < 128; bit++) {
		four v = {0};

		v[bit / 32] = UINT32_C(1) << bit % 32;
		assert_true(four_any(v));
		assert_int_equal(four_any_negative(v), bit % 32 == 31);
		assert_true(four_sum(v) == UINT64_C(1) << bit % 32);
	}
}

static void loads(void **state)
{
	struct random r = {12};
	uint8_t data[4][16];
	const uint8_t *const place[4] = {data[0] + 8, data[1] + 7, data[2] + 6, data[3] + 9};

	(void)state;
	random_fill(&r, data, sizeof(data));
	for (ptrdiff_t offset = -6; offset <= 3; offset++) {
		four v = four_load(place, offset);

		for (unsigned i = 0; i < 4; i++)
			assert_int_equal(v[i], load_le32(place[i] + offset));
	}
	for (ptrdiff_t offset = -6; offset <= -1; offset++) {
		four first, second;

		four_load_two(place, offset, &first, &second);
		assert_false(four_any(first ^ four_load(place, offset)));
		assert_false(four_any(second ^ four_load(place, offset + 4)));
	}
}

// Two buffers with the same in them; what lies behind the two lengths is not zero.
static void twins(struct random *r, uint32_t octets, struct rte_mbuf *twin[2])
{
	static uint8_t data[65536];
	uint32_t head = (uint32_t)random_below(r, 40);

	random_fill(r, data, RTE_MIN(octets, 64u));
	for (unsigned i = 0; i < 2; i++) {
		twin[i] = packet_new(data, octets, head, 40 - head);
		twin[i]->vlan_tci = 0xbeef;
		twin[i]->ol_flags = 0x123456789abcdef0;
	}
}

// No field differs but where the octets are.
static void assert_twins(struct rte_mbuf *one, struct rte_mbuf *four_s)
{
	struct rte_mbuf same = *four_s;

	same.buf_addr = one->buf_addr;
	assert_memory_equal(&same, one, sizeof(same));
	assert_memory_equal(rte_pktmbuf_mtod(four_s, uint8_t *), rte_pktmbuf_mtod(one, uint8_t *),
		one->data_len);
	assert_true(is_fenced(one));
	assert_true(is_fenced(four_s));
	packet_free(one);
	packet_free(four_s);
}

static void narrow_against_one(void **state)
{
	static const uint32_t sizes[] = {60, 100, 1500, 9600, 65000};
	struct random r = {13};

	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		uint16_t front = (uint16_t)random_below(&r, 61);
		struct rte_mbuf *one[4];
		struct rte_mbuf *all[4];
		four octets;

		for (unsigned i = 0; i < 4; i++) {
			uint32_t size = sizes[random_below(&r, COUNT(sizes))];
			struct rte_mbuf *twin[2];

			octets[i] = (uint32_t)random_below(&r, size - front + 1);
			twins(&r, size, twin);
			one[i] = twin[0];
			all[i] = twin[1];
			pkt_narrow(one[i], front, (uint16_t)octets[i]);
		}
		assert_int_equal(pkt_four_octets(all)[round % 4], all[round % 4]->pkt_len);
		pkt_four_narrow(all, front, octets);
		for (unsigned i = 0; i < 4; i++)
			assert_twins(one[i], all[i]);
	}
}

// What is said before of port and tunnel stays.
static void plain_against_one(void **state)
{
	struct random r = {14};

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		struct packet before[4];
		struct packet all[4];
		struct ipv4_four ip;
		struct quad quad;
		uint8_t protocol;
		four other;

		any_quad(&r, &quad);
		random_fill(&r, before, sizeof(before));
		memcpy(all, before, sizeof(all));
		ip = ipv4_four_load(places(&quad));
		protocol = quad.header[round % 4][IPV4_PROTOCOL];
		other = ipv4_four_other_protocol(&ip, protocol);
		packet_four_are_plain(all, &ip, packet_four(all).end);
		for (unsigned i = 0; i < 4; i++) {
			struct packet one = before[i];

			packet_is_plain(&one, quad.header[i][IPV4_PROTOCOL]);
			assert_int_equal(all[i].l4, one.l4);
			assert_int_equal(all[i].protocol, one.protocol);
			assert_int_equal(all[i].flags, one.flags);
			assert_int_equal(all[i].port, before[i].port);
			assert_int_equal(all[i].tunnel, before[i].tunnel);
			assert_int_equal(other[i] != 0, one.protocol != protocol);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lanes_against_one),
		cmocka_unit_test(every_checksum),
		cmocka_unit_test(lanes_together),
		cmocka_unit_test(loads),
		cmocka_unit_test(narrow_against_one),
		cmocka_unit_test(plain_against_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
