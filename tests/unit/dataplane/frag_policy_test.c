// Fragments and policies, every way and both families (RFC 4301 section 7): where the policy that
// could match names ports, a fragment ends, the first one too; elsewhere it goes by addresses and
// protocol.
#include "out_flows.h"

enum way { OUT, OUT_OF_TUNNEL, IN_CLEAR };

static const struct {
	const char *here;
	const char *there;
} hosts[2] = {{"10.1.0.10", "10.100.0.5"}, {"fd01::10", "fd00:100::5"}};

// Fields of the first, a middle and the last fragment, by family.
static const uint16_t fields[2][3] = {{0x2000, 0x2000 | 10, 10}, {1, 10 << 3 | 1, 10 << 3}};

static void add_policies(struct lab *lab, enum policy_action action)
{
	static const char *const nets[2][2] = {
		{"10.1.0.0/16", "10.100.0.0/16"}, {"fd01::/16", "fd00:100::/32"}};

	for (unsigned family = 0; family < 2; family++) {
		struct policy *policy =
			lab_policy(lab, nets[family][0], nets[family][1], action, 0);

		policy->selector.protocol = IP_PROTOCOL_UDP;
		policy->selector.destination_port = (struct port_range){53, 53};
		lab_policy(lab, nets[family][0], nets[family][1], action, 0);
	}
}

static struct flow flow_of(enum way way, unsigned family, uint16_t field, uint8_t protocol)
{
	struct flow flow = {.source = hosts[family].here, .destination = hosts[family].there};

	if (way != OUT) {
		flow.source = hosts[family].there;
		flow.destination = hosts[family].here;
		flow.source_port = 53;
	} else {
		flow.destination_port = 53;
	}
	flow.fragment = field;
	flow.protocol = protocol;
	// So that the payload of a fragment with more to come is a multiple of 8.
	flow.octets = 124;
	return flow;
}

static void arrive(struct lab *lab, enum way way, const struct flow *flow)
{
	if (way == OUT_OF_TUNNEL)
		lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, flow));
	else
		lab_receive_flow(lab, way == OUT ? LAN : WAN, 0, flow);
	lab_turn(lab, 0);
}

static void expect_through(struct lab *lab, enum way way, bool tunnel, const struct flow *flow)
{
	if (way == OUT && tunnel)
		expect_tunneled(lab, 0, flow);
	else if (way == OUT)
		expect_clear(lab, WAN, flow->destination, flow);
	else
		expect_clear(lab, LAN, flow->destination, flow);
	if (way == OUT_OF_TUNNEL)
		expect_in(lab, 0, 0, 1, flow->octets);
}

static void try_all(struct lab *lab, enum way way, bool tunnel)
{
	unsigned port = way == OUT ? LAN : WAN;

	for (unsigned family = 0; family < 2; family++) {
		struct flow whole = flow_of(way, family, 0, IP_PROTOCOL_UDP);

		arrive(lab, way, &whole);
		expect_through(lab, way, tunnel, &whole);
		for (unsigned i = 0; i < 3; i++) {
			struct flow flow = flow_of(way, family, fields[family][i], IP_PROTOCOL_UDP);

			arrive(lab, way, &flow);
			expect_drop(lab, 0, port, DROP_fragment_ports, 1);
			expect_nothing_sent(lab);
			flow.protocol = IP_PROTOCOL_TCP;
			arrive(lab, way, &flow);
			expect_through(lab, way, tunnel, &flow);
			expect_nothing_sent(lab);
		}
	}
}

static void into_and_out_of_a_tunnel(void **state)
{
	struct lab *lab = *state;

	lab_tunnel(lab, NULL);
	add_policies(lab, POLICY_PROTECT);
	lab_publish(lab);
	try_all(lab, OUT, true);
	try_all(lab, OUT_OF_TUNNEL, true);
}

// RFC 4301 section 7.4: a later fragment must not pass in clear by a policy for some ports.
static void in_clear(void **state)
{
	struct lab *lab = *state;

	lab_route(lab, "10.100.0.0/16", ADJACENCY_LINK, WAN, NULL);
	lab_route(lab, "fd00:100::/32", ADJACENCY_LINK, WAN, NULL);
	lab_neighbour(lab, hosts[0].there, WAN, false);
	lab_neighbour(lab, hosts[1].there, WAN, false);
	add_policies(lab, POLICY_BYPASS);
	lab_publish(lab);
	try_all(lab, OUT, false);
	try_all(lab, IN_CLEAR, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(into_and_out_of_a_tunnel, NULL),
		LAB_TEST(in_clear, NULL),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
