// Rings and queues that are full: what does not fit is counted under its own reason and given back.
#include "in_flows.h"

#include "dataplane/handover.h"

static unsigned free_all(struct lab *lab, unsigned port, unsigned queue)
{
	struct rte_mbuf *m;
	unsigned n = 0;

	for (; (m = lab_sent(lab, port, queue)) != NULL; n++)
		rte_pktmbuf_free(m);
	return n;
}

#define FITS (HANDOVER_RING - 1)
#define OVER 10

static void handover_full(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct flow flow = {.source = "10.100.0.5", .destination = "10.1.0.10"};

	lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &flow));
	lab_turn(lab, 0);
	for (unsigned i = 0; i < FITS + OVER; i++) {
		lab_receive(lab, WAN, 1, peer_seal_flow(lab, 0, 0, &flow));
		if (i % BURST_MAX == 0)
			lab_turn(lab, 1);
	}
	lab_turn(lab, 1);
	expect_in_drop(lab, 0, 1, DROP_handover_full, OVER);
	lab->expected.in[0].handed_over[1] = FITS;
	lab->expected.handed_out[1] = FITS;
	lab_turn_all(lab);
	lab->expected.handed_in[0] = FITS;
	expect_in(lab, 0, 0, FITS + 1, (FITS + 1) * 100);
	assert_int_equal(lab->dp->worker[0]->stats.ring_high, FITS);
	assert_int_equal(free_all(lab, LAN, 0), FITS + 1);
}

static void encap_full(void **state)
{
	static const struct lab_tunnel_params esp = {.proto = &esp_ops};
	struct lab *lab = one_tunnel(state, &esp);
	unsigned owner = lab->tunnel[0].out->out->owner;
	struct flow flow = {.source = "10.1.0.10", .destination = "10.100.0.5"};

	for (unsigned i = 0; i < FITS + OVER; i++) {
		lab_receive_flow(lab, LAN, 1 - owner, &flow);
		if (i % BURST_MAX == 0)
			lab_turn(lab, 1 - owner);
	}
	lab_turn(lab, 1 - owner);
	expect_out_drop(lab, 0, 1 - owner, DROP_encap_ring_full, OVER);
	lab->expected.encap_out[1 - owner] = FITS;
	lab_turn_all(lab);
	lab->expected.encap_in[owner] = FITS;
	expect_out(lab, 0, owner, FITS, FITS * 100);
	assert_int_equal(free_all(lab, WAN, owner), FITS);
}

static void tx_ring_full(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct flow flow = {.source = "10.100.0.5", .destination = "10.1.0.10"};

	for (unsigned i = 0; i < FITS + OVER; i++) {
		lab_receive(lab, WAN, 1, peer_seal_flow(lab, 0, 0, &flow));
		if (i % BURST_MAX == 0)
			lab_turn(lab, 1);
	}
	lab_turn(lab, 1);
	expect_in(lab, 0, 1, FITS + OVER, (FITS + OVER) * 100);
	expect_drop(lab, 1, LAN, DROP_tx_ring_full, OVER);
	lab_turn_all(lab);
	assert_int_equal(free_all(lab, LAN, 0), FITS);
}

// The transmit queue itself takes 63.
static void tx_full(void **state)
{
	struct lab *lab = *state;
	struct flow flow = {.source = "10.1.0.10", .destination = "203.0.113.1"};
	const struct port_stats *stats = &lab->dp->worker[0]->stats.port[WAN];

	lab_policy(lab, "0.0.0.0/0", "0.0.0.0/0", POLICY_BYPASS, 0);
	lab_publish(lab);
	for (unsigned round = 1; round <= 2; round++) {
		for (unsigned i = 0; i < 50; i++)
			lab_receive_flow(lab, LAN, 0, &flow);
		lab_turn(lab, 0);
	}
	expect_drop(lab, 0, WAN, DROP_tx_full, 37);
	assert_int_equal(stats->tx_octets, 63 * 114);
	assert_int_equal(free_all(lab, WAN, 0), 63);
	// And it goes on.
	lab_receive_flow(lab, LAN, 0, &flow);
	lab_turn(lab, 0);
	assert_int_equal(free_all(lab, WAN, 0), 1);
}

static struct rte_mbuf *arp(struct lab *lab, unsigned port)
{
	uint8_t packet[46] = {0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 0x77};
	struct rte_mbuf *m = frame_make(lab, port, packet, sizeof(packet));

	store_be16(rte_pktmbuf_mtod_offset(m, uint8_t *, 12), RTE_ETHER_TYPE_ARP);
	return m;
}

static void punt_full(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct flow to_us = {.source = "10.100.0.5", .destination = "10.1.0.1"};
	unsigned fits = PUNT_RING - 1;

	for (unsigned i = 0; i < fits + OVER; i++) {
		lab_receive(lab, WAN, 0, arp(lab, WAN));
		if (i % BURST_MAX == 0)
			lab_turn(lab, 0);
	}
	lab_turn(lab, 0);
	expect_punt(lab, 0, WAN, PUNT_newcomer, fits);
	expect_punt_refused(lab, 0, WAN, PUNT_newcomer, DROP_punt_full, OVER);
	// Another class has its own.
	lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &to_us));
	lab_turn(lab, 0);
	expect_in(lab, 0, 0, 1, 100);
	expect_punt(lab, 0, WAN, PUNT_other, 1);
	expect_waiting(lab, fits + 1);
}

// A flood of one sender uses up its own share; others of its class and other classes get through.
static void punt_limited(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct flow loud = {
		.source = "192.0.2.66", .destination = "192.0.2.1", .destination_port = 500};
	struct flow other = {
		.source = "192.0.2.77", .destination = "192.0.2.1", .destination_port = 500};

	for (unsigned i = 0; i < PUNT_BURST_MIN + OVER; i++)
		lab_receive_flow(lab, WAN, 0, &loud);
	lab_turn(lab, 0);
	expect_punt(lab, 0, WAN, PUNT_ike, PUNT_BURST_MIN);
	expect_punt_refused(lab, 0, WAN, PUNT_ike, DROP_punt_limited, OVER);
	// The class is used up, too.
	lab_receive_flow(lab, WAN, 0, &other);
	lab_receive(lab, WAN, 0, arp(lab, WAN));
	lab_turn(lab, 0);
	expect_punt_refused(lab, 0, WAN, PUNT_ike, DROP_punt_limited, 1);
	expect_punt(lab, 0, WAN, PUNT_newcomer, 1);
	expect_waiting(lab, PUNT_BURST_MIN + 1);
}

// Neighbours of one port are asked and answered whatever comes by the other; IGMP, which anybody
// may send from afar, is no neighbours' traffic.
static void punt_limits_are_apart(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct flow report = {
		.source = "203.0.113.5", .destination = "192.0.2.1", .protocol = IP_PROTOCOL_IGMP};

	for (unsigned i = 0; i < PUNT_BURST_MIN + OVER; i++)
		lab_receive_flow(lab, WAN, 0, &report);
	lab_turn(lab, 0);
	expect_punt(lab, 0, WAN, PUNT_membership, PUNT_BURST_MIN);
	expect_punt_refused(lab, 0, WAN, PUNT_membership, DROP_punt_limited, OVER);
	for (unsigned i = 0; i < PUNT_BURST_MIN + OVER; i++)
		lab_receive(lab, WAN, 0, arp(lab, WAN));
	lab_turn(lab, 0);
	expect_punt(lab, 0, WAN, PUNT_newcomer, PUNT_BURST_MIN);
	expect_punt_refused(lab, 0, WAN, PUNT_newcomer, DROP_punt_limited, OVER);
	for (unsigned i = 0; i < PUNT_BURST_MIN; i++)
		lab_receive(lab, LAN, 0, arp(lab, LAN));
	lab_turn(lab, 0);
	expect_punt(lab, 0, LAN, PUNT_newcomer, PUNT_BURST_MIN);
	expect_waiting(lab, 3 * PUNT_BURST_MIN);
}

// Who is behind a tunnel cannot use up what its gateways need to make tunnels.
static void punt_limits_of_tunnels(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct flow inside = {
		.source = "10.100.0.5", .destination = "10.1.0.1", .destination_port = 500};
	struct flow outside = {
		.source = "192.0.2.66", .destination = "192.0.2.1", .destination_port = 500};

	for (unsigned i = 0; i < PUNT_BURST_MIN + OVER; i++)
		lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &inside));
	lab_turn(lab, 0);
	expect_in(lab, 0, 0, PUNT_BURST_MIN + OVER, (PUNT_BURST_MIN + OVER) * 100);
	expect_punt(lab, 0, WAN, PUNT_ike, PUNT_BURST_MIN);
	expect_punt_refused(lab, 0, WAN, PUNT_ike, DROP_punt_limited, OVER);
	lab_receive_flow(lab, WAN, 0, &outside);
	lab_turn(lab, 0);
	expect_punt(lab, 0, WAN, PUNT_ike, 1);
	expect_waiting(lab, PUNT_BURST_MIN + 1);
}

// Nor can strangers, whatever sources they make up.
static void punt_limits_of_peers(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct ip_addr remote = addr_of("198.51.100.2");
	struct flow peer = {
		.source = "198.51.100.2", .destination = "192.0.2.1", .destination_port = 500};

	dataplane_set_peers(lab->dp, &remote, 1);
	for (unsigned i = 0; i < PUNT_BURST_MIN + OVER; i++) {
		char source[IP_ADDR_TEXT];
		struct flow stranger = peer;

		snprintf(source, sizeof(source), "203.0.113.%u", i + 1);
		stranger.source = source;
		lab_receive_flow(lab, WAN, 0, &stranger);
	}
	lab_turn(lab, 0);
	expect_punt(lab, 0, WAN, PUNT_ike, PUNT_BURST_MIN);
	expect_punt_refused(lab, 0, WAN, PUNT_ike, DROP_punt_limited, OVER);
	lab_receive_flow(lab, WAN, 0, &peer);
	lab_turn(lab, 0);
	expect_punt(lab, 0, WAN, PUNT_ike_peer, 1);
	expect_waiting(lab, PUNT_BURST_MIN + 1);
	// A tunnel that goes leaves a stranger.
	dataplane_set_peers(lab->dp, NULL, 0);
	lab_receive_flow(lab, WAN, 0, &peer);
	lab_turn(lab, 0);
	expect_punt_refused(lab, 0, WAN, PUNT_ike, DROP_punt_limited, 1);
}

// What keeps the link alive first.
static void punt_order(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct flow flow = {.source = "10.1.0.10", .destination = "10.1.0.1"};
	static const struct {
		uint8_t protocol;
		uint16_t port;
		enum punt_class class;
	} cases[] = {
		{IP_PROTOCOL_UDP, 9, PUNT_other},
		{IP_PROTOCOL_ICMP, 0, PUNT_icmp},
		{IP_PROTOCOL_IGMP, 0, PUNT_membership},
		{IP_PROTOCOL_OSPF, 0, PUNT_routing},
		{IP_PROTOCOL_UDP, 500, PUNT_ike},
	};

	for (unsigned i = 0; i < COUNT(cases); i++) {
		flow.protocol = cases[i].protocol;
		flow.destination_port = cases[i].port;
		lab_receive_flow(lab, LAN, 0, &flow);
		expect_punt(lab, 0, LAN, cases[i].class, 1);
	}
	lab_turn(lab, 0);
	for (unsigned i = COUNT(cases); i-- > 0;) {
		struct rte_mbuf *m;

		assert_int_equal(lab_punted(lab, &m, 1), 1);
		assert_int_equal(
			rte_pktmbuf_mtod(m, uint8_t *)[ETHER + IPV4_PROTOCOL], cases[i].protocol);
		rte_pktmbuf_free(m);
	}
}

static unsigned waiting(const struct lab *lab, unsigned worker)
{
	return rte_ring_count(lab->dp->worker[worker]->punt[PUNT_newcomer]);
}

// A flood at one worker does not shut out the others.
static void punt_turns(void **state)
{
	struct lab *lab = *state;
	struct rte_mbuf *m[BURST_MAX];

	for (unsigned worker = 0; worker < 2; worker++) {
		for (unsigned i = 0; i < 2 * BURST_MAX; i++)
			lab_receive(lab, WAN, worker, arp(lab, WAN));
		lab_turn(lab, worker);
		lab_turn(lab, worker);
		expect_punt(lab, worker, WAN, PUNT_newcomer, 2 * BURST_MAX);
	}
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(lab_punted(lab, m, BURST_MAX), BURST_MAX);
		rte_pktmbuf_free_bulk(m, BURST_MAX);
	}
	assert_int_equal(waiting(lab, 0), BURST_MAX);
	assert_int_equal(waiting(lab, 1), BURST_MAX);
	expect_waiting(lab, 2 * BURST_MAX);
}

static void inject_full(void **state)
{
	struct lab *lab = *state;
	unsigned fits = INJECT_RING - 1;

	for (unsigned i = 0; i < fits + OVER; i++) {
		struct rte_mbuf *m = inject_alloc(lab->dp);

		append_zeros(m, 60);
		assert_int_equal(inject(lab->dp, m, META_FRAME, LAN), i < fits);
	}
	lab_turn_all(lab);
	lab->expected.injected[0][LAN] = fits;
	assert_int_equal(free_all(lab, LAN, 0), fits);
}

// Nothing left to allocate: an empty hand, and all is as before when buffers are back.
static void pool_empty(void **state)
{
	static struct rte_mbuf *m[LAB_POOL_MAX + 1];
	struct lab *lab = *state;
	unsigned n = 0;

	while ((m[n] = inject_alloc(lab->dp)) != NULL)
		n++;
	assert_true(n > LAB_BUFFERS - 2000);
	rte_pktmbuf_free_bulk(m, n);
}

int main(void)
{
	static const struct lab_params two = {.roles = "bb", .ring = 4096};
	static const struct lab_params one_tx = {.roles = "bb", .ring = 4096, .tx = {1, 1}};
	static const struct lab_params small = {.ring = 64};
	static const struct lab_params large = {.ring = 4096};
	static const struct lab_params slow = {.punt_per_second = 8};
	const struct CMUnitTest tests[] = {
		LAB_TEST(handover_full, &two),
		LAB_TEST(encap_full, &two),
		LAB_TEST(tx_ring_full, &one_tx),
		LAB_TEST(tx_full, &small),
		LAB_TEST(punt_full, &large),
		LAB_TEST(punt_limited, &slow),
		LAB_TEST(punt_limits_are_apart, &slow),
		LAB_TEST(punt_limits_of_tunnels, &slow),
		LAB_TEST(punt_limits_of_peers, &slow),
		LAB_TEST(punt_order, &large),
		LAB_TEST(punt_turns, &two),
		LAB_TEST(inject_full, &large),
		LAB_TEST(pool_empty, NULL),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
