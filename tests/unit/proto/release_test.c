// Decrypted datagrams are released four at a time where all four are plain: what becomes of each of
// a burst is what becomes of it where it arrives alone. The same for both protocols.
#include "pair.h"

#include "unit.h"

#include "proto/ecn.h"

static const struct odd odds[] = {
	{"wrong checksum", .change = {{8, 1}}, .reason = DROP_inner_checksum},
	{"checksum of zeros", .change = {{10, 0}, {11, 0}}, .reason = DROP_inner_checksum},
	{"checksum of ones", .change = {{10, 255}, {11, 255}}, .reason = DROP_inner_checksum},
	{"options", .first = 0x46, .sum = true},
	{"all options there can be", .first = 0x4f, .octets = 90, .sum = true},
	{"IHL 4", .first = 0x44, .sum = true, .reason = DROP_inner_ihl},
	{"version 5", .first = 0x55, .sum = true, .reason = ANY},
	{"version 6 of an IPv4 datagram", .first = 0x65, .sum = true, .reason = ANY},
	{"first fragment", .change = {{6, 0x20}}, .sum = true},
	{"next fragment", .change = {{6, 0x20}, {7, 8}}, .sum = true},
	{"last fragment", .change = {{7, 1}}, .sum = true},
	{"fragment far behind", .change = {{6, 0x10}}, .sum = true},
	{"not to be split", .change = {{6, 0x40}}, .sum = true},
	{"reserved flag", .change = {{6, 0x80}}, .sum = true},
	{"IPv6", .ipv6 = true},
	{"IPv6 with padding", .ipv6 = true, .behind = 7},
	{"protocol 0", .change = {{9, 0}}, .sum = true},
	{"from loopback", .change = {{12, 127}}, .sum = true},
	{"from a group", .change = {{12, 224}}, .sum = true},
	{"20 octets", .octets = 20},
	{"21 octets", .octets = 21},
	{"19 octets", .octets = 19, .reason = DROP_inner_runt},
	{"1 octet", .octets = 1, .reason = DROP_inner_runt},
	{"padding of one octet", .behind = 1},
	{"padding of four", .behind = 4},
	{"much padding", .behind = 300},
	{"total length 0", .change = {{3, 0}}, .sum = true, .reason = DROP_inner_length_short},
	{"total length 19", .change = {{3, 19}}, .sum = true, .reason = DROP_inner_length_short},
	{"total length 20", .change = {{3, 20}}, .sum = true},
	{"as long as it is", .octets = 50, .change = {{3, 50}}, .sum = true},
	{"one less", .octets = 50, .change = {{3, 49}}, .sum = true},
	{"one more", .octets = 50, .change = {{3, 51}}, .sum = true, .reason = DROP_inner_length},
	{"four more", .octets = 50, .change = {{3, 54}}, .sum = true, .reason = DROP_inner_length},
	{"total length 65535", .change = {{2, 255}, {3, 255}}, .sum = true,
		.reason = DROP_inner_length},
	{"total length 32768", .change = {{2, 128}, {3, 0}}, .sum = true,
		.reason = DROP_inner_length},
	{"outer options", .outer_more = 8},
	{"not authentic", .forged = true, .reason = DROP_icv_failed},
	{"fill", &vpe_ops, .fill = true, .reason = DROP_fill},
	{"fill of one octet", &vpe_ops, .fill = true, .octets = 1, .reason = DROP_fill},
	{"dummy", &esp_ops, .next_header = 59, .reason = DROP_dummy},
	{"IPv4 said to be IPv6", &esp_ops, .next_header = 41, .reason = DROP_esp_next_header},
	{"IPv6 said to be IPv4", &esp_ops, .ipv6 = true, .next_header = 4,
		.reason = DROP_esp_next_header},
	{"next header 0", &esp_ops, .next_header = 255, .reason = DROP_esp_next_header},
	{"next header 5", &esp_ops, .next_header = 5, .reason = DROP_esp_next_header},
	{"next header 132", &esp_ops, .next_header = 132, .reason = DROP_esp_next_header},
};

static void each_odd(struct pair *p)
{
	for (unsigned i = 0; i < COUNT(odds); i++) {
		if (odds[i].only == NULL || odds[i].only == p->one.scheme.proto)
			pair_odd_at_each(p, &odds[i]);
	}
}

static void odd_ones_at_each_place(void **state)
{
	(void)state;
	for_pairs(each_odd, true);
}

static void each_bit(struct pair *p)
{
	for (unsigned flip = 1; flip <= 160; flip++)
		pair_odd_at_each(p, &(struct odd){"one bit", .flip = (uint8_t)flip, .reason = ANY});
}

static void header_bits(void **state)
{
	(void)state;
	for_pairs(each_bit, true);
}

static void each_mark(struct pair *p)
{
	for (unsigned marks = 0; marks < 16; marks++) {
		uint8_t inner = marks & 3;
		uint8_t outer = (uint8_t)(marks >> 2);
		bool dropped = ecn_decap[inner][outer] == ECN_DROP;

		pair_odd_at_each(p,
			&(struct odd){"marks", .inner_class = (uint8_t)(0xb8 | inner),
				.outer_class = (uint8_t)(0x48 | outer),
				.reason = dropped ? DROP_ecn_not_ect_ce : DROP_NONE});
	}
}

static void congestion_marks(void **state)
{
	(void)state;
	for_pairs(each_mark, true);
}

// Plaintexts of all lengths up to more than a header, said to be of all lengths.
static void each_length(struct pair *p)
{
	for (uint16_t octets = 1; octets < 27; octets++) {
		for (uint8_t total = 18; total < 30; total++)
			pair_odd_at(p, total % ELEVEN,
				&(struct odd){"lengths", .octets = octets, .change = {{3, total}},
					.sum = true, .reason = ANY});
	}
}

static void short_ones(void **state)
{
	(void)state;
	for_pairs(each_length, true);
}

// Outer headers of two lengths in all ways among four: where one begins is not where others do,
// even if it looks so.
static void each_outer(struct pair *p)
{
	static const struct odd longer = {"longer", .twice = true, .outer_more = 8};
	static const struct odd shorter = {"shorter", .twice = true};

	for (unsigned mask = 0; mask < 16; mask++) {
		for (unsigned i = 0; i < 4; i++)
			pair_write(p, i, mask >> i & 1 ? &longer : &shorter);
		pair_receive(p, 4);
		for (unsigned i = 0; i < 4; i++) {
			assert_int_equal(p->together[i].octets, p->arrivals[i].inner_octets);
			assert_memory_equal(p->together[i].datagram, p->arrivals[i].inner,
				p->arrivals[i].inner_octets);
		}
	}
}

static void outer_lengths(void **state)
{
	(void)state;
	for_pairs(each_outer, true);
}

static struct odd any(const struct pair *p, struct random *r)
{
	struct odd odd = odds[random_below(r, COUNT(odds))];

	while (odd.only != NULL && odd.only != p->one.scheme.proto)
		odd = odds[random_below(r, COUNT(odds))];
	if (random_below(r, 4) == 0)
		odd.inner_class = (uint8_t)random_next(r);
	if (random_below(r, 4) == 0)
		odd.outer_class = (uint8_t)random_next(r);
	if (random_below(r, 8) == 0)
		odd.flip = (uint8_t)(1 + random_below(r, 160));
	return odd;
}

// Bursts of all lengths; numbers are left out and come twice, so that fours begin anywhere.
static void mixed(struct pair *p)
{
	struct random r = {31};
	unsigned bursts = full_run() ? 50000 : 1000;

	for (unsigned round = 0; round < bursts; round++) {
		unsigned n = 1 + (unsigned)random_below(&r, BURST_MAX);

		for (unsigned i = 0; i < n; i++) {
			struct odd odd = {.outer_class = 0};

			if (random_below(&r, 8) == 0)
				odd = any(p, &r);
			if (random_below(&r, 40) == 0)
				p->next_seq += random_below(&r, 3);
			// Alone, a copy that is not authentic would be known as a copy.
			if (random_below(&r, 40) == 0 && i > 0 && !odd.forged)
				p->next_seq--;
			pair_write(p, i, &odd);
		}
		pair_receive(p, n);
	}
}

static void mixed_bursts(void **state)
{
	(void)state;
	for_pairs(mixed, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(odd_ones_at_each_place),
		cmocka_unit_test(header_bits),
		cmocka_unit_test(congestion_marks),
		cmocka_unit_test(short_ones),
		cmocka_unit_test(outer_lengths),
		cmocka_unit_test(mixed_bursts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
