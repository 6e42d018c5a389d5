// What comes for the gateway itself: the kernel's without a policy, with one, never.
#include "out_flows.h"

#define ICMPV6(type) .protocol = IP_PROTOCOL_ICMPV6, .source_port = (type) << 8

static void send_and_turn(struct lab *lab, unsigned port, const struct flow *flow)
{
	lab_receive_flow(lab, port, 0, flow);
	lab_turn(lab, 0);
}

static void expect_for_kernel(
	struct lab *lab, unsigned port, const struct flow *flow, enum punt_class class)
{
	uint8_t packet[PACKET_MAX];
	uint8_t frame[PACKET_MAX];
	struct rte_mbuf *m = frame_make(lab, port, packet, packet_make(flow, packet));

	memcpy(frame, rte_pktmbuf_mtod(m, void *), m->data_len);
	expect_punt(lab, 0, port, class, 1);
	expect_punted(lab, META_PUNT, port, frame, m->data_len);
	rte_pktmbuf_free(m);
}

static const struct flow vital[] = {
	{.source = "203.0.113.5", .destination = "192.0.2.1", .destination_port = 500},
	{.source = "203.0.113.5", .destination = "192.0.2.1", .destination_port = 4500},
	{.source = "2001:db8::77", .destination = "2001:db8::1", .destination_port = 4500},
	{.source = "fe80::77", .destination = "ff02::1", .ttl = 255, ICMPV6(136)},
	{.source = "2001:db8::77", .destination = "2001:db8::1", .ttl = 255, ICMPV6(135)},
	{.source = "fe80::77", .destination = "ff02::1", ICMPV6(130)},
	{.source = "192.0.2.254", .destination = "224.0.0.1", .protocol = IP_PROTOCOL_IGMP},
};

// Neighbours and IKE get to the kernel whatever the policies say.
static void vital_from_the_wire(void **state)
{
	struct lab *lab = *state;

	lab_tunnel(lab, NULL);
	lab_policy(lab, "0.0.0.0/0", "0.0.0.0/0", POLICY_PROTECT, 0);
	lab_policy(lab, "::/0", "::/0", POLICY_DISCARD, 0);
	lab_publish(lab);
	for (unsigned i = 0; i < COUNT(vital); i++) {
		send_and_turn(lab, WAN, &vital[i]);
		expect_for_kernel(lab, WAN, &vital[i],
			i < 3		? PUNT_ike
				: i < 5 ? PUNT_newcomer
					: PUNT_membership);
	}
}

// Of stations that the gateway knows: advertisements by what they are about, the rest by its
// source.
static void discovery_of_neighbours(void **state)
{
	struct lab *lab = *state;
	static const struct {
		uint8_t type;
		const char *source;
		const char *target;
		const char *mac; // of this neighbour
		enum punt_class class;
	} cases[] = {
		{135, "fe80::5", "2001:db8::1", "fe80::5", PUNT_neighbour},
		{135, "fe80::5", "2001:db8::1", "fe80::6", PUNT_newcomer},
		{135, "fe80::7", "fe80::5", "fe80::5", PUNT_newcomer},
		{136, "fe80::7", "fe80::5", "fe80::5", PUNT_neighbour},
		{136, "fe80::5", "fe80::7", "fe80::5", PUNT_newcomer},
		{136, "fe80::5", "fe80::5", "fe80::6", PUNT_newcomer},
		{133, "fe80::5", "fe80::7", "fe80::5", PUNT_neighbour},
		{135, "fe80::66", "2001:db8::1", "fe80::66", PUNT_newcomer}, // it did not answer
	};

	lab_neighbour(lab, "fe80::5", WAN, false);
	lab_neighbour(lab, "fe80::66", WAN, true);
	lab_publish(lab);
	for (unsigned i = 0; i < COUNT(cases) * LAB_PORTS; i++) {
		unsigned port = i % LAB_PORTS;
		struct flow flow = {.source = cases[i / LAB_PORTS].source,
			.destination = "ff02::1",
			.ttl = 255,
			ICMPV6(cases[i / LAB_PORTS].type)};
		struct rte_ether_addr mac = mac_of(cases[i / LAB_PORTS].mac);
		struct rte_mbuf *m;
		uint8_t packet[PACKET_MAX];
		uint32_t octets = packet_make(&flow, packet);

		memcpy(packet + IPV6_HEADER + 8, addr_of(cases[i / LAB_PORTS].target).octets, 16);
		m = frame_make(lab, port, packet, octets);
		memcpy(rte_pktmbuf_mtod_offset(m, uint8_t *, 6), mac.addr_bytes, 6);
		lab_receive(lab, port, 0, m);
		lab_turn(lab, 0);
		expect_punt(
			lab, 0, port, port == WAN ? cases[i / LAB_PORTS].class : PUNT_newcomer, 1);
		assert_int_equal(lab_punted(lab, &m, 1), 1);
		rte_pktmbuf_free(m);
	}
}

// An advertisement that is cut off before its target is about nobody.
static void advertisement_cut_short(void **state)
{
	struct lab *lab = *state;
	struct flow flow = {.source = "fe80::5", .destination = "ff02::1", .ttl = 255, ICMPV6(136)};

	lab_publish(lab);
	for (uint16_t octets = IPV6_HEADER + 4; octets < IPV6_HEADER + 8 + 16; octets++) {
		uint8_t packet[PACKET_MAX];
		struct rte_mbuf *m;

		packet_make(&flow, packet);
		store_be16(packet + IPV6_PAYLOAD_LENGTH, (uint16_t)(octets - IPV6_HEADER));
		lab_receive(lab, WAN, 0, frame_make(lab, WAN, packet, octets));
		lab_turn(lab, 0);
		expect_punt(lab, 0, WAN, PUNT_newcomer, 1);
		assert_int_equal(lab_punted(lab, &m, 1), 1);
		rte_pktmbuf_free(m);
	}
}

// Neighbour discovery that came through a router is nobody's neighbour's.
static void forwarded_neighbour_discovery(void **state)
{
	struct lab *lab = *state;
	static const uint8_t hop_limits[] = {254, 64, 1};
	static const char *const to[] = {"2001:db8::1", "ff02::1", "fd01::1"};

	lab_policy(lab, "::/0", "::/0", POLICY_BYPASS, 0);
	lab_publish(lab);
	for (uint16_t type = 133; type <= 137; type++) {
		for (unsigned i = 0; i < COUNT(hop_limits) * COUNT(to) * LAB_PORTS; i++) {
			unsigned port = i % LAB_PORTS;
			struct flow flow = {.source = "2001:db8:ffff::5",
				.destination = to[i / LAB_PORTS % COUNT(to)],
				.ttl = hop_limits[i / LAB_PORTS / COUNT(to)],
				ICMPV6(type)};

			send_and_turn(lab, port, &flow);
			expect_drop(lab, 0, port, DROP_neighbour_forwarded, 1);
			flow.ttl = 255;
			send_and_turn(lab, port, &flow);
			expect_for_kernel(lab, port, &flow, PUNT_newcomer);
		}
	}
}

// By the other family they would tell nothing, and are not let in unasked.
static void of_the_wrong_family(void **state)
{
	struct lab *lab = *state;
	static const struct flow flows[] = {
		{.source = "203.0.113.5", .destination = "192.0.2.1", .ttl = 255, ICMPV6(135)},
		{.source = "203.0.113.5", .destination = "192.0.2.1", ICMPV6(130)},
		{.source = "2001:db8:ffff::5",
			.destination = "2001:db8::1",
			.protocol = IP_PROTOCOL_IGMP},
	};

	lab_publish(lab);
	for (unsigned i = 0; i < COUNT(flows); i++) {
		send_and_turn(lab, WAN, &flows[i]);
		expect_drop(lab, 0, WAN, DROP_policy_none, 1);
	}
}

// Everything else for the gateway is the kernel's by a policy only; groups too.
static void by_policy(void **state)
{
	struct lab *lab = *state;
	static const struct {
		struct flow flow;
		enum punt_class class;
	} cases[] = {
		{{.source = "203.0.113.5", .destination = "192.0.2.1"}, PUNT_other},
		{{.source = "203.0.113.5", .destination = "192.0.2.1", .protocol = 1}, PUNT_icmp},
		{{.source = "203.0.113.5", .destination = "192.0.2.1", .source_port = 500},
			PUNT_other},
		{{.source = "203.0.113.5", .destination = "10.1.0.1", .destination_port = 500},
			PUNT_ike},
		{{.source = "192.0.2.77", .destination = "224.0.0.5", .protocol = IP_PROTOCOL_OSPF},
			PUNT_routing},
	};
	struct policy *policy;

	lab_tunnel(lab, NULL);
	policy = lab_policy(lab, "0.0.0.0/0", "0.0.0.0/0", POLICY_DISCARD, 0);
	for (unsigned round = 0; round < 4; round++) {
		static const enum drop_reason reasons[] = {
			DROP_policy_discard, DROP_clear_protected, DROP_NONE, DROP_policy_none};

		policy->action = round == 0 ? POLICY_DISCARD
			: round == 1	    ? POLICY_PROTECT
					    : POLICY_BYPASS;
		policy->tunnel = &lab->tunnel[0].tunnel;
		if (round == 3)
			lab->policies = 0;
		lab_publish(lab);
		for (unsigned i = 0; i < COUNT(cases); i++) {
			send_and_turn(lab, WAN, &cases[i].flow);
			if (reasons[round] == DROP_NONE)
				expect_for_kernel(lab, WAN, &cases[i].flow, cases[i].class);
			else
				expect_drop(lab, 0, WAN, reasons[round], 1);
		}
	}
}

// What a policy lets in, and IKE, but whose answer would go inside: the kernel's, which may quote
// it, or a host's. Neighbours may claim what they want, as on any link.
static void from_the_wire_with_inside_sources(void **state)
{
	struct lab *lab = *state;
	static const char *const inside4[] = {
		"10.1.0.10", "10.1.0.66", "10.1.0.99", "10.1.0.1", "192.0.2.1", "198.51.100.9"};
	static const char *const inside6[] = {"fd01::10", "fd01::99", "fd01::1", "2001:db8::1"};
	static const char *const to4[] = {"192.0.2.1", "10.1.0.1", "10.1.0.10", "203.0.113.9"};
	static const char *const to6[] = {"2001:db8::1", "fd01::1", "fd01::10"};
	struct flow flow = {.source = "192.0.2.77", .destination = "192.0.2.1"};
	unsigned n = 0;

	lab_route(lab, "198.51.100.0/24", ADJACENCY_FORWARD, LAN, "10.1.0.10");
	lab_policy(lab, "0.0.0.0/0", "0.0.0.0/0", POLICY_BYPASS, 0);
	lab_policy(lab, "::/0", "::/0", POLICY_BYPASS, 0);
	lab_publish(lab);
	for (unsigned i = 0; i < COUNT(inside4) * COUNT(to4); i++, n++) {
		flow.source = inside4[i / COUNT(to4)];
		flow.destination = to4[i % COUNT(to4)];
		send_and_turn(lab, WAN, &flow);
	}
	for (unsigned i = 0; i < COUNT(inside6) * COUNT(to6); i++, n++) {
		flow.source = inside6[i / COUNT(to6)];
		flow.destination = to6[i % COUNT(to6)];
		send_and_turn(lab, WAN, &flow);
	}
	expect_drop(lab, 0, WAN, DROP_source_inside, n);
	flow = (struct flow){
		.source = "10.1.0.10", .destination = "192.0.2.1", .destination_port = 500};
	lab->policies = 0;
	lab_publish(lab);
	send_and_turn(lab, WAN, &flow);
	expect_drop(lab, 0, WAN, DROP_source_inside, 1);
	expect_nothing_sent(lab);
	flow.source = "192.0.2.77";
	send_and_turn(lab, WAN, &flow);
	expect_for_kernel(lab, WAN, &flow, PUNT_ike);
	flow = (struct flow){
		.source = "fd01::10", .destination = "2001:db8::1", .ttl = 255, ICMPV6(135)};
	send_and_turn(lab, WAN, &flow);
	expect_for_kernel(lab, WAN, &flow, PUNT_newcomer);
}

// From the protected side no policy is asked.
static void from_the_protected_side(void **state)
{
	struct lab *lab = *state;
	static const struct flow flows[] = {
		{.source = "10.1.0.10", .destination = "10.1.0.1"},
		{.source = "10.1.0.10", .destination = "192.0.2.1"},
		{.source = "10.1.0.10", .destination = "224.0.0.251"},
		{.source = "fd01::10", .destination = "fd01::1"},
	};

	lab_publish(lab);
	for (unsigned i = 0; i < COUNT(flows); i++) {
		send_and_turn(lab, LAN, &flows[i]);
		expect_for_kernel(lab, LAN, &flows[i], PUNT_other);
	}
}

// UDP on the tunnels' ports.
static void tunnels_in_udp(void **state)
{
	struct lab *lab = *state;
	struct flow flow = {.source = "203.0.113.5", .destination = "192.0.2.1"};
	uint8_t packet[PACKET_MAX];

	lab_policy(lab, "0.0.0.0/0", "0.0.0.0/0", POLICY_BYPASS, 0);
	lab_publish(lab);
	flow.destination_port = 14500;
	send_and_turn(lab, WAN, &flow);
	expect_drop(lab, 0, WAN, DROP_udp_no_sa, 1);
	flow.destination_port = 4500;
	flow.number = UINT64_C(0x12345678) << 32; // no marker of four zeros
	send_and_turn(lab, WAN, &flow);
	expect_drop(lab, 0, WAN, DROP_udp_no_sa, 1);
	// Shorter than the marker, empty, and the keepalive.
	for (uint16_t payload = 0; payload < 4; payload++) {
		uint32_t l4 = IPV4_HEADER_MIN;

		flow.number = UINT64_MAX;
		packet_make(&flow, packet);
		store_be16(packet + IPV4_TOTAL_LENGTH, (uint16_t)(l4 + 8 + payload));
		packet_sum(packet);
		lab_receive(lab, WAN, 0, frame_make(lab, WAN, packet, l4 + 8 + payload));
		lab_turn(lab, 0);
		expect_drop(lab, 0, WAN, payload == 1 ? DROP_nat_keepalive : DROP_udp_no_sa, 1);
	}
	// Through the gateway they are packets like any.
	flow.destination = "10.1.0.10";
	send_and_turn(lab, WAN, &flow);
	expect_clear(lab, LAN, flow.destination, &flow);
}

// Tunnel packets are never the kernel's; a host's own tunnel through the gateway is traffic as any.
static void tunnel_packets(void **state)
{
	struct lab *lab = *state;
	struct flow flow = {
		.source = "203.0.113.5", .destination = "192.0.2.1", .protocol = IP_PROTOCOL_ESP};

	lab_policy(lab, "10.1.0.0/16", "0.0.0.0/0", POLICY_BYPASS, 0);
	lab_publish(lab);
	lab_receive_flow(lab, WAN, 0, &flow);
	lab_turn(lab, 0);
	expect_drop(lab, 0, WAN, DROP_no_sa, 1);
	flow.fragment = 0x2000;
	lab_receive_flow(lab, WAN, 0, &flow);
	lab_turn(lab, 0);
	expect_drop(lab, 0, WAN, DROP_outer_fragment, 1);
	flow.fragment = 0;
	flow.source = "10.1.0.10";
	flow.destination = "10.1.0.1";
	lab_receive_flow(lab, LAN, 0, &flow);
	lab_turn(lab, 0);
	expect_drop(lab, 0, LAN, DROP_no_sa, 1);
	flow.source = "203.0.113.5";
	flow.destination = "10.1.0.10";
	lab_receive_flow(lab, WAN, 0, &flow);
	lab_turn(lab, 0);
	expect_clear(lab, LAN, flow.destination, &flow);
	flow.fragment = 0x2000;
	lab_receive_flow(lab, WAN, 0, &flow);
	lab_turn(lab, 0);
	expect_clear(lab, LAN, flow.destination, &flow);
	expect_nothing_sent(lab);
}

// A host's own tunnel through the gateway that has an SPI of ours by chance.
static void tunnel_packets_with_our_spi(void **state)
{
	struct lab *lab = *state;
	struct flow flow = {.source = "203.0.113.5", .destination = "10.1.0.10"};
	struct ip_addr from = addr_of(flow.source), to = addr_of(flow.destination);
	uint8_t packet[PACKET_MAX], *outer;
	struct rte_mbuf *m;
	uint32_t octets;

	lab_tunnel(lab, NULL);
	lab_policy(lab, "10.1.0.0/16", "0.0.0.0/0", POLICY_BYPASS, 0);
	lab_publish(lab);
	m = peer_seal_flow(lab, 0, 0, &flow);
	octets = m->data_len - ETHER;
	outer = rte_pktmbuf_mtod_offset(m, uint8_t *, ETHER);
	memcpy(outer + IPV4_SOURCE, from.octets, 4);
	memcpy(outer + IPV4_DESTINATION, to.octets, 4);
	packet_sum(outer);
	memcpy(packet, outer, octets);
	lab_receive(lab, WAN, 0, m);
	lab_turn(lab, 0);
	packet_hop(packet);
	expect_sent(lab, LAN, 0, flow.destination, packet, octets);
	expect_nothing_sent(lab);
}

// Out of a tunnel, for the gateway's own address on either side: by the protected side's interface,
// so that the answer meets the policies. What tells of neighbours is believed on its own link only.
static void decrypted(void **state)
{
	struct lab *lab = *state;
	static const uint8_t source[6] = {2};
	struct flow flow = {.source = "203.0.113.5"};
	static const char *const ours[] = {"10.1.0.1", "192.0.2.1"};
	struct flow advertisement = {
		.source = "2001:db8:ffff::5", .destination = "fd01::1", .ttl = 255, ICMPV6(136)};
	uint8_t frame[PACKET_MAX];

	lab_tunnel(lab, NULL);
	lab_policy(lab, "0.0.0.0/0", "0.0.0.0/0", POLICY_PROTECT, 0);
	lab_policy(lab, "::/0", "::/0", POLICY_PROTECT, 0);
	lab_publish(lab);
	for (unsigned i = 0; i < COUNT(ours); i++) {
		flow.destination = ours[i];
		lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &flow));
		lab_turn(lab, 0);
		memcpy(frame, lab->dp->port[LAN].mac.addr_bytes, 6);
		memcpy(frame + 6, source, 6);
		store_be16(frame + 12, RTE_ETHER_TYPE_IPV4);
		expect_punt(lab, 0, WAN, PUNT_other, 1);
		expect_punted(
			lab, META_PUNT, LAN, frame, ETHER + packet_make(&flow, frame + ETHER));
		expect_in(lab, 0, 0, 1, 100);
	}
	lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &advertisement));
	flow.protocol = IP_PROTOCOL_ESP;
	lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &flow));
	lab_turn(lab, 0);
	expect_in(lab, 0, 0, 2, 200);
	expect_drop(lab, 0, WAN, DROP_neighbour_tunnelled, 1);
	expect_drop(lab, 0, WAN, DROP_no_sa, 1);
}

// ICMP echo and answers from an address by which a tunnel is probed have a class of their own, and
// control learns which tunnel they came out of. Other ICMP from there, and echoes from elsewhere,
// are the kernel's.
static void probes(void **state)
{
	struct lab *lab = *state;
	static const struct {
		const char *source;
		const char *destination;
		uint8_t protocol;
		uint8_t type;
		enum punt_class class;
	} cases[] = {
		{"203.0.113.5", "10.1.0.1", IP_PROTOCOL_ICMP, 0, PUNT_probe},
		{"203.0.113.5", "10.1.0.1", IP_PROTOCOL_ICMP, 8, PUNT_probe},
		{"203.0.113.5", "10.1.0.1", IP_PROTOCOL_ICMP, 3, PUNT_icmp},
		{"203.0.113.6", "10.1.0.1", IP_PROTOCOL_ICMP, 0, PUNT_icmp},
		{"2001:db8:ffff::5", "fd01::1", IP_PROTOCOL_ICMPV6, 129, PUNT_probe},
		{"2001:db8:ffff::5", "fd01::1", IP_PROTOCOL_ICMPV6, 128, PUNT_probe},
		{"2001:db8:ffff::5", "fd01::1", IP_PROTOCOL_ICMPV6, 1, PUNT_icmp},
	};
	struct ip_addr peer[2];

	ip_addr_parse("203.0.113.5", &peer[0]);
	ip_addr_parse("2001:db8:ffff::5", &peer[1]);
	dataplane_set_probed(lab->dp, peer, COUNT(peer));
	lab_tunnel(lab, NULL);
	lab_policy(lab, "0.0.0.0/0", "0.0.0.0/0", POLICY_PROTECT, 0);
	lab_policy(lab, "::/0", "::/0", POLICY_PROTECT, 0);
	lab_publish(lab);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct flow flow = {.source = cases[i].source,
			.destination = cases[i].destination,
			.protocol = cases[i].protocol,
			.source_port = (uint16_t)(cases[i].type << 8)};
		struct rte_mbuf *m;

		lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &flow));
		lab_turn(lab, 0);
		expect_punt(lab, 0, WAN, cases[i].class, 1);
		assert_int_equal(punt_drain(lab->dp, &m, 1), 1);
		assert_int_equal(
			meta_of(m)->kind, cases[i].class == PUNT_probe ? META_PROBE : META_PUNT);
		if (cases[i].class == PUNT_probe)
			assert_int_equal(meta_of(m)->tunnel, 0);
		rte_pktmbuf_free(m);
	}
	expect_in(lab, 0, 0, COUNT(cases), 4 * 100 + 3 * 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(vital_from_the_wire, NULL),
		LAB_TEST(discovery_of_neighbours, NULL),
		LAB_TEST(advertisement_cut_short, NULL),
		LAB_TEST(forwarded_neighbour_discovery, NULL),
		LAB_TEST(of_the_wrong_family, NULL),
		LAB_TEST(by_policy, NULL),
		LAB_TEST(from_the_wire_with_inside_sources, NULL),
		LAB_TEST(from_the_protected_side, NULL),
		LAB_TEST(tunnels_in_udp, NULL),
		LAB_TEST(tunnel_packets, NULL),
		LAB_TEST(tunnel_packets_with_our_spi, NULL),
		LAB_TEST(decrypted, NULL),
		LAB_TEST(probes, NULL),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
