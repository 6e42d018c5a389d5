// The outbound path: policies, tunnels, fragments and sizes.
#include "out_flows.h"

// Tunnels, bypass and refusals interleaved: each tunnel's packets and the bypassing ones keep their
// order, and the tunnels' that among each other.
static void interleaved(void **state)
{
	struct lab *lab = all_tunnels(state);
	struct random random = {11};
	unsigned bursts = full_run() ? 5000 : 400;
	static char to[COUNT(kinds)][2][IP_ADDR_TEXT];

	for (unsigned t = 0; t < COUNT(kinds); t++) {
		snprintf(to[t][0], IP_ADDR_TEXT, "10.%u.9.9", 100 + t);
		snprintf(to[t][1], IP_ADDR_TEXT, "fd00:%u::9", 100 + t);
	}
	for (unsigned burst = 0; burst < bursts; burst++) {
		struct flow flow[BURST_MAX];
		unsigned kind[BURST_MAX];
		unsigned n = (unsigned)random_below(&random, BURST_MAX) + 1;

		for (unsigned i = 0; i < n; i++) {
			bool ipv6 = random_below(&random, 2) == 1;

			kind[i] = (unsigned)random_below(&random, COUNT(kinds) + 3);
			flow[i] = flow_out(burst * 100 + i);
			flow[i].octets = (uint16_t)(60 + random_below(&random, 1200));
			flow[i].tos = (uint8_t)random_next(&random);
			if (kind[i] < COUNT(kinds)) {
				flow[i].source = ipv6 ? "fd01::10" : "10.1.0.10";
				flow[i].destination = to[kind[i]][ipv6];
			} else {
				static const char *const others[] = {
					"203.0.113.9", "10.51.0.1", "10.52.0.1"};

				flow[i].destination = others[kind[i] - COUNT(kinds)];
			}
			send_out(lab, &flow[i]);
		}
		lab_turn(lab, 0);
		for (unsigned i = 0; i < n; i++) {
			if (kind[i] < COUNT(kinds))
				expect_tunneled(lab, kind[i], &flow[i]);
		}
		for (unsigned i = 0; i < n; i++) {
			if (kind[i] == COUNT(kinds))
				expect_clear(lab, WAN, "192.0.2.254", &flow[i]);
			else if (kind[i] == COUNT(kinds) + 1)
				expect_drop(lab, 0, LAN, DROP_policy_discard, 1);
			else if (kind[i] == COUNT(kinds) + 2)
				expect_drop(lab, 0, LAN, DROP_policy_none, 1);
		}
		expect_nothing_sent(lab);
	}
}

// The first policy that matches decides, whatever is narrower behind it.
static void order_decides(void **state)
{
	struct lab *lab = *state;
	struct policy *policy;
	struct flow flow = flow_out(1);
	uint64_t hits[4];

	lab_tunnel(lab, NULL);
	lab_tunnel(lab, NULL);
	policy = lab_policy(lab, "10.1.0.0/16", "10.100.0.0/16", POLICY_DISCARD, 0);
	policy->selector.protocol = IP_PROTOCOL_TCP;
	policy->selector.destination_port = (struct port_range){80, 90};
	lab_policy(lab, "10.1.0.0/24", "10.100.0.0/24", POLICY_PROTECT, 1);
	lab_policy(lab, "10.1.0.0/16", "0.0.0.0/0", POLICY_PROTECT, 0);
	lab_policy(lab, "10.1.0.10", "10.100.0.5", POLICY_DISCARD, 0);
	lab_publish(lab);
	send_out(lab, &flow);
	lab_turn(lab, 0);
	expect_tunneled(lab, 1, &flow);
	flow.destination = "10.100.1.5";
	send_out(lab, &flow);
	lab_turn(lab, 0);
	expect_tunneled(lab, 0, &flow);
	flow.protocol = IP_PROTOCOL_TCP;
	for (uint16_t port = 79; port <= 91; port++) {
		flow.destination_port = port;
		send_out(lab, &flow);
		lab_turn(lab, 0);
		if (port == 79 || port == 91)
			expect_tunneled(lab, 0, &flow);
		else
			expect_drop(lab, 0, LAN, DROP_policy_discard, 1);
	}
	for (unsigned i = 0; i < 4; i++)
		hits[i] = spd_hits(lab->dp->spd, i);
	assert_memory_equal(hits, ((uint64_t[]){11, 1, 3, 0}), sizeof(hits));
}

static void hop_limit(void **state)
{
	struct lab *lab = all_tunnels(state);
	static const char *const to[] = {"10.100.0.5", "203.0.113.1"};

	for (uint8_t ttl = 1; ttl <= 2; ttl++) {
		for (unsigned i = 0; i < 2; i++) {
			struct flow flow = flow_out(i);

			flow.ttl = ttl;
			flow.destination = to[i];
			send_out(lab, &flow);
			lab_turn(lab, 0);
			if (ttl == 1) {
				expect_drop(lab, 0, LAN, DROP_ttl_expired, 1);
				expect_told(lab, META_TELL, LAN, FORWARD_TRANSIT, DROP_ttl_expired,
					&flow);
			} else if (i == 0) {
				expect_tunneled(lab, 0, &flow);
			} else {
				expect_clear(lab, WAN, "192.0.2.254", &flow);
			}
		}
	}
	expect_nothing_sent(lab);
}

// The largest that fits leaves in an outer packet no larger than the port allows; one octet more
// comes back whole, with the size that would fit.
static void too_big(void **state)
{
	struct lab *lab = all_tunnels(state);
	char to[IP_ADDR_TEXT];

	for (unsigned t = 0; t < COUNT(kinds); t++) {
		uint16_t most = lab->tunnel[t].out->out->max_inner;
		struct flow flow = flow_out(t);

		snprintf(to, sizeof(to), "10.%u.0.1", 100 + t);
		flow.destination = to;
		flow.octets = most;
		flow.fragment = IPV4_DONT_FRAGMENT;
		send_out(lab, &flow);
		lab_turn(lab, 0);
		assert_int_equal(rte_ring_count(lab->tx[WAN][0]), 1);
		expect_tunneled(lab, t, &flow);
		flow.octets = (uint16_t)(most + 1);
		send_out(lab, &flow);
		lab_turn(lab, 0);
		expect_out_drop(lab, t, 0, DROP_too_big, 1);
		assert_int_equal(
			expect_told(lab, META_TELL, LAN, FORWARD_TRANSIT, DROP_too_big, &flow),
			most);
	}
	// Clear ones meet the port's own limit.
	for (unsigned more = 0; more < 2; more++) {
		struct flow flow = flow_out(more);

		flow.destination = "203.0.113.1";
		flow.octets = (uint16_t)(1500 + more);
		flow.fragment = IPV4_DONT_FRAGMENT;
		send_out(lab, &flow);
		lab_turn(lab, 0);
		if (more == 0) {
			expect_clear(lab, WAN, "192.0.2.254", &flow);
			continue;
		}
		expect_drop(lab, 0, LAN, DROP_packet_too_big, 1);
		assert_int_equal(expect_told(lab, META_TELL, LAN, FORWARD_TRANSIT,
					 DROP_packet_too_big, &flow),
			1500);
	}
	expect_nothing_sent(lab);
}

static void fragments(void **state)
{
	struct lab *lab = *state;
	struct policy *policy;
	static const uint16_t fields[] = {0x2000, 0x2010, 0x0010};

	lab_tunnel(lab, NULL);
	lab_tunnel(lab, NULL);
	policy = lab_policy(lab, "10.1.0.0/16", "10.100.0.0/16", POLICY_PROTECT, 0);
	policy->selector.protocol = IP_PROTOCOL_UDP;
	policy->selector.destination_port = (struct port_range){0, 1000};
	lab_policy(lab, "10.1.0.0/16", "10.100.0.0/16", POLICY_PROTECT, 1);
	policy = lab_policy(lab, "fd01::/16", "fd00:100::/32", POLICY_PROTECT, 0);
	policy->selector.protocol = IP_PROTOCOL_UDP;
	policy->selector.source_port = (struct port_range){1, 1};
	lab_policy(lab, "fd01::/16", "fd00:100::/32", POLICY_PROTECT, 1);
	lab_publish(lab);
	for (unsigned i = 0; i < COUNT(fields); i++) {
		struct flow flow = flow_out(i);
		struct flow flow6 = {.source = "fd01::10",
			.destination = "fd00:100::5",
			.fragment = (uint16_t)(i + 7)};

		flow.fragment = fields[i];
		send_out(lab, &flow);
		send_out(lab, &flow6);
		lab_turn(lab, 0);
		expect_drop(lab, 0, LAN, DROP_fragment_ports, 2);
		expect_nothing_sent(lab);
		// Not that policy's: past it, to one without ports.
		flow.protocol = flow6.protocol = IP_PROTOCOL_ICMP;
		send_out(lab, &flow);
		send_out(lab, &flow6);
		lab_turn(lab, 0);
		expect_tunneled(lab, 1, &flow);
		expect_tunneled(lab, 1, &flow6);
	}
}

// By configuration, the protected side and the host learn that a policy says no.
static void refusals_are_told(void **state)
{
	static const struct {
		const char *to;
		uint16_t fragment;
		enum drop_reason reason;
	} cases[] = {
		{"10.51.0.1", 0, DROP_policy_discard},
		{"10.52.0.1", 0, DROP_policy_none},
		{"10.60.0.1", 0x2000, DROP_fragment_ports},
	};
	struct lab *lab = all_tunnels(state);
	struct policy *policy = lab_policy(lab, "10.1.0.0/16", "10.60.0.0/16", POLICY_PROTECT, 0);

	policy->selector.protocol = IP_PROTOCOL_UDP;
	policy->selector.destination_port = (struct port_range){7, 7};
	lab_publish_spd(lab);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct flow flow = flow_out(i);

		flow.destination = cases[i].to;
		flow.fragment = cases[i].fragment;
		send_out(lab, &flow);
		lab_turn(lab, 0);
		expect_drop(lab, 0, LAN, cases[i].reason, 1);
		expect_told(lab, META_TELL, LAN, FORWARD_TRANSIT, cases[i].reason, &flow);
	}
	expect_nothing_sent(lab);
}

int main(void)
{
	static const struct lab_params telling = {.tell_refusals = true};
	const struct CMUnitTest tests[] = {
		LAB_TEST(interleaved, NULL),
		LAB_TEST(order_decides, NULL),
		LAB_TEST(hop_limit, NULL),
		LAB_TEST(too_big, NULL),
		LAB_TEST(fragments, NULL),
		LAB_TEST(refusals_are_told, &telling),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
