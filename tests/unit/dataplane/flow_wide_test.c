// Flows that are known by their addresses alone, where no policy asks for more.
#include "in_flows.h"
#include "out_flows.h"

#define SECOND_OCTETS 256

static void ports_make_no_difference(void **state)
{
	struct lab *lab = all_tunnels(state);
	struct random random = {1};

	for (unsigned i = 0; i < 20 * BURST_MAX; i++) {
		struct flow flow = flow_out(i);

		flow.source_port = (uint16_t)random_next(&random);
		flow.protocol = i % 2 ? IP_PROTOCOL_UDP : IP_PROTOCOL_ICMP;
		send_out(lab, &flow);
		lab_turn(lab, 0);
		expect_tunneled(lab, 0, &flow);
	}
	assert_int_equal(misses(lab), 1);
}

// Of a burst that teaches one flow no packet waits for a turn: what comes next is learned at once.
static void one_burst_teaches_once(void **state)
{
	static const char *const to[] = {"10.100.0.5", "10.100.0.6", "10.100.0.7", "10.100.0.8"};
	struct lab *lab = all_tunnels(state);

	for (unsigned burst = 0; burst < COUNT(to); burst++) {
		struct flow flow[BURST_MAX];

		for (unsigned i = 0; i < BURST_MAX; i++) {
			flow[i] = flow_out(i);
			flow[i].source_port = (uint16_t)(burst * BURST_MAX + i);
			flow[i].destination = to[burst];
			send_out(lab, &flow[i]);
		}
		lab_turn(lab, 0);
		for (unsigned i = 0; i < BURST_MAX; i++)
			expect_tunneled(lab, 0, &flow[i]);
		assert_int_equal(misses(lab), (burst + 1) * BURST_MAX);
	}
	for (unsigned i = 0; i < 2; i++) {
		struct flow flow = flow_out(i);

		flow.destination = "10.100.0.9";
		send_out(lab, &flow);
		lab_turn(lab, 0);
		expect_tunneled(lab, 0, &flow);
	}
	assert_int_equal(misses(lab), COUNT(to) * BURST_MAX + 1);
}

// Where a stranger stands in a burst that is one flow but for it.
static const unsigned places[] = {0, 1, BURST_MAX / 2, BURST_MAX - 1};

static void expect_fate(struct lab *lab, const struct flow *flow, uint16_t reason)
{
	if (reason == DROP_NONE) {
		expect_tunneled(lab, 0, flow);
		return;
	}
	if (reason == DROP_too_big)
		expect_out_drop(lab, 0, 0, reason, 1);
	else
		expect_drop(lab, 0, LAN, reason, 1);
	if (reason != DROP_policy_discard)
		expect_told(lab, META_TELL, LAN, FORWARD_TRANSIT, reason, flow);
}

// A burst with this one among others that are known.
static void send_among_many(
	struct lab *lab, const struct flow *stranger, unsigned place, uint16_t reason)
{
	struct flow flow[BURST_MAX];

	for (unsigned i = 0; i < BURST_MAX; i++) {
		flow[i] = i == place ? *stranger : flow_out(0);
		flow[i].number = i;
		send_out(lab, &flow[i]);
	}
	lab_turn(lab, 0);
	for (unsigned i = 0; i < BURST_MAX; i++)
		expect_fate(lab, &flow[i], i == place ? reason : DROP_NONE);
}

static void one_stranger_among_many(void **state)
{
	static const struct {
		struct flow flow;
		uint16_t reason;
	} strangers[] = {
		{{.source = "10.1.1.10", .destination = "10.100.0.5"}, DROP_policy_discard},
		{{.source = "10.1.0.10", .destination = "10.100.0.6"}, DROP_NONE},
		{{.source = "10.1.0.10", .destination = "10.100.0.5", .ttl = 1}, DROP_ttl_expired},
		{{.source = "10.1.0.10",
			 .destination = "10.100.0.5",
			 .octets = 1500,
			 .fragment = IPV4_DONT_FRAGMENT},
			DROP_too_big},
	};
	struct lab *lab = *state;

	lab_tunnel(lab, NULL);
	lab_policy(lab, "10.1.0.0/24", "10.100.0.0/16", POLICY_PROTECT, 0);
	lab_policy(lab, "10.1.1.0/24", "10.100.0.0/16", POLICY_DISCARD, 0);
	lab_publish(lab);
	for (unsigned p = 0; p < COUNT(places); p++)
		for (unsigned s = 0; s < COUNT(strangers); s++)
			send_among_many(lab, &strangers[s].flow, places[p], strangers[s].reason);
}

// The same out of a tunnel: what comes from another tunnel's network does not pass.
static void one_stranger_out_of_a_tunnel(void **state)
{
	struct lab *lab = *state;

	for (unsigned t = 0; t < 2; t++) {
		lab_tunnel(lab, NULL);
		lab_policy(lab, "10.1.0.0/16", t ? "10.100.1.0/24" : "10.100.0.0/24",
			POLICY_PROTECT, t);
	}
	lab_publish(lab);
	for (unsigned p = 0; p < COUNT(places); p++) {
		struct flow flow[BURST_MAX];

		for (unsigned i = 0; i < BURST_MAX; i++) {
			flow[i] = flow_in(p * BURST_MAX + i);
			flow[i].source = i == places[p] ? "10.100.1.5" : "10.100.0.5";
			lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &flow[i]));
		}
		lab_turn(lab, 0);
		for (unsigned i = 0; i < BURST_MAX; i++) {
			if (i == places[p])
				expect_in_drop(lab, 0, 0, DROP_selector_mismatch, 1);
			else
				expect_delivered(lab, 0, &flow[i]);
		}
	}
}

// One address, and networks that policies tell apart by more bits than name a flow's place.
static void sources_make_a_difference(void **state)
{
	static const char *const source[] = {"10.1.0.10", "10.1.1.10", "10.1.2.10"};
	struct lab *lab = *state;

	lab_tunnel(lab, NULL);
	lab_policy(lab, "10.1.0.0/24", "10.100.0.0/16", POLICY_PROTECT, 0);
	lab_policy(lab, "10.1.1.0/24", "10.100.0.0/16", POLICY_DISCARD, 0);
	lab_policy(lab, "10.1.2.0/24", "10.100.0.0/16", POLICY_PROTECT, 0);
	lab_publish(lab);
	for (unsigned i = 0; i < 400; i++) {
		struct flow flow = flow_out(i);

		flow.source = source[(i * 7 / 4) % COUNT(source)];
		send_out(lab, &flow);
		lab_turn(lab, 0);
		if (flow.source == source[1])
			expect_drop(lab, 0, LAN, DROP_policy_discard, 1);
		else
			expect_tunneled(lab, 0, &flow);
	}
}

// The same of packets out of tunnels, whose sources are the policies' destinations.
static void tunnels_keep_to_their_networks(void **state)
{
	static const char *const source[] = {"10.100.0.5", "10.100.1.5"};
	struct lab *lab = *state;

	for (unsigned t = 0; t < COUNT(source); t++) {
		lab_tunnel(lab, NULL);
		lab_policy(lab, "10.1.0.0/16", t ? "10.100.1.0/24" : "10.100.0.0/24",
			POLICY_PROTECT, t);
	}
	lab_publish(lab);
	for (unsigned i = 0; i < 400; i++) {
		unsigned tunnel = i / 2 % 2;
		unsigned from = i / 3 % 2;
		struct flow flow = flow_in(i);

		flow.source = source[from];
		lab_receive(lab, WAN, 0, peer_seal_flow(lab, tunnel, 0, &flow));
		lab_turn(lab, 0);
		if (from == tunnel)
			expect_delivered(lab, tunnel, &flow);
		else
			expect_in_drop(lab, tunnel, 0, DROP_selector_mismatch, 1);
	}
}

// The policy's source has fewer bits than sources of one flow have in common: some of it are
// nobody's.
static void sources_that_are_nobodys(void **state)
{
	struct lab *lab = *state;

	lab_tunnel(lab, NULL);
	lab_policy(lab, "0.0.0.0/1", "10.100.0.0/16", POLICY_PROTECT, 0);
	lab_publish(lab);
	for (unsigned i = 0; i < SECOND_OCTETS; i++) {
		struct flow flow = flow_out(i);
		char source[IP_ADDR_TEXT];

		send_out(lab, &flow);
		lab_turn(lab, 0);
		expect_tunneled(lab, 0, &flow);
		snprintf(source, sizeof(source), "0.%u.0.1", i);
		flow.source = source;
		send_out(lab, &flow);
		lab_turn(lab, 0);
		expect_drop(lab, 0, LAN, DROP_ip_source, 1);
	}
}

// Hundreds of addresses in 64 places, of policies that decide alone and differ in all they say.
static void addresses_that_share_places(void **state)
{
	struct lab *lab = *state;
	struct random random = {7};
	unsigned bursts = full_run() ? 5000 : 300;

	for (unsigned t = 0; t < 2; t++)
		lab_tunnel(lab, NULL);
	lab_policy(lab, "10.1.0.0/16", "10.100.0.0/24", POLICY_PROTECT, 0);
	lab_policy(lab, "10.1.0.0/16", "10.100.1.0/25", POLICY_DISCARD, 0);
	lab_policy(lab, "10.1.0.0/16", "10.100.1.128/25", POLICY_PROTECT, 1);
	lab_publish(lab);
	for (unsigned burst = 0; burst < bursts; burst++) {
		char to[BURST_MAX][IP_ADDR_TEXT];
		struct flow flow[BURST_MAX];
		unsigned host[BURST_MAX];
		unsigned discarded = 0;

		for (unsigned i = 0; i < BURST_MAX; i++) {
			host[i] = (unsigned)random_below(&random, 512);
			snprintf(
				to[i], sizeof(to[i]), "10.100.%u.%u", host[i] / 256, host[i] % 256);
			flow[i] = flow_out(burst * BURST_MAX + i);
			flow[i].destination = to[i];
			flow[i].source_port = (uint16_t)random_next(&random);
			discarded += host[i] >= 256 && host[i] < 384;
			send_out(lab, &flow[i]);
		}
		lab_turn(lab, 0);
		expect_drop(lab, 0, LAN, DROP_policy_discard, discarded);
		for (unsigned i = 0; i < BURST_MAX; i++)
			if (host[i] < 256 || host[i] >= 384)
				expect_tunneled(lab, host[i] >= 384, &flow[i]);
	}
}

// What is broadcast on the link is not forwarded, although its flow is known.
static void group_frames_of_a_known_flow(void **state)
{
	struct lab *lab = all_tunnels(state);

	for (unsigned i = 0; i < 4; i++) {
		struct flow flow = flow_out(i);
		uint8_t packet[PACKET_MAX];
		uint32_t octets = packet_make(&flow, packet);
		struct rte_mbuf *m = frame_make(lab, LAN, packet, octets);

		send_out(lab, &flow);
		lab_turn(lab, 0);
		expect_tunneled(lab, 0, &flow);
		memset(rte_pktmbuf_mtod(m, uint8_t *), 0xff, 6);
		lab_receive(lab, LAN, 0, m);
		lab_turn(lab, 0);
		expect_drop(lab, 0, LAN, DROP_link_broadcast, 1);
	}
}

// Other policies before one move it, and what was known of it with it.
static void forgets_places_of_policies(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct flow flow = flow_out(0);

	for (unsigned i = 0; i < 6; i++) {
		struct policy before = lab->policy[0];

		send_out(lab, &flow);
		lab_turn(lab, 0);
		expect_tunneled(lab, 0, &flow);
		lab_policy(lab, "10.1.0.0/16", "10.51.0.0/16", POLICY_DISCARD, 0);
		lab->policy[0] = lab->policy[lab->policies - 1];
		lab->policy[lab->policies - 1] = before;
		lab_publish_spd(lab);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(ports_make_no_difference, NULL),
		LAB_TEST(one_burst_teaches_once, NULL),
		LAB_TEST(one_stranger_among_many, NULL),
		LAB_TEST(one_stranger_out_of_a_tunnel, NULL),
		LAB_TEST(sources_make_a_difference, NULL),
		LAB_TEST(tunnels_keep_to_their_networks, NULL),
		LAB_TEST(sources_that_are_nobodys, NULL),
		LAB_TEST(addresses_that_share_places, NULL),
		LAB_TEST(group_frames_of_a_known_flow, NULL),
		LAB_TEST(forgets_places_of_policies, NULL),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
