// The kernel's frames against the policies, and sources that go nowhere.
#include "host_frames.h"

#include "dataplane/about_path.h"

#define ICMPV6(type) .protocol = IP_PROTOCOL_ICMPV6, .source_port = (type) << 8

// What a policy protects goes into its tunnel, with no hop taken; bypassing traffic leaves as the
// kernel wrote it; discarded and unnamed traffic and fragments that meet ports end.
static void towards_the_wire(void **state)
{
	struct lab *lab = all_tunnels(state);
	struct flow flow = {.source = "10.1.0.1"};
	uint8_t packet[PACKET_MAX];
	struct policy *policy;
	uint32_t octets;

	flow.destination = "10.100.0.5";
	inject_flow(lab, WAN, &flow);
	octets = packet_make(&flow, packet);
	expect_sealed(lab, 0, 0, packet, octets);
	expect_out(lab, 0, 0, 1, octets);
	flow.destination = "10.51.0.5";
	inject_flow(lab, WAN, &flow);
	expect_drop(lab, 0, WAN, DROP_policy_discard, 1);
	flow.destination = "203.0.113.5";
	inject_flow(lab, WAN, &flow);
	expect_as_it_was(lab, WAN, &flow);
	flow.destination = "192.0.2.254";
	inject_flow(lab, WAN, &flow);
	expect_drop(lab, 0, WAN, DROP_policy_none, 1);
	policy = lab_policy(lab, "10.1.0.0/16", "10.60.0.0/16", POLICY_PROTECT, 0);
	policy->selector.protocol = IP_PROTOCOL_UDP;
	policy->selector.destination_port = (struct port_range){7, 7};
	lab_publish_spd(lab);
	flow.destination = "10.60.0.1";
	flow.fragment = 0x2000;
	inject_flow(lab, WAN, &flow);
	expect_drop(lab, 0, WAN, DROP_fragment_ports, 1);
	expect_nothing_sent(lab);
}

// The same sizes as for packets in transit: split, or told; IPv6's minimum enters on any path.
static void own_sizes(void **state)
{
	struct lab *lab = all_tunnels(state);
	struct sa_out *sa = lab->tunnel[0].out->out;
	struct flow flow = {.source = "10.1.0.1", .destination = "10.100.0.5"};
	struct flow flow6 = {.source = "fd01::1", .destination = "fd00:100::5"};
	uint8_t piece[PACKET_MAX];
	uint32_t got;

	sa_out_set_path_mtu(sa, 1300);
	flow.octets = (uint16_t)(sa_out_max_inner(sa) + 1);
	inject_flow(lab, WAN, &flow);
	for (unsigned i = 0; i < 2; i++) {
		struct rte_mbuf *m = lab_sent(lab, WAN, 0);

		assert_non_null(m);
		assert_int_equal(peer_open(lab, 0, m, piece, &got), VERDICT_ACCEPT);
		assert_true(got <= sa_out_max_inner(sa));
		assert_int_equal(piece[IPV4_TTL], 64);
		expect_out(lab, 0, 0, 1, got);
	}
	lab->expected.fragmented[0][WAN]++;
	flow.fragment = IPV4_DONT_FRAGMENT;
	inject_flow(lab, WAN, &flow);
	expect_told(lab, META_TELL, WAN, FORWARD_OWN, DROP_too_big, &flow);
	lab->expected.out[0].drops[0][DROP_too_big] += 2;
	expect_drop(lab, 0, WAN, DROP_too_big, 2);
	flow6.octets = IPV6_MTU_MIN + 1;
	inject_flow(lab, WAN, &flow6);
	assert_int_equal(
		expect_told(lab, META_TELL, WAN, FORWARD_OWN, DROP_too_big, &flow6), IPV6_MTU_MIN);
	expect_nothing_sent(lab);
}

// Neighbour discovery and IKE keep the tunnels up: they pass although a policy protects everything.
static void what_always_passes(void **state)
{
	struct lab *lab = *state;
	static const struct flow flows[] = {
		{.source = "192.0.2.1", .destination = "192.0.2.254", .source_port = 500},
		{.source = "192.0.2.1", .destination = "203.0.113.9", .source_port = 4500},
		{.source = "2001:db8::1", .destination = "2001:db8:ffff::9", .source_port = 500},
		{.source = "192.0.2.1", .destination = "224.0.0.22", .protocol = IP_PROTOCOL_IGMP},
		{.source = "fe80::1", .destination = "ff02::16", ICMPV6(143)},
		{.source = "fe80::1", .destination = "fe80::2", ICMPV6(136)},
		{.source = "2001:db8::1", .destination = "2001:db8::fe", ICMPV6(136)},
		{.source = "2001:db8::1", .destination = "2001:db8::77", ICMPV6(135)},
	};

	lab_tunnel(lab, NULL);
	lab_policy(lab, "0.0.0.0/0", "0.0.0.0/0", POLICY_PROTECT, 0);
	lab_policy(lab, "::/0", "::/0", POLICY_PROTECT, 0);
	lab_publish(lab);
	atomic_store(&lab->tunnel[0].tunnel.out, NULL);
	for (unsigned i = 0; i < COUNT(flows); i++) {
		inject_flow(lab, WAN, &flows[i]);
		expect_as_it_was(lab, WAN, &flows[i]);
	}
}

// What only looks like it, and what else there is, is protected like anything.
static void what_looks_like_it(void **state)
{
	struct lab *lab = *state;
	static const struct flow flows[] = {
		{.source = "192.0.2.1", .destination = "192.0.2.254"},
		{.source = "192.0.2.1", .destination = "192.0.2.254", .destination_port = 500},
		{.source = "192.0.2.1", .destination = "192.0.2.254", .source_port = 14500},
		{.source = "192.0.2.1",
			.destination = "203.0.113.9",
			.source_port = 500,
			.fragment = 0x0100},
		{.source = "10.1.0.1", .destination = "10.100.0.5", .source_port = 500},
		{.source = "10.1.0.1", .destination = "192.0.2.254", .source_port = 4500},
		{.source = "fd01::1", .destination = "fd00:100::5", .source_port = 500},
		{.source = "10.1.0.1", .destination = "203.0.113.5", .protocol = IP_PROTOCOL_IGMP},
		{.source = "2001:db8::1", .destination = "2001:db8:ffff::9", ICMPV6(135)},
		{.source = "2001:db8::1", .destination = "fd01::10", ICMPV6(136)},
		{.source = "2001:db8::1", .destination = "2001:db8::fe", ICMPV6(128)},
		{.source = "2001:db8::1", .destination = "2001:db9::1", ICMPV6(143)},
	};
	struct flow inside = {.source = "192.0.2.1", .destination = "10.1.0.10"};

	lab_tunnel(lab, NULL);
	lab_policy(lab, "0.0.0.0/0", "0.0.0.0/0", POLICY_PROTECT, 0);
	lab_policy(lab, "::/0", "::/0", POLICY_PROTECT, 0);
	lab_publish(lab);
	atomic_store(&lab->tunnel[0].tunnel.out, NULL);
	for (unsigned i = 0; i < COUNT(flows); i++)
		inject_flow(lab, WAN, &flows[i]);
	expect_drop(lab, 0, WAN, DROP_no_outbound_sa, COUNT(flows));
	for (unsigned i = 0; i < COUNT(flows); i++)
		expect_told(lab, META_TELL, WAN, FORWARD_OWN, DROP_no_outbound_sa, &flows[i]);
	expect_nothing_sent(lab);
	// The protected side is not the policies' business.
	inject_flow(lab, LAN, &inside);
	expect_as_it_was(lab, LAN, &inside);
}

// The worker that owns the port's transmit queue may be one that does not encrypt.
static void where_the_first_worker_decrypts(void **state)
{
	struct lab *lab = all_tunnels(state);
	struct flow flow = {.source = "10.1.0.1"};
	uint8_t frame[PACKET_MAX], packet[PACKET_MAX];

	for (unsigned tunnel = 0; tunnel < lab->tunnels; tunnel++) {
		char destination[16];
		struct rte_mbuf *m = inject_alloc(lab->dp);
		uint32_t octets;

		snprintf(destination, sizeof(destination), "10.%u.0.5", 100 + tunnel);
		flow.destination = destination;
		octets = frame_of(lab, WAN, &flow, frame);
		memcpy(append_zeros(m, (uint16_t)octets), frame, octets);
		assert_true(inject(lab->dp, m, META_FRAME, WAN));
		lab_turn_all(lab);
		lab->expected.injected[1][WAN]++;
		octets = packet_make(&flow, packet);
		expect_sealed(lab, 1, tunnel, packet, octets);
		expect_out(lab, tunnel, 1, 1, octets);
	}
}

static void malformed_frames(void **state)
{
	struct lab *lab = all_tunnels(state);
	struct flow flow = {.source = "10.1.0.1", .destination = "10.100.0.5"};
	struct flow flow6 = {.source = "fd01::1", .destination = "fd00:100::5"};
	uint8_t frame[PACKET_MAX];

	frame_of(lab, WAN, &flow, frame);
	inject_octets(lab, WAN, frame, ETHER + 19);
	frame_of(lab, WAN, &flow6, frame);
	inject_octets(lab, WAN, frame, ETHER + 39);
	inject_octets(lab, WAN, frame, ETHER);
	expect_drop(lab, 0, WAN, DROP_ip_header, 3);
	inject_octets(lab, WAN, frame, ETHER - 1);
	expect_drop(lab, 0, WAN, DROP_eth_runt, 1);
	// The version that neither family has, and each family's in the other's frame.
	frame_of(lab, WAN, &flow, frame);
	frame[ETHER] = 0x55;
	inject_octets(lab, WAN, frame, ETHER + 20);
	frame[ETHER] = 0x65;
	inject_octets(lab, WAN, frame, ETHER + 40);
	expect_drop(lab, 0, WAN, DROP_ip_version, 2);
	// A header that is longer than the packet, a packet that is longer than the frame.
	frame[ETHER] = 0x4f;
	inject_octets(lab, WAN, frame, ETHER + 20);
	expect_drop(lab, 0, WAN, DROP_ip_length, 1);
	store_be16(frame + ETHER + 2, 20);
	inject_octets(lab, WAN, frame, ETHER + 20);
	expect_drop(lab, 0, WAN, DROP_ip_header, 1);
	expect_nothing_sent(lab);
}

// What the link needs leaves; IP behind a tag, and whatever else there is, does not.
static void frames_without_ip(void **state)
{
	struct lab *lab = all_tunnels(state);
	static const struct {
		uint16_t type;
		bool leaves;
	} types[] = {{0x0806, true}, {0x88cc, true}, {0x8809, true}, {0x888e, true},
		{0x8100, false}, {0x88a8, false}, {0x8847, false}, {0x8864, false}, {0x8863, false},
		{0x0026, false}, {0x6558, false}, {0x88e5, false}};
	struct flow flow = {.source = "10.1.0.1", .destination = "10.100.0.5"};
	uint8_t frame[PACKET_MAX];
	uint32_t octets = frame_of(lab, WAN, &flow, frame);

	for (unsigned i = 0; i < COUNT(types); i++) {
		struct rte_mbuf *m;

		store_be16(frame + 12, types[i].type);
		inject_octets(lab, WAN, frame, octets);
		m = lab_sent(lab, WAN, 0);
		assert_int_equal(m != NULL, types[i].leaves);
		rte_pktmbuf_free(m);
		if (!types[i].leaves)
			expect_drop(lab, 0, WAN, DROP_eth_type, 1);
		// The protected side is not the policies' business.
		inject_octets(lab, LAN, frame, octets);
		m = lab_sent(lab, LAN, 0);
		assert_non_null(m);
		rte_pktmbuf_free(m);
	}
}

// Sources that are for one link only, or for none, are not forwarded in any direction.
static void sources(void **state)
{
	struct lab *lab = *state;
	static const char *const wrong4[] = {"0.0.0.0", "0.1.2.3"};
	static const char *const wrong6[] = {"::", "fe80::10", "febf::1"};

	lab_policy(lab, "0.0.0.0/0", "0.0.0.0/0", POLICY_BYPASS, 0);
	lab_policy(lab, "::/0", "::/0", POLICY_BYPASS, 0);
	lab_publish(lab);
	for (unsigned port = 0; port < LAB_PORTS; port++) {
		for (unsigned i = 0; i < COUNT(wrong4) + COUNT(wrong6); i++) {
			bool v6 = i >= COUNT(wrong4);
			struct flow flow = {.source = v6 ? wrong6[i - COUNT(wrong4)] : wrong4[i],
				.destination = v6 ? "fd01::10" : "10.1.0.10"};

			lab_receive_flow(lab, port, 0, &flow);
		}
		lab_turn(lab, 0);
		expect_drop(lab, 0, port, DROP_ip_source, COUNT(wrong4) + COUNT(wrong6));
	}
	expect_nothing_sent(lab);
}

static void decrypted_sources(void **state)
{
	struct lab *lab = *state;
	static const char *const wrong[] = {"127.0.0.1", "224.0.0.1", "0.0.0.0", "255.255.255.255"};

	lab_tunnel(lab, NULL);
	lab_policy(lab, "10.1.0.0/16", "0.0.0.0/0", POLICY_PROTECT, 0);
	lab_publish(lab);
	for (unsigned i = 0; i < COUNT(wrong); i++) {
		struct flow flow = {.source = wrong[i], .destination = "10.1.0.10"};

		lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &flow));
	}
	lab_turn(lab, 0);
	expect_drop(lab, 0, WAN, DROP_ip_source, COUNT(wrong));
	expect_nothing_sent(lab);
}

static uint32_t too_big_about(
	uint8_t *packet, const char *to, const char *from, uint8_t protocol, uint16_t quoted_octets)
{
	bool ipv6 = addr_of(to).family == IP_V6;
	struct flow quoted = {.source = from,
		.destination = ipv6 ? "2001:db8::100" : "192.0.2.100",
		.protocol = protocol,
		.octets = 100};
	struct flow icmp = {.source = ipv6 ? "2001:db8:ffff::9" : "203.0.113.9",
		.destination = to,
		.protocol = ipv6 ? IP_PROTOCOL_ICMPV6 : IP_PROTOCOL_ICMP,
		.octets = (uint16_t)(quoted_octets + (ipv6 ? 48 : 28))};
	uint32_t octets = packet_make(&icmp, packet);
	uint8_t *message = packet + (ipv6 ? IPV6_HEADER : IPV4_HEADER_MIN);

	message[0] = ipv6 ? 2 : 3;
	message[1] = ipv6 ? 0 : 4;
	packet_make(&quoted, message + 8);
	return octets;
}

// The quoted packets have SPI 0.
static void send_to_peers(struct lab *lab)
{
	struct sa sa4 = {.params.remote = addr_of("192.0.2.100")};
	struct sa sa6 = {.params.remote = addr_of("2001:db8::100")};
	struct sa *const sas[] = {&sa4, &sa6};

	about_path_set(lab->dp, sas, COUNT(sas));
}

// What nothing was sent to, nobody can have found too big. Where the SPI of one protocol is not
// quoted that cannot be known, and takes from the limit of ICMP.
static void about_the_path_forged(void **state)
{
	struct lab *lab = all_tunnels(state);
	struct sa sa = {.params = {.remote = addr_of("192.0.2.100"), .spi = 1}};
	struct sa *const sas[] = {&sa};
	uint8_t packet[PACKET_MAX], frame[ETHER + PACKET_MAX];
	uint32_t octets = too_big_about(packet, "192.0.2.1", "192.0.2.1", IP_PROTOCOL_ESP, 100);
	struct rte_mbuf *m;

	about_path_set(lab->dp, sas, COUNT(sas));
	lab_receive(lab, WAN, 0, frame_make(lab, WAN, packet, octets));
	lab_turn(lab, 0);
	expect_drop(lab, 0, WAN, DROP_path_mtu_forged, 1);
	octets = too_big_about(packet, "192.0.2.1", "192.0.2.1", IP_PROTOCOL_ESP, 28);
	m = frame_make(lab, WAN, packet, octets);
	memcpy(frame, rte_pktmbuf_mtod(m, void *), ETHER + octets);
	lab_receive(lab, WAN, 0, m);
	lab_turn(lab, 0);
	expect_punted(lab, META_PATH_MTU, WAN, frame, ETHER + octets);
	expect_punt(lab, 0, WAN, PUNT_icmp, 1);
	expect_nothing_sent(lab);
}

// What routers say about our own tunnel packets is for control; anything like it is the kernel's.
static void about_the_path(void **state)
{
	static const struct {
		const char *to;
		const char *from; // who sent what was too big
		uint8_t protocol;
		uint8_t port;
		enum meta_kind kind;
	} cases[] = {
		{"192.0.2.1", "192.0.2.1", IP_PROTOCOL_ESP, WAN, META_PATH_MTU},
		{"2001:db8::1", "2001:db8::1", IP_PROTOCOL_ESP, WAN, META_PATH_MTU},
		{"192.0.2.1", "192.0.2.1", IP_PROTOCOL_UDP, WAN, META_PUNT},
		{"2001:db8::1", "2001:db8::1", IP_PROTOCOL_TCP, WAN, META_PUNT},
		{"192.0.2.1", "192.0.2.77", IP_PROTOCOL_ESP, WAN, META_PUNT},
		{"10.1.0.1", "10.1.0.1", IP_PROTOCOL_ESP, LAN, META_PUNT},
		{"192.0.2.1", "192.0.2.1", IP_PROTOCOL_ESP, LAN, META_PUNT},
	};
	struct lab *lab = all_tunnels(state);

	send_to_peers(lab);
	lab_policy(lab, "0.0.0.0/0", "203.0.113.9", POLICY_BYPASS, 0);
	lab_policy(lab, "::/0", "2001:db8:ffff::9", POLICY_BYPASS, 0);
	lab_publish_spd(lab);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		uint8_t frame[ETHER + PACKET_MAX];
		uint32_t octets = too_big_about(
			frame + ETHER, cases[i].to, cases[i].from, cases[i].protocol, 100);
		struct rte_mbuf *m = frame_make(lab, cases[i].port, frame + ETHER, octets);

		memcpy(frame, rte_pktmbuf_mtod(m, void *), ETHER);
		lab_receive(lab, cases[i].port, 0, m);
		lab_turn(lab, 0);
		expect_punted(lab, cases[i].kind, cases[i].port, frame, ETHER + octets);
		expect_punt(lab, 0, cases[i].port,
			cases[i].kind == META_PATH_MTU ? PUNT_path_mtu : PUNT_icmp, 1);
	}
	expect_nothing_sent(lab);
}

// Control lowers what a tunnel takes while workers use it.
static void smaller_path(void **state)
{
	struct lab *lab = all_tunnels(state);
	char to[IP_ADDR_TEXT];

	for (unsigned t = 0; t < COUNT(kinds); t++) {
		struct sa_out *sa = lab->tunnel[t].out->out;
		struct flow flow = flow_out(t);

		snprintf(to, sizeof(to), "10.%u.0.1", 100 + t);
		flow.destination = to;
		flow.fragment = IPV4_DONT_FRAGMENT;
		for (uint16_t mtu = 1500; mtu >= 1300; mtu -= 100) {
			sa_out_set_path_mtu(sa, mtu);
			flow.octets = sa_out_max_inner(sa);
			send_out(lab, &flow);
			lab_turn(lab, 0);
			expect_tunneled(lab, t, &flow);
			flow.octets++;
			send_out(lab, &flow);
			lab_turn(lab, 0);
			expect_out_drop(lab, t, 0, DROP_too_big, 1);
			assert_int_equal(expect_told(lab, META_TELL, LAN, FORWARD_TRANSIT,
						 DROP_too_big, &flow),
				flow.octets - 1);
		}
	}
}

// No policy has to let it pass, as none has to let tunnel packets pass; what is the kernel's needs
// one.
static void about_the_path_unasked(void **state)
{
	struct lab *lab = all_tunnels(state);
	uint8_t packet[PACKET_MAX], frame[ETHER + PACKET_MAX];
	uint32_t octets = too_big_about(packet, "192.0.2.1", "192.0.2.1", IP_PROTOCOL_ESP, 100);
	struct rte_mbuf *m = frame_make(lab, WAN, packet, octets);

	send_to_peers(lab);
	memcpy(frame, rte_pktmbuf_mtod(m, void *), ETHER + octets);
	lab_receive(lab, WAN, 0, m);
	lab_turn(lab, 0);
	expect_punted(lab, META_PATH_MTU, WAN, frame, ETHER + octets);
	expect_punt(lab, 0, WAN, PUNT_path_mtu, 1);
	octets = too_big_about(packet, "192.0.2.1", "192.0.2.1", IP_PROTOCOL_UDP, 100);
	lab_receive(lab, WAN, 0, frame_make(lab, WAN, packet, octets));
	lab_turn(lab, 0);
	expect_drop(lab, 0, WAN, DROP_policy_none, 1);
	expect_nothing_sent(lab);
}

int main(void)
{
	static const struct lab_params decrypt_first = {.roles = "de", .tx = {2, 2}};
	const struct CMUnitTest tests[] = {
		LAB_TEST(towards_the_wire, NULL),
		LAB_TEST(what_always_passes, NULL),
		LAB_TEST(about_the_path_forged, NULL),
		LAB_TEST(what_looks_like_it, NULL),
		LAB_TEST(where_the_first_worker_decrypts, &decrypt_first),
		LAB_TEST(malformed_frames, NULL),
		LAB_TEST(frames_without_ip, NULL),
		LAB_TEST(own_sizes, NULL),
		LAB_TEST(about_the_path, NULL),
		LAB_TEST(about_the_path_unasked, NULL),
		LAB_TEST(smaller_path, NULL),
		LAB_TEST(sources, NULL),
		LAB_TEST(decrypted_sources, NULL),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
