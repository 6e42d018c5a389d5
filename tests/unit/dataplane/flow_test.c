// What workers remember of flows: never anything else than the tables say.
#include "in_flows.h"
#include "out_flows.h"

#define FLOWS 1000
#define UNUSED_PORT 1

// As all_tunnels, but a policy before the others names a port, of which there are no packets: what
// any packet meets may depend on its ports.
static struct lab *ports_matter(void **state)
{
	struct lab *lab = *state;
	struct policy *policy = lab_policy(lab, "10.1.0.0/16", "0.0.0.0/0", POLICY_DISCARD, 0);

	policy->selector.protocol = IP_PROTOCOL_UDP;
	policy->selector.destination_port = (struct port_range){UNUSED_PORT, UNUSED_PORT};
	return all_tunnels(state);
}

static void is_asked_once(void **state)
{
	struct lab *lab = all_tunnels(state);
	struct flow flow = flow_out(0);

	for (unsigned i = 0; i < 10; i++) {
		send_out(lab, &flow);
		lab_turn(lab, 0);
		expect_tunneled(lab, 0, &flow);
		assert_int_equal(misses(lab), lab->params.no_flows ? 0 : 1);
	}
}

// 1000 flows in 64 places, whose policies differ by their ports.
static void flows_that_share_places(void **state)
{
	struct lab *lab = *state;
	struct random random = {5};
	unsigned bursts = full_run() ? 5000 : 300;
	struct policy *odd;

	lab_tunnel(lab, NULL);
	for (uint16_t port = 1; port < 32; port += 2) {
		odd = lab_policy(lab, "10.1.0.0/16", "0.0.0.0/0", POLICY_DISCARD, 0);
		odd->selector.protocol = IP_PROTOCOL_UDP;
		odd->selector.destination_port = (struct port_range){port, port};
	}
	lab_policy(lab, "10.1.0.0/16", "10.100.0.0/16", POLICY_PROTECT, 0);
	lab_publish(lab);
	for (unsigned burst = 0; burst < bursts; burst++) {
		struct flow flow[BURST_MAX];
		unsigned discarded = 0;

		for (unsigned i = 0; i < BURST_MAX; i++) {
			unsigned which = (unsigned)random_below(&random, FLOWS);

			flow[i] = flow_out(burst * BURST_MAX + i);
			flow[i].source_port = (uint16_t)(1000 + which / 32);
			flow[i].destination_port = (uint16_t)(which % 32);
			discarded += which % 2;
			send_out(lab, &flow[i]);
		}
		lab_turn(lab, 0);
		expect_drop(lab, 0, LAN, DROP_policy_discard, discarded);
		for (unsigned i = 0; i < BURST_MAX; i++) {
			if (flow[i].destination_port % 2 == 0)
				expect_tunneled(lab, 0, &flow[i]);
		}
	}
}

// Flows that depend on the seed alone.
static void send_64(struct lab *lab, unsigned seed)
{
	struct random random = {seed};
	struct flow flow[BURST_MAX];

	for (unsigned i = 0; i < BURST_MAX; i++) {
		flow[i] = flow_out(i);
		flow[i].source_port = (uint16_t)random_next(&random);
		send_out(lab, &flow[i]);
	}
	for (unsigned i = 0; i < BURST_MAX; i += lab->params.burst)
		lab_turn(lab, 0);
	for (unsigned i = 0; i < BURST_MAX; i++)
		expect_tunneled(lab, 0, &flow[i]);
}

// As many flows as places, in turn: those that share places do not drive each other out.
static void most_stay_known(void **state)
{
	struct lab *lab = ports_matter(state);
	uint64_t before = 0;

	for (unsigned round = 0; round < 20; round++) {
		if (round == 10)
			before = misses(lab);
		send_64(lab, 1);
	}
	assert_true(misses(lab) - before < 10 * BURST_MAX / 2);
}

// After a flood of flows that come once, one that stays finds a place.
static void is_known_after_a_flood(void **state)
{
	struct lab *lab = ports_matter(state);
	struct flow flow = flow_out(0);
	uint64_t before = 0;

	for (unsigned burst = 0; burst < 50; burst++)
		send_64(lab, 1 + burst);
	for (unsigned i = 0; i < 40; i++) {
		if (i == 30)
			before = misses(lab);
		send_out(lab, &flow);
		lab_turn(lab, 0);
		expect_tunneled(lab, 0, &flow);
	}
	assert_int_equal(misses(lab), before);
}

static void forgets_policies(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct flow flow = flow_out(0);

	for (unsigned i = 0; i < 6; i++) {
		send_out(lab, &flow);
		lab_turn(lab, 0);
		if (i % 2 == 0)
			expect_tunneled(lab, 0, &flow);
		else
			expect_drop(lab, 0, LAN, DROP_policy_discard, 1);
		for (unsigned p = 0; p < lab->policies; p++)
			lab->policy[p].action = i % 2 == 0 ? POLICY_DISCARD : POLICY_PROTECT;
		lab_publish_spd(lab);
	}
}

// The next hop of tunnel packets, and of packets that came out of one.
static void forgets_routes(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct flow out = flow_out(0);
	struct flow in = {.source = "10.100.0.5", .destination = "10.1.0.10"};
	uint8_t packet[PACKET_MAX];
	uint32_t octets = packet_make(&in, packet);
	uint64_t before;

	packet_hop(packet);
	for (unsigned i = 0; i < 4; i++) {
		send_out(lab, &out);
		lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &in));
		before = misses(lab);
		lab_turn(lab, 0);
		assert_int_equal(misses(lab) - before, lab->params.no_flows ? 0 : 2);
		expect_tunneled(lab, 0, &out);
		expect_in(lab, 0, 0, 1, octets);
		expect_sent(lab, LAN, 0, "10.1.0.10", packet, octets);
		lab_publish_fwd(lab);
	}
}

// Of one flow, but not whole: where a policy names ports it ends, and nobody remembers that.
static void fragments_are_no_part_of_it(void **state)
{
	struct lab *lab = *state;
	struct flow whole = flow_out(0);
	struct flow later = whole;
	struct policy *policy;

	lab_tunnel(lab, NULL);
	policy = lab_policy(lab, "10.1.0.0/16", "10.100.0.0/16", POLICY_PROTECT, 0);
	policy->selector.protocol = IP_PROTOCOL_UDP;
	policy->selector.destination_port = (struct port_range){0, 20000};
	lab_publish(lab);
	later.fragment = 0x2000;
	for (unsigned i = 0; i < 3; i++) {
		send_out(lab, &later);
		lab_turn(lab, 0);
		expect_drop(lab, 0, LAN, DROP_fragment_ports, 1);
		send_out(lab, &whole);
		lab_turn(lab, 0);
		expect_tunneled(lab, 0, &whole);
	}
}

// What goes out as a flow may not come in as it.
static void directions_differ(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct flow flow = flow_out(0);

	for (unsigned i = 0; i < 2; i++) {
		send_out(lab, &flow);
		lab_turn(lab, 0);
		expect_tunneled(lab, 0, &flow);
		lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &flow));
		lab_turn(lab, 0);
		expect_in_drop(lab, 0, 0, DROP_selector_mismatch, 1);
	}
}

static struct lab_params none = {.no_flows = true};
static struct lab_params small_bursts = {.burst = 8};
static struct lab_params half_bursts = {.burst = BURST_MAX / 2};

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(is_asked_once, NULL),
		LAB_TEST(is_asked_once, &none),
		LAB_TEST(flows_that_share_places, NULL),
		LAB_TEST(flows_that_share_places, &none),
		LAB_TEST(most_stay_known, &small_bursts),
		LAB_TEST(is_known_after_a_flood, NULL),
		LAB_TEST(is_known_after_a_flood, &half_bursts),
		LAB_TEST(forgets_policies, NULL),
		LAB_TEST(forgets_routes, NULL),
		LAB_TEST(forgets_routes, &none),
		LAB_TEST(fragments_are_no_part_of_it, NULL),
		LAB_TEST(directions_differ, NULL),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
