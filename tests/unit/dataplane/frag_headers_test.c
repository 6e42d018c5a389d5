// Splitting: options, and packets that are fragments already.
#include "frag_pieces.h"

// Octets of options, one byte each: what stands in the packet, in its later pieces.
static const struct {
	const char *words;
	uint8_t all[40];
	uint8_t all_octets;
	uint8_t later[40];
	uint8_t later_octets;
} options[] = {
	{"router alert is copied", {0x94, 4, 0, 0}, 4, {0x94, 4, 0, 0}, 4},
	{"record route is not", {0x07, 7, 4, 0, 0, 0, 0, 0}, 8, {0}, 0},
	{"record route, then router alert", {0x07, 7, 4, 0, 0, 0, 0, 1, 0x94, 4, 0, 0}, 12,
		{0x94, 4, 0, 0}, 4},
	{"padding is left out", {1, 1, 0x94, 4, 0, 0, 1, 0}, 8, {0x94, 4, 0, 0}, 4},
	{"copied and of odd length", {0x83, 3, 9, 0x44, 4, 5, 0, 0}, 8, {0x83, 3, 9, 0}, 4},
	{"length zero ends them", {0x94, 0, 0, 0}, 4, {0}, 0},
	{"length beyond the header ends them", {0x94, 4, 0, 0, 0x83, 200, 9, 0}, 8, {0x94, 4, 0, 0},
		4},
	{"a type alone at the end", {1, 1, 1, 0x94}, 4, {0}, 0},
};

static uint32_t add_options(uint8_t *packet, uint32_t octets, const uint8_t *from, uint8_t n)
{
	memmove(packet + 20 + n, packet + 20, octets - 20);
	memcpy(packet + 20, from, n);
	packet[0] = (uint8_t)(0x40 + (20 + n) / 4);
	store_be16(packet + IPV4_TOTAL_LENGTH, (uint16_t)(octets + n));
	packet_sum(packet);
	return octets + n;
}

// All in the first piece, those with the copied flag in the others (RFC 791 section 3.1).
static void header_options(void **state)
{
	struct lab *lab = all_tunnels(state);

	for (unsigned i = 0; i < COUNT(options); i++) {
		struct flow flow = big_flow(0, 1600);
		uint8_t packet[PACKET_MAX];
		uint8_t piece[PACKET_MAX];
		static struct whole whole;
		uint32_t octets = packet_make(&flow, packet);

		octets = add_options(packet, octets, options[i].all, options[i].all_octets);
		send_packet(lab, packet, octets);
		lab_turn(lab, 0);
		packet_hop(packet);
		memset(&whole, 0, sizeof(whole));
		for (unsigned k = 0; k < 2; k++) {
			uint8_t n = k == 0 ? options[i].all_octets : options[i].later_octets;

			take_piece(lab, 0, 0, &whole, piece);
			assert_int_equal(ipv4_header_octets(piece), 20 + n);
			assert_memory_equal(
				piece + 20, k == 0 ? options[i].all : options[i].later, n);
		}
		assert_whole(&whole, packet, octets);
		lab->expected.fragmented[0][LAN]++;
		expect_nothing_sent(lab);
	}
}

// Fragments are split further; their places in the datagram stay.
static void fragments_again(void **state)
{
	static const uint16_t fields[] = {0x2000, 0x2000 | 185, 185, 0x2000 | 7000, 7900};
	static const uint8_t copied[] = {0x94, 4, 0, 0};
	struct lab *lab = all_tunnels(state);
	uint8_t packet[PACKET_MAX];

	for (unsigned i = 0; i < COUNT(fields); i++) {
		for (unsigned with = 0; with < 2; with++) {
			// With more to come, the payload is a multiple of 8.
			struct flow flow = big_flow(i, fields[i] & 0x2000 ? 20 + 1600 : 1623);
			uint32_t octets;

			flow.fragment = fields[i];
			octets = packet_make(&flow, packet);
			if (with)
				octets = add_options(packet, octets, copied, sizeof(copied));
			send_in_pieces(lab, i, packet, octets);
		}
	}
}

// Nobody can put it together, and the offsets of its pieces would run into the flags.
static void beyond_a_datagram(void **state)
{
	struct lab *lab = all_tunnels(state);
	static const uint16_t fields[] = {0x1fff, 0x3fff, 8000};

	for (unsigned i = 0; i < COUNT(fields); i++) {
		struct flow flow = big_flow(i, 1620);

		flow.fragment = fields[i];
		send_out(lab, &flow);
		lab_turn(lab, 0);
		expect_drop(lab, 0, LAN, DROP_fragment_beyond, 1);
		expect_nothing_sent(lab);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(header_options, NULL),
		LAB_TEST(fragments_again, NULL),
		LAB_TEST(beyond_a_datagram, NULL),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
