// Splitting: packets that are too big for a tunnel.
#include "frag_pieces.h"

#define SMALL_MTU 200

static void every_size(void **state)
{
	struct lab *lab = all_tunnels(state);
	unsigned step = full_run() ? 1 : 7;

	for (unsigned t = 0; t < COUNT(kinds); t++) {
		uint16_t most = sa_out_max_inner(lab->tunnel[t].out->out);

		for (unsigned octets = most + 1u; octets <= PACKET_MAX - ETHER; octets += step) {
			struct flow flow = big_flow(t, (uint16_t)octets);
			uint8_t packet[PACKET_MAX];

			packet_make(&flow, packet);
			send_in_pieces(lab, t, packet, octets);
		}
	}
}

// Pieces fit the path as it is known now, down to the least that is believed.
static void path_changes(void **state)
{
	static const uint16_t mtus[] = {1500, 1300, 576, 1400};
	struct lab *lab = all_tunnels(state);

	for (unsigned t = 0; t < COUNT(kinds); t++) {
		for (unsigned i = 0; i < COUNT(mtus); i++) {
			struct sa_out *sa = lab->tunnel[t].out->out;
			struct flow flow = big_flow(t, 0);
			uint8_t packet[PACKET_MAX];

			sa_out_set_path_mtu(sa, mtus[i]);
			flow.octets = sa_out_max_inner(sa);
			send_out(lab, &flow);
			lab_turn(lab, 0);
			expect_tunneled(lab, t, &flow);
			flow.octets++;
			packet_make(&flow, packet);
			send_in_pieces(lab, t, packet, flow.octets);
		}
	}
}

// A burst of packets, each in many pieces, of several SAs, with small ones between them: all leave
// in the order in which they came.
static void more_than_a_burst(void **state)
{
	struct lab *lab = all_tunnels(state);
	uint8_t packet[PACKET_MAX];

	for (unsigned round = 0; round < 4; round++) {
		for (unsigned i = 0; i < BURST_MAX; i++) {
			struct flow flow = big_flow(i % COUNT(kinds), i % 3 == 2 ? 100 : 2000);

			flow.number = i;
			send_out(lab, &flow);
		}
		lab_turn(lab, 0);
		for (unsigned i = 0; i < BURST_MAX; i++) {
			struct flow flow = big_flow(i % COUNT(kinds), i % 3 == 2 ? 100 : 2000);

			flow.number = i;
			if (i % 3 == 2) {
				expect_tunneled(lab, i % COUNT(kinds), &flow);
				continue;
			}
			packet_make(&flow, packet);
			packet_hop(packet);
			expect_pieces(lab, i % COUNT(kinds), packet, 2000);
		}
		expect_nothing_sent(lab);
	}
}

// Neither DF nor IPv6 is split, in the tunnel or past it.
static void may_not_be_split(void **state)
{
	struct lab *lab = all_tunnels(state);
	struct flow flows[] = {big_flow(0, 1600), big_flow(0, 1600), big_flow(0, 1600)};
	uint8_t packet[PACKET_MAX];

	flows[0].fragment = IPV4_DONT_FRAGMENT;
	flows[1].source = "fd01::10";
	flows[1].destination = "fd00:100::5";
	flows[2].fragment = IPV4_DONT_FRAGMENT;
	flows[2].destination = "203.0.113.1";
	for (unsigned i = 0; i < COUNT(flows); i++) {
		send_out(lab, &flows[i]);
		lab_turn(lab, 0);
		if (i < 2)
			expect_out_drop(lab, 0, 0, DROP_too_big, 1);
		else
			expect_drop(lab, 0, LAN, DROP_packet_too_big, 1);
		expect_punted(lab, META_TELL, LAN, packet, packet_make(&flows[i], packet));
		expect_nothing_sent(lab);
	}
}

// With TTL 1 it ends before it is split.
static void hop_limit_first(void **state)
{
	struct lab *lab = all_tunnels(state);
	struct flow flow[] = {big_flow(0, 1600), big_flow(0, 1600)};

	flow[1].destination = "203.0.113.1";
	for (unsigned i = 0; i < COUNT(flow); i++) {
		flow[i].ttl = 1;
		send_out(lab, &flow[i]);
		lab_turn(lab, 0);
		expect_drop(lab, 0, LAN, DROP_ttl_expired, 1);
		expect_told(lab, META_TELL, LAN, FORWARD_TRANSIT, DROP_ttl_expired, &flow[i]);
		expect_nothing_sent(lab);
	}
}

// All buffers are elsewhere: the packet goes, and what was made of it.
static void no_buffers(void **state)
{
	static struct rte_mbuf *taken[LAB_POOL_MAX];
	struct lab *lab = all_tunnels(state);
	unsigned n = 0;

	for (unsigned left = 0; left < 2; left++) {
		struct flow flow = big_flow(0, 1900);

		send_out(lab, &flow);
		flow.destination = "203.0.113.1";
		// With one left it would find those of the first.
		if (left == 0)
			send_out(lab, &flow);
		while (n < COUNT(taken) && (taken[n] = rte_pktmbuf_alloc(lab->dp->pool)) != NULL)
			n++;
		if (left == 1)
			rte_pktmbuf_free(taken[--n]);
		lab_turn(lab, 0);
		while (n > 0)
			rte_pktmbuf_free(taken[--n]);
		expect_drop(lab, 0, LAN, DROP_fragment_no_buffer, left == 0 ? 2 : 1);
		expect_nothing_sent(lab);
	}
}

// Pieces for an SA of another worker cross its ring, one by one.
static void another_workers_sa(void **state)
{
	static const struct lab_tunnel_params esp = {.proto = &esp_ops};
	struct lab *lab = *state;
	struct flow flow = big_flow(0, 2000);
	uint8_t packet[PACKET_MAX];
	uint8_t piece[PACKET_MAX];
	static struct whole whole;
	unsigned other;

	lab_tunnel(lab, &esp);
	lab_protect(lab, 0);
	lab_publish(lab);
	other = 1u - lab->tunnel[0].out->out->owner;
	lab_receive_flow(lab, LAN, other, &flow);
	lab_turn(lab, other);
	expect_nothing_sent(lab);
	lab_turn(lab, 1 - other);
	packet_make(&flow, packet);
	packet_hop(packet);
	memset(&whole, 0, sizeof(whole));
	for (unsigned i = 0; i < 2; i++)
		take_piece(lab, 1 - other, 0, &whole, piece);
	assert_whole(&whole, packet, 2000);
	lab->expected.fragmented[other][LAN]++;
	lab->expected.encap_out[other] += 2;
	lab->expected.encap_in[1 - other] += 2;
	expect_nothing_sent(lab);
}

static const struct lab_params small_wan = {.mtu = {1500, SMALL_MTU}};
static const struct lab_params two_workers = {.roles = "bb"};

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(every_size, NULL),
		LAB_TEST(path_changes, NULL),
		LAB_TEST(more_than_a_burst, &small_wan),
		LAB_TEST(may_not_be_split, NULL),
		LAB_TEST(hop_limit_first, NULL),
		LAB_TEST(no_buffers, NULL),
		LAB_TEST(another_workers_sa, &two_workers),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
