// ESP's trailers, four at a time where they are as nearly all are: what becomes of each packet of a
// burst is what becomes of it alone.
#include "pair.h"

#include "unit.h"

// All lengths of padding, right and with each octet of it wrong. Those that most packets have are
// at each place.
static void each_padding(struct pair *p)
{
	unsigned at = 0;

	for (unsigned pad = 0; pad < 256; pad++) {
		for (unsigned wrong = 0; wrong <= pad; wrong++) {
			struct odd odd = {"padding", .padded = true, .pad = (uint8_t)pad,
				.wrong = (uint8_t)wrong,
				.reason = wrong == 0 ? DROP_NONE : DROP_esp_padding};

			if (pad < 8)
				pair_odd_at_each(p, &odd);
			else
				pair_odd_at(p, at++ % ELEVEN, &odd);
		}
	}
}

static void padding(void **state)
{
	(void)state;
	for_pairs(each_padding, false);
}

// Each octet of the padding that most packets have is each other value.
static void each_value(struct pair *p)
{
	for (unsigned i = 0; i < 3 * 255; i++) {
		uint8_t last = (uint8_t)(1 + i / 255);
		struct odd odd = {"value of padding", .padded = true, .pad = 3, .wrong = last,
			.turn = (uint8_t)(1 + i % 255), .reason = DROP_esp_padding};

		pair_odd_at(p, i % ELEVEN, &odd);
		odd.pad = last;
		pair_odd_at(p, i % ELEVEN, &odd);
	}
}

static void padding_values(void **state)
{
	(void)state;
	for_pairs(each_value, false);
}

static void each_next_header(struct pair *p)
{
	for (unsigned i = 0; i < 2 * 255; i++) {
		bool ipv6 = i % 2 == 1;
		uint8_t next_header = (uint8_t)(1 + i / 2); // 255 stands for 0
		enum drop_reason reason = DROP_esp_next_header;

		if (next_header == (ipv6 ? 41 : 4))
			reason = DROP_NONE;
		else if (next_header == 59)
			reason = DROP_dummy;
		pair_odd_at_each(p,
			&(struct odd){"next header", .ipv6 = ipv6, .next_header = next_header,
				.reason = reason});
	}
}

static void next_headers(void **state)
{
	(void)state;
	for_pairs(each_next_header, false);
}

// Other pad lengths than what there is: of a packet that is longer, and of short ones, in which
// more is said to be padding than all of it.
static void each_claim(struct pair *p)
{
	for (unsigned i = 0; i < 4 * 255; i++) {
		struct odd odd = {"pad length", .padded = true, .pad = i % 4,
			.more = (uint8_t)(1 + i / 4), .reason = ANY};
		bool longer = odd.pad + odd.more < 256 && odd.more > 44 + 3;

		for (unsigned at = 0; at < ELEVEN; at++) {
			const struct fate *fate = pair_odd_at(p, at, &odd);

			assert_true(!longer || fate->verdict == DROP_esp_pad_length);
		}
		odd.octets = (uint16_t)(4 - (odd.pad + 2) % 4);
		pair_odd_at(p, i % ELEVEN, &odd);
		odd.octets = (uint16_t)(odd.octets + 16);
		pair_odd_at(p, i % ELEVEN, &odd);
	}
}

static void pad_lengths(void **state)
{
	(void)state;
	for_pairs(each_claim, false);
}

// A trailer that is right, and no datagram.
static void each_empty(struct pair *p)
{
	for (unsigned pad = 2; pad < 256; pad += 4)
		pair_odd_at_each(p,
			&(struct odd){"no datagram", .padded = true, .pad = (uint8_t)pad,
				.empty = true, .reason = DROP_inner_version});
}

static void no_datagram(void **state)
{
	(void)state;
	for_pairs(each_empty, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(padding),
		cmocka_unit_test(padding_values),
		cmocka_unit_test(next_headers),
		cmocka_unit_test(pad_lengths),
		cmocka_unit_test(no_datagram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
