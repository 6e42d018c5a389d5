// The inbound path: every end that an authentic or malformed packet can come to.
#include "in_flows.h"

// Sealed as it stands, whatever it is.
static void receive_plaintext(struct lab *lab, const uint8_t *plaintext, uint32_t octets)
{
	lab_receive(lab, WAN, 0, peer_seal(lab, 0, 0, plaintext, octets));
	lab_turn(lab, 0);
}

static void inner_drops(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct flow flow = flow_in(1);
	struct flow flow6 = {.source = "fd00:100::5", .destination = "fd01::10"};
	uint8_t p[PACKET_MAX];
	uint32_t octets = packet_make(&flow, p);
	static const struct {
		uint8_t at;
		uint8_t value;
		enum drop_reason reason;
	} cases[] = {
		{0, 0x00, DROP_fill},
		{0, 0x55, DROP_inner_version},
		{0, 0x0f, DROP_inner_version},
		{0, 0x44, DROP_inner_ihl},
		{3, 19, DROP_inner_length_short},
		{3, 101, DROP_inner_length},
		{10, 0xbb, DROP_inner_checksum},
	};

	for (unsigned i = 0; i < COUNT(cases); i++) {
		packet_make(&flow, p);
		p[cases[i].at] = cases[i].value;
		receive_plaintext(lab, p, octets);
		expect_in_drop(lab, 0, 0, cases[i].reason, 1);
	}
	packet_make(&flow, p);
	receive_plaintext(lab, p, 19);
	expect_in_drop(lab, 0, 0, DROP_inner_runt, 1);
	packet_make(&flow6, p);
	store_be16(p + 4, 0);
	p[6] = 0;
	receive_plaintext(lab, p, 100);
	expect_in_drop(lab, 0, 0, DROP_inner_jumbogram, 1);
	// Authentic, so the window has counted each.
	expect_window(lab, 0, 1u << 16, COUNT(cases) + 2, 0, 0);
}

// Padding behind the datagram goes, and extension headers that do not end are no datagram.
static void inner_padding_and_extensions(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct flow flow = flow_in(1);
	struct flow flow6 = {.source = "fd00:100::5", .destination = "fd01::10"};
	uint8_t p[PACKET_MAX] = {0};

	packet_make(&flow, p);
	receive_plaintext(lab, p, 100 + 37);
	expect_delivered(lab, 0, &flow);
	packet_make(&flow6, p);
	p[6] = IP_PROTOCOL_DESTINATION;
	p[41] = 200;
	receive_plaintext(lab, p, 100);
	expect_drop(lab, 0, WAN, DROP_ip_header, 1);
	expect_nothing_sent(lab);
}

static void congestion(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct flow flow = flow_in(1);
	struct rte_mbuf *frame = peer_seal_flow(lab, 0, 0, &flow);

	outer_of(frame)[IPV4_TOS] |= 3;
	packet_sum(outer_of(frame));
	lab_receive(lab, WAN, 0, frame);
	lab_turn(lab, 0);
	expect_in_drop(lab, 0, 0, DROP_ecn_not_ect_ce, 1);
	flow.tos = 0xb8 | 2;
	frame = peer_seal_flow(lab, 0, 0, &flow);
	assert_int_equal(outer_of(frame)[IPV4_TOS], 0xb8 | 2);
	outer_of(frame)[IPV4_TOS] |= 3;
	packet_sum(outer_of(frame));
	lab_receive(lab, WAN, 0, frame);
	lab_turn(lab, 0);
	flow.tos = 0xb8 | 3;
	expect_delivered(lab, 0, &flow);
}

static void windows_run_out(void **state)
{
	static const struct lab_tunnel_params one = {.windows = 1};
	static const struct lab_tunnel_params huge = {.replay_window = 65536};
	struct lab *lab = *state;
	struct flow flow = flow_in(1);

	lab_tunnel(lab, &one);
	lab_tunnel(lab, &huge);
	lab_protect(lab, 0);
	lab_protect(lab, 1);
	lab_publish(lab);
	for (unsigned lane = 0; lane < 3; lane++)
		lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, lane, &flow));
	lab_turn(lab, 0);
	expect_delivered(lab, 0, &flow);
	expect_in_drop(lab, 0, 0, DROP_window_table_full, 2);
	// The pool has 8 KiB: no room for a second one of 64 Ki packets.
	flow.source = "10.101.0.5";
	lab_receive(lab, WAN, 0, peer_seal_flow(lab, 1, 0, &flow));
	lab_turn(lab, 0);
	expect_in_drop(lab, 1, 0, DROP_window_pool_empty, 1);
	expect_nothing_sent(lab);
}

// Another Sender ID that is known here, with this SA's SPI.
static void foreign_sender(void **state)
{
	static const struct lab_tunnel_params a = {.sender_id = 0x1234};
	static const struct lab_tunnel_params b = {.sender_id = 0x0707};
	struct lab *lab = *state;
	struct flow flow = flow_in(1);
	struct rte_mbuf *frame;

	lab_tunnel(lab, &a);
	lab_tunnel(lab, &b);
	lab_protect(lab, 0);
	lab_publish(lab);
	lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &flow));
	frame = peer_seal_flow(lab, 0, 0, &flow);
	store_le16(outer_of(frame) + 20, 0x0707);
	lab_receive(lab, WAN, 0, frame);
	// Nobody's Sender ID: read as ESP, whose SPI that is not.
	frame = peer_seal_flow(lab, 0, 0, &flow);
	store_le16(outer_of(frame) + 20, 0x0808);
	lab_receive(lab, WAN, 0, frame);
	lab_turn(lab, 0);
	expect_delivered(lab, 0, &flow);
	expect_in_drop(lab, 0, 0, DROP_sender_unknown, 1);
	expect_drop(lab, 0, WAN, DROP_no_sa, 1);
	expect_nothing_sent(lab);
}

// Numbers that no sender sends.
static void impossible_numbers(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct flow flow = flow_in(1);
	static const struct {
		uint64_t seq;
		enum drop_reason reason;
	} cases[] = {{0, DROP_seq_zero}, {UINT64_MAX, DROP_seq_max}};

	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct rte_mbuf *frame = peer_seal_flow(lab, 0, 0, &flow);

		store_le64(outer_of(frame) + 24, cases[i].seq);
		lab_receive(lab, WAN, 0, frame);
		expect_in_drop(lab, 0, 0, cases[i].reason, 1);
	}
	for (unsigned i = 0; i < 2; i++) {
		struct rte_mbuf *frame = peer_seal_flow(lab, 0, 0, &flow);

		store_le32(outer_of(frame) + 20, 0);
		lab_receive(lab, WAN, 0, frame);
		expect_in_drop(lab, 0, 0, DROP_vpe_id_zero, 1);
	}
	lab_turn(lab, 0);
	expect_nothing_sent(lab);
	assert_int_equal(atomic_load(&lab->tunnel[0].in->in->windows->used), 0);
}

// A decrypted packet for the gateway itself arrives at the kernel on the address's own port, as a
// frame that its link address accepts.
static void to_gateway_through_tunnel(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	static const char *const to[2] = {"10.1.0.1", "fd01::1"};
	static const char *const from[2] = {"10.100.0.5", "fd00:100::5"};

	for (unsigned i = 0; i < 2; i++) {
		struct flow flow = {.source = from[i], .destination = to[i], .number = i + 5};
		uint8_t packet[PACKET_MAX];
		uint32_t octets = packet_make(&flow, packet);
		struct rte_mbuf *m = NULL;
		const uint8_t *frame;

		lab_receive(lab, WAN, 0, peer_seal(lab, 0, 0, packet, octets));
		lab_turn(lab, 0);
		expect_in(lab, 0, 0, 1, octets);
		expect_punt(lab, 0, WAN, PUNT_other, 1);
		assert_int_equal(lab_punted(lab, &m, 1), 1);
		frame = rte_pktmbuf_mtod(m, const uint8_t *);
		assert_int_equal(meta_of(m)->kind, META_PUNT);
		assert_int_equal(meta_of(m)->port, LAN);
		assert_int_equal(m->data_len, octets + ETHER);
		assert_memory_equal(frame, lab->dp->port[LAN].mac.addr_bytes, 6);
		assert_false(frame[6] & 1);
		assert_int_equal(load_be16(frame + 12), i == 0 ? 0x0800 : 0x86dd);
		assert_memory_equal(frame + ETHER, packet, octets);
		rte_pktmbuf_free(m);
	}
	expect_nothing_sent(lab);
}

// Decrypted, and no way on.
static void no_way_on(void **state)
{
	struct lab *lab = *state;
	static const struct {
		const char *to;
		enum drop_reason reason;
	} cases[] = {
		{"172.16.0.1", DROP_no_route},
		{"198.18.1.1", DROP_route_unreachable},
		{"198.19.0.1", DROP_route_prohibit},
		{"198.19.1.1", DROP_route_blackhole},
		{"224.1.1.1", DROP_multicast},
		{"ff0e::1", DROP_multicast},
		{"fdff::1", DROP_no_route},
	};

	lab_tunnel(lab, NULL);
	lab_tunnel(lab, NULL);
	lab_policy(lab, "0.0.0.0/0", "10.101.0.0/16", POLICY_PROTECT, 1);
	lab_policy(lab, "::/0", "fd00:101::/32", POLICY_PROTECT, 1);
	lab_publish(lab);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct flow flow = {.destination = cases[i].to, .number = i};

		flow.source =
			addr_of(flow.destination).family == IP_V4 ? "10.101.0.5" : "fd00:101::5";
		lab_receive(lab, WAN, 0, peer_seal_flow(lab, 1, 0, &flow));
		lab_turn(lab, 0);
		expect_in(lab, 1, 0, 1, 100);
		expect_drop(lab, 0, WAN, cases[i].reason, 1);
		if (cases[i].reason != DROP_multicast && cases[i].reason != DROP_route_blackhole)
			assert_int_equal(expect_told(lab, META_TELL, WAN, FORWARD_DECRYPTED,
						 cases[i].reason, &flow),
				1);
	}
	expect_nothing_sent(lab);
}

// Its route gone, a decrypted packet must not follow another one back to the wire.
static void not_back_to_the_wire(void **state)
{
	static const char *const to[] = {
		"203.0.113.5", "203.0.112.5", "192.0.2.99", "2001:db8:ffff::1"};
	struct lab *lab = *state;

	lab_tunnel(lab, NULL);
	lab_policy(lab, "0.0.0.0/0", "10.100.0.0/16", POLICY_PROTECT, 0);
	lab_policy(lab, "::/0", "fd00:100::/32", POLICY_PROTECT, 0);
	lab_route(lab, "203.0.112.0/24", ADJACENCY_FORWARD, WAN, "192.0.2.97");
	lab_publish(lab);
	// Each twice: of a flow that is not known, and of one that is.
	for (unsigned i = 0; i < 2 * COUNT(to); i++) {
		struct flow flow = {.source = i / 2 == 3 ? "fd00:100::5" : "10.100.0.5",
			.destination = to[i / 2]};

		lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &flow));
		lab_turn(lab, 0);
		expect_in(lab, 0, 0, 1, 100);
		expect_drop(lab, 0, WAN, DROP_clear_protected, 1);
		expect_told(lab, META_TELL, WAN, FORWARD_DECRYPTED, DROP_clear_protected, &flow);
	}
	expect_nothing_sent(lab);
}

static void over_the_lan_mtu(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct flow flow = flow_in(1);
	uint8_t packet[PACKET_MAX];
	uint32_t octets;

	flow.octets = 1301;
	flow.fragment = IPV4_DONT_FRAGMENT;
	octets = packet_make(&flow, packet);
	lab_receive(lab, WAN, 0, peer_seal(lab, 0, 0, packet, octets));
	lab_turn(lab, 0);
	expect_in(lab, 0, 0, 1, octets);
	expect_drop(lab, 0, WAN, DROP_packet_too_big, 1);
	assert_int_equal(expect_punted(lab, META_TELL, LAN, packet, octets), 1300);
	flow.octets = 1300;
	lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &flow));
	lab_turn(lab, 0);
	expect_delivered(lab, 0, &flow);
}

// Routes to the same neighbour, and to itself, each with a say of its own.
static void over_the_route_mtu(void **state)
{
	static const struct {
		const char *to;
		uint16_t mtu;
	} cases[] = {{"10.1.0.10", 1350}, {"10.7.0.5", 1300}, {"10.8.0.5", 1500}};
	struct lab *lab = *state;

	lab_tunnel(lab, NULL);
	lab_policy(lab, "10.0.0.0/8", "10.100.0.0/16", POLICY_PROTECT, 0);
	lab_route(lab, "10.1.0.0/20", ADJACENCY_LINK, LAN, NULL)->mtu = 1350;
	lab_route(lab, "10.7.0.0/16", ADJACENCY_FORWARD, LAN, "10.1.0.10")->mtu = 1300;
	lab_route(lab, "10.8.0.0/16", ADJACENCY_FORWARD, LAN, "10.1.0.10")->mtu = 9000;
	lab_publish(lab);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct flow flow = {.source = "10.100.0.5",
			.destination = cases[i].to,
			.octets = (uint16_t)(cases[i].mtu + 1),
			.fragment = IPV4_DONT_FRAGMENT};
		uint8_t packet[PACKET_MAX];
		uint32_t octets = packet_make(&flow, packet);

		lab_receive(lab, WAN, 0, peer_seal(lab, 0, 0, packet, octets));
		lab_turn(lab, 0);
		expect_in(lab, 0, 0, 1, octets);
		expect_drop(lab, 0, WAN, DROP_packet_too_big, 1);
		assert_int_equal(expect_punted(lab, META_TELL, LAN, packet, octets), cases[i].mtu);
		flow.octets = cases[i].mtu;
		octets = packet_make(&flow, packet);
		lab_receive(lab, WAN, 0, peer_seal(lab, 0, 0, packet, octets));
		lab_turn(lab, 0);
		expect_in(lab, 0, 0, 1, octets);
		packet_hop(packet);
		expect_sent(lab, LAN, 0, "10.1.0.10", packet, octets);
	}
	expect_nothing_sent(lab);
}

// Fragments inside a tunnel whose policy names ports are nobody's (RFC 4301 section 7).
static void inner_fragments(void **state)
{
	struct lab *lab = *state;
	struct policy *policy;
	struct flow flow = flow_in(1);

	lab_tunnel(lab, NULL);
	lab_tunnel(lab, NULL);
	policy = lab_policy(lab, "10.1.0.0/16", "10.100.0.0/16", POLICY_PROTECT, 0);
	policy->selector.protocol = IP_PROTOCOL_UDP;
	policy->selector.source_port = (struct port_range){53, 53};
	lab_policy(lab, "10.1.0.0/16", "10.101.0.0/16", POLICY_PROTECT, 1);
	lab_publish(lab);
	flow.destination_port = 53;
	lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &flow));
	lab_turn(lab, 0);
	expect_delivered(lab, 0, &flow);
	flow.destination_port = 54;
	lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &flow));
	expect_in_drop(lab, 0, 0, DROP_selector_mismatch, 1);
	flow.destination_port = 53;
	flow.fragment = 0x2000;
	lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &flow));
	expect_drop(lab, 0, WAN, DROP_fragment_ports, 1);
	lab_turn(lab, 0);
	expect_nothing_sent(lab);
	flow.source = "10.101.0.5";
	flow.fragment = 0x0010;
	lab_receive(lab, WAN, 0, peer_seal_flow(lab, 1, 0, &flow));
	lab_turn(lab, 0);
	expect_delivered(lab, 1, &flow);
}

int main(void)
{
	static const struct lab_params small_pool = {.replay_pool_kb = 8};
	static const struct lab_params narrow_lan = {.mtu[LAN] = 1300};
	const struct CMUnitTest tests[] = {
		LAB_TEST(inner_drops, NULL),
		LAB_TEST(inner_padding_and_extensions, NULL),
		LAB_TEST(congestion, NULL),
		LAB_TEST(windows_run_out, &small_pool),
		LAB_TEST(foreign_sender, NULL),
		LAB_TEST(impossible_numbers, NULL),
		LAB_TEST(to_gateway_through_tunnel, NULL),
		LAB_TEST(no_way_on, NULL),
		LAB_TEST(not_back_to_the_wire, NULL),
		LAB_TEST(over_the_lan_mtu, &narrow_lan),
		LAB_TEST(over_the_route_mtu, NULL),
		LAB_TEST(inner_fragments, NULL),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
