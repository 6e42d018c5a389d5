// The outbound path: the gateway's own packets, and the ends that a packet can come to.
#include "out_flows.h"

#include "dataplane/forward.h"

static void inject_answer(
	struct lab *lab, const struct flow *flow, enum meta_about about, uint16_t tunnel)
{
	struct rte_mbuf *m = inject_alloc(lab->dp);
	uint8_t packet[PACKET_MAX];
	uint32_t octets = packet_make(flow, packet);

	assert_non_null(m);
	memcpy(append_zeros(m, (uint16_t)octets), packet, octets);
	meta_of(m)->about = (uint8_t)about;
	meta_of(m)->tunnel = tunnel;
	assert_true(inject(lab->dp, m, META_PACKET, LAN));
	lab_turn(lab, 0);
}

// The gateway's own packets pass the policies towards the wire, none towards the protected side,
// and lose no hop.
static void own_packets(void **state)
{
	struct lab *lab = all_tunnels(state);
	uint8_t packet[PACKET_MAX];
	struct flow flow = {.source = "10.1.0.1", .ttl = 1};
	uint32_t octets;

	flow.destination = "10.100.0.5";
	inject_answer(lab, &flow, ABOUT_TUNNEL, 0);
	octets = packet_make(&flow, packet);
	expect_sealed(lab, 0, 0, packet, octets);
	expect_out(lab, 0, 0, 1, octets);
	flow.destination = "10.1.0.10";
	inject_answer(lab, &flow, ABOUT_INSIDE, 0);
	expect_sent(lab, LAN, 0, flow.destination, packet, packet_make(&flow, packet));
	flow.destination = "203.0.113.5";
	inject_answer(lab, &flow, ABOUT_CLEAR, 0);
	expect_sent(lab, WAN, 0, "192.0.2.254", packet, packet_make(&flow, packet));
	flow.destination = "10.52.0.1";
	inject_answer(lab, &flow, ABOUT_CLEAR, 0);
	flow.destination = "172.16.0.1";
	inject_answer(lab, &flow, ABOUT_CLEAR, 0);
	// Without a route it is not known to stay inside, so the policies judge it.
	expect_drop(lab, 0, LAN, DROP_policy_none, 2);
	expect_nothing_sent(lab);
}

// ICMP quotes what it is about. What came out of a tunnel goes back into that one or nowhere, also
// where a policy lets ICMP pass in clear; what came from the protected side stays there. What was
// in clear on the wire enters no tunnel, nor the protected side.
static void answers_keep_secrets(void **state)
{
	struct lab *lab = *state;
	struct policy *policy;
	uint8_t packet[PACKET_MAX];
	struct flow flow = {
		.source = "10.1.0.1", .destination = "10.100.0.5", .protocol = IP_PROTOCOL_ICMP};
	uint32_t octets = packet_make(&flow, packet);

	lab_tunnel(lab, NULL);
	lab_tunnel(lab, NULL);
	policy = lab_policy(lab, "10.1.0.0/16", "10.100.0.0/16", POLICY_PROTECT, 0);
	policy->selector.protocol = IP_PROTOCOL_UDP;
	lab_policy(lab, "10.1.0.0/16", "10.101.0.0/16", POLICY_PROTECT, 1);
	lab_policy(lab, "0.0.0.0/0", "0.0.0.0/0", POLICY_BYPASS, 0);
	lab_route(lab, "0.0.0.0/0", ADJACENCY_FORWARD, WAN, "192.0.2.254");
	lab_publish(lab);
	inject_answer(lab, &flow, ABOUT_CLEAR, 0);
	expect_sent(lab, WAN, 0, "192.0.2.254", packet, octets);
	flow.destination = "10.101.0.5";
	inject_answer(lab, &flow, ABOUT_CLEAR, 0);
	expect_drop(lab, 0, LAN, DROP_answer_protected, 1);
	flow.destination = "10.1.0.10";
	inject_answer(lab, &flow, ABOUT_CLEAR, 0);
	expect_drop(lab, 0, LAN, DROP_answer_protected, 1);
	expect_nothing_sent(lab);
	flow.destination = "10.100.0.5";
	inject_answer(lab, &flow, ABOUT_TUNNEL, 0);
	expect_drop(lab, 0, LAN, DROP_answer_unprotected, 1);
	inject_answer(lab, &flow, ABOUT_INSIDE, 0);
	expect_drop(lab, 0, LAN, DROP_answer_unprotected, 1);
	expect_nothing_sent(lab);
	flow.destination = "10.101.0.5";
	octets = packet_make(&flow, packet);
	inject_answer(lab, &flow, ABOUT_TUNNEL, 0);
	expect_drop(lab, 0, LAN, DROP_answer_unprotected, 1);
	expect_nothing_sent(lab);
	inject_answer(lab, &flow, ABOUT_TUNNEL, 1);
	expect_sealed(lab, 0, 1, packet, octets);
	expect_out(lab, 1, 0, 1, octets);
	// Its sender's address is inside now.
	flow.destination = "10.1.0.10";
	octets = packet_make(&flow, packet);
	inject_answer(lab, &flow, ABOUT_TUNNEL, 1);
	expect_drop(lab, 0, LAN, DROP_answer_unprotected, 1);
	expect_nothing_sent(lab);
	inject_answer(lab, &flow, ABOUT_INSIDE, 0);
	expect_sent(lab, LAN, 0, flow.destination, packet, octets);
}

// The kernel's frames leave as they are.
static void frames_of_the_kernel(void **state)
{
	struct lab *lab = all_tunnels(state);

	for (uint8_t port = 0; port < LAB_PORTS; port++) {
		struct rte_mbuf *m = inject_alloc(lab->dp);
		uint8_t frame[60];

		memset(frame, 0x30 + port, sizeof(frame));
		store_be16(frame + 12, RTE_ETHER_TYPE_ARP);
		memcpy(append_zeros(m, sizeof(frame)), frame, sizeof(frame));
		assert_true(inject(lab->dp, m, META_FRAME, port));
		lab->expected.injected[0][port]++;
		lab_turn(lab, 0);
		m = lab_sent(lab, port, 0);
		assert_non_null(m);
		assert_int_equal(m->pkt_len, sizeof(frame));
		assert_memory_equal(rte_pktmbuf_mtod(m, void *), frame, sizeof(frame));
		rte_pktmbuf_free(m);
		expect_nothing_sent(lab);
	}
}

static void no_way_on(void **state)
{
	struct lab *lab = *state;
	static const struct {
		const char *to;
		enum drop_reason reason;
		enum meta_kind kind;
	} cases[] = {
		{"172.16.0.1", DROP_no_route, META_TELL},
		{"198.18.0.1", DROP_route_unreachable, META_TELL},
		{"198.19.0.1", DROP_route_prohibit, META_TELL},
		{"198.19.1.1", DROP_route_blackhole, 0},
		{"192.0.2.99", DROP_neighbour_pending, META_UNRESOLVED},
		{"192.0.2.98", DROP_neighbour_failed, META_UNRESOLVED},
		{"203.0.112.1", DROP_neighbour_pending, META_UNRESOLVED},
	};

	lab_policy(lab, "10.1.0.0/16", "0.0.0.0/0", POLICY_BYPASS, 0);
	lab_neighbour(lab, "192.0.2.98", WAN, true);
	lab_route(lab, "203.0.112.0/24", ADJACENCY_FORWARD, WAN, "192.0.2.97");
	lab_publish(lab);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct flow flow = flow_out(i);

		flow.destination = cases[i].to;
		send_out(lab, &flow);
		lab_turn(lab, 0);
		// Who may still be found is not dropped yet.
		if (cases[i].kind != META_UNRESOLVED)
			expect_drop(lab, 0, LAN, cases[i].reason, 1);
		if (cases[i].kind != 0)
			expect_told(
				lab, cases[i].kind, LAN, FORWARD_TRANSIT, cases[i].reason, &flow);
	}
	expect_nothing_sent(lab);
}

// The way to the tunnel's far end is missing: control gets the sealed packet, nothing is in clear.
static void far_end_unresolved(void **state)
{
	struct lab *lab = *state;
	struct flow flow = flow_out(1);
	uint8_t inner[PACKET_MAX];
	uint8_t opened[PACKET_MAX];
	struct rte_mbuf *m = NULL;
	uint32_t octets;

	lab_tunnel(lab, NULL);
	lab_protect(lab, 0);
	lab->neighbours = 0;
	lab_publish(lab);
	send_out(lab, &flow);
	lab_turn(lab, 0);
	expect_nothing_sent(lab);
	expect_out(lab, 0, 0, 1, 100);
	assert_int_equal(lab_punted(lab, &m, 1), 1);
	assert_int_equal(meta_of(m)->kind, META_UNRESOLVED);
	assert_int_equal(meta_of(m)->reason, DROP_neighbour_pending);
	assert_int_equal(meta_of(m)->origin, FORWARD_OWN);
	rte_pktmbuf_prepend(m, ETHER);
	assert_int_equal(peer_open(lab, 0, m, opened, &octets), VERDICT_ACCEPT);
	packet_make(&flow, inner);
	packet_hop(inner);
	assert_memory_equal(opened, inner, 100);
}

static void no_outbound_sa(void **state)
{
	struct lab *lab = all_tunnels(state);
	struct flow flow = flow_out(1);

	atomic_store(&lab->tunnel[0].tunnel.out, NULL);
	send_out(lab, &flow);
	flow.destination = "10.101.0.5";
	send_out(lab, &flow);
	lab_turn(lab, 0);
	expect_drop(lab, 0, LAN, DROP_no_outbound_sa, 1);
	expect_tunneled(lab, 1, &flow);
	flow.destination = "10.100.0.5";
	expect_told(lab, META_TELL, LAN, FORWARD_TRANSIT, DROP_no_outbound_sa, &flow);
	expect_nothing_sent(lab);
}

// The last number is used, the one behind it never, and no packet takes another way.
static void numbers_run_out(void **state)
{
	static const struct lab_tunnel_params ends[] = {
		{.first = UINT64_MAX - 10},
		{.proto = &esp_ops, .first = UINT32_MAX - 9},
		{.proto = &esp_ops, .esn = true, .first = UINT64_MAX - 10},
	};
	struct lab *lab = *state;
	char to[IP_ADDR_TEXT];

	for (unsigned t = 0; t < COUNT(ends); t++) {
		lab_tunnel(lab, &ends[t]);
		lab_protect(lab, t);
	}
	lab_publish(lab);
	for (unsigned t = 0; t < COUNT(ends); t++) {
		struct flow flow = flow_out(0);

		snprintf(to, sizeof(to), "10.%u.0.5", 100 + t);
		flow.destination = to;
		for (unsigned i = 0; i < 40; i++) {
			flow.number = i;
			send_out(lab, &flow);
			if (i == 25)
				lab_turn(lab, 0);
		}
		lab_turn(lab, 0);
		for (flow.number = 0; flow.number < 10; flow.number++) {
			struct rte_mbuf *m = lab_sent(lab, WAN, 0);
			uint8_t inner[PACKET_MAX];
			uint32_t octets;

			assert_non_null(m);
			if (t == 2) {
				// The far end would take the upper half for zero at first.
				rte_pktmbuf_free(m);
			} else {
				assert_int_equal(peer_open(lab, t, m, inner, &octets), 0);
				assert_int_equal(packet_number(inner), flow.number);
			}
			expect_out(lab, t, 0, 1, 100);
		}
		expect_nothing_sent(lab);
		expect_out_drop(lab, t, 0, DROP_seq_exhausted, 30);
		assert_int_equal(lab->tunnel[t].out->out->lane[0].next,
			lab->tunnel[t].out->out->lane[0].lease_end);
	}
}

// A frame that starts so far in front, or ends so far behind, that nothing can be added.
static void no_room(void **state)
{
	struct lab *lab = all_tunnels(state);
	char to[IP_ADDR_TEXT];

	for (unsigned t = 0; t < 2 * COUNT(kinds); t++) {
		struct flow flow = flow_out(t);
		uint8_t packet[PACKET_MAX];
		bool behind = t >= COUNT(kinds);
		bool esp = kinds[t % COUNT(kinds)].proto == &esp_ops;
		struct rte_mbuf *m;

		snprintf(to, sizeof(to), "10.%u.0.5", 100 + t % (unsigned)COUNT(kinds));
		flow.destination = to;
		m = frame_make(lab, LAN, packet, packet_make(&flow, packet));
		if (behind) {
			uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);

			m->data_off = (uint16_t)(m->buf_len - m->data_len);
			memmove(rte_pktmbuf_mtod(m, void *), frame, m->data_len);
		} else {
			memmove(m->buf_addr, rte_pktmbuf_mtod(m, void *), m->data_len);
			m->data_off = 0;
		}
		lab_receive(lab, LAN, 0, m);
		lab_turn(lab, 0);
		if (behind && !esp)
			expect_tunneled(lab, t % COUNT(kinds), &flow);
		else
			expect_out_drop(lab, t % COUNT(kinds), 0, DROP_no_room, 1);
		expect_nothing_sent(lab);
	}
	// Nothing in front of the link header itself.
	for (unsigned t = 0; t < COUNT(kinds); t++) {
		uint64_t first = kinds[t].first == 0 ? 1 : kinds[t].first;
		bool esp = kinds[t].proto == &esp_ops;

		assert_int_equal(lab->tunnel[t].out->out->lane[0].next, first + (esp ? 0 : 1));
	}
}

static void own_lan_addresses(void **state)
{
	struct lab *lab = all_tunnels(state);
	static const struct {
		const char *to;
		uint8_t protocol;
		enum punt_class class;
	} cases[] = {
		{"10.1.0.1", IP_PROTOCOL_ICMP, PUNT_icmp},
		{"192.0.2.1", IP_PROTOCOL_OSPF, PUNT_routing},
		{"224.0.0.5", IP_PROTOCOL_OSPF, PUNT_routing},
		{"224.0.0.1", IP_PROTOCOL_IGMP, PUNT_membership},
		{"fd01::1", IP_PROTOCOL_SCTP, PUNT_other},
		{"ff02::5", IP_PROTOCOL_OSPF, PUNT_routing},
	};

	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct flow flow = flow_out(i);
		uint8_t packet[PACKET_MAX];
		uint8_t frame[PACKET_MAX];
		struct rte_mbuf *m;

		flow.destination = cases[i].to;
		flow.protocol = cases[i].protocol;
		flow.ttl = 1;
		if (addr_of(cases[i].to).family == IP_V6)
			flow.source = "fd01::10";
		m = frame_make(lab, LAN, packet, packet_make(&flow, packet));
		memcpy(frame, rte_pktmbuf_mtod(m, void *), m->data_len);
		lab_receive(lab, LAN, 0, m);
		lab_turn(lab, 0);
		expect_punt(lab, 0, LAN, cases[i].class, 1);
		expect_punted(lab, META_PUNT, LAN, frame, 100 + ETHER);
	}
	expect_nothing_sent(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(own_packets, NULL),
		LAB_TEST(answers_keep_secrets, NULL),
		LAB_TEST(frames_of_the_kernel, NULL),
		LAB_TEST(no_way_on, NULL),
		LAB_TEST(far_end_unresolved, NULL),
		LAB_TEST(no_outbound_sa, NULL),
		LAB_TEST(numbers_run_out, NULL),
		LAB_TEST(no_room, NULL),
		LAB_TEST(own_lan_addresses, NULL),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
