// Splitting: packets in clear that are too big for a port.
#include "frag_pieces.h"

#define HOST "10.1.0.10"

static void expect_clear_pieces(struct lab *lab, unsigned port, unsigned from,
	const char *neighbour, const uint8_t *packet, uint32_t octets)
{
	static struct whole whole;
	uint32_t payload = octets - ipv4_header_octets(packet);
	struct rte_ether_addr mac = mac_of(neighbour);

	memset(&whole, 0, sizeof(whole));
	while (whole.octets < payload) {
		struct rte_mbuf *m = lab_sent(lab, port, 0);

		assert_non_null(m);
		assert_memory_equal(rte_pktmbuf_mtod(m, void *), mac.addr_bytes, 6);
		assert_true(m->data_len <= lab->params.mtu[port] + ETHER);
		add_piece(
			&whole, rte_pktmbuf_mtod_offset(m, uint8_t *, ETHER), m->data_len - ETHER);
		rte_pktmbuf_free(m);
	}
	assert_whole(&whole, packet, octets);
	lab->expected.fragmented[0][from]++;
}

// Towards a port with a smaller MTU: bypassing, decrypted, back in clear.
static void past_the_tunnels(void **state)
{
	struct lab *lab = all_tunnels(state);
	struct flow out = big_flow(0, 1700);
	struct flow back = {.source = "203.0.113.1", .destination = HOST, .octets = 1433};
	struct flow inner = {.source = "10.100.0.5", .destination = HOST, .octets = 1433};
	uint8_t packet[PACKET_MAX];

	out.destination = "203.0.113.1";
	send_out(lab, &out);
	lab_turn(lab, 0);
	packet_make(&out, packet);
	packet_hop(packet);
	expect_clear_pieces(lab, WAN, LAN, "192.0.2.254", packet, 1700);
	lab_receive_flow(lab, WAN, 0, &back);
	lab_turn(lab, 0);
	packet_make(&back, packet);
	packet_hop(packet);
	expect_clear_pieces(lab, LAN, WAN, HOST, packet, 1433);
	lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &inner));
	lab_turn(lab, 0);
	packet_make(&inner, packet);
	packet_hop(packet);
	expect_clear_pieces(lab, LAN, WAN, HOST, packet, 1433);
	expect_in(lab, 0, 0, 1, 1433);
	// Told, where it may not be split; about its own size.
	inner.fragment = IPV4_DONT_FRAGMENT;
	lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &inner));
	lab_turn(lab, 0);
	expect_in(lab, 0, 0, 1, 1433);
	expect_drop(lab, 0, WAN, DROP_packet_too_big, 1);
	assert_int_equal(
		expect_punted(lab, META_TELL, LAN, packet, packet_make(&inner, packet)), 1400);
	expect_nothing_sent(lab);
}

// Whole or in pieces, packets leave in the order in which they came.
static void in_order_past_the_tunnels(void **state)
{
	struct lab *lab = all_tunnels(state);
	uint8_t packet[PACKET_MAX];
	struct flow flow[30];

	for (unsigned i = 0; i < COUNT(flow); i++) {
		flow[i] = big_flow(0, i % 3 == 1 ? 1700 : 100);
		flow[i].destination = "203.0.113.1";
		flow[i].number = i;
		send_out(lab, &flow[i]);
	}
	lab_turn(lab, 0);
	for (unsigned i = 0; i < COUNT(flow); i++) {
		uint32_t octets = packet_make(&flow[i], packet);

		packet_hop(packet);
		if (i % 3 == 1)
			expect_clear_pieces(lab, WAN, LAN, "192.0.2.254", packet, octets);
		else
			expect_sent(lab, WAN, 0, "192.0.2.254", packet, octets);
	}
	expect_nothing_sent(lab);
}

static const struct lab_params small_lan = {.mtu = {1400, 1500}};

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(past_the_tunnels, &small_lan),
		LAB_TEST(in_order_past_the_tunnels, NULL),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
