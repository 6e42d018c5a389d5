// The inbound path: what is delivered, and what is delivered once only.
#include "in_flows.h"

static void one_packet(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct flow flow = flow_in(1);

	lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &flow));
	lab_turn_all(lab);
	expect_delivered(lab, 0, &flow);
	expect_window(lab, 0, 1u << 16, 1, 0, 0);
}

static void two_copies_in_one_burst(void **state)
{
	struct lab *lab = *state;
	static const struct lab_tunnel_params esp = {.proto = &esp_ops};

	lab_tunnel(lab, NULL);
	lab_tunnel(lab, &esp);
	lab_protect(lab, 0);
	lab_protect(lab, 1);
	lab_publish(lab);
	for (unsigned t = 0; t < 2; t++) {
		for (unsigned round = 0; round < 3; round++) {
			struct flow flow = flow_in(round);
			struct rte_mbuf *frame;

			if (t == 1)
				flow.source = "10.101.0.5";
			frame = peer_seal_flow(lab, t, 0, &flow);
			// The very first round also claims the window in between.
			lab_receive(lab, WAN, 0, copy(lab, frame));
			lab_receive(lab, WAN, 0, copy(lab, frame));
			lab_receive(lab, WAN, 0, frame);
			lab_turn(lab, 0);
			expect_delivered(lab, t, &flow);
			expect_nothing_sent(lab);
			expect_in_drop(lab, t, 0, DROP_replay_seen, 2);
		}
		expect_window(lab, t, t == 0 ? 1u << 16 : 1, 3, 0, 6);
	}
}

// Every packet of a stream once more, in one go and shuffled: none passes.
static void replayed_stream(void **state)
{
	static const struct lab_tunnel_params small = {.replay_window = 64};
	struct lab *lab = one_tunnel(state, &small);
	struct rte_mbuf *frame[256];
	struct random random = {3};

	for (unsigned i = 0; i < COUNT(frame); i++) {
		struct flow flow = flow_in(i);

		frame[i] = peer_seal_flow(lab, 0, 0, &flow);
		lab_receive(lab, WAN, 0, copy(lab, frame[i]));
		lab_turn(lab, 0);
		expect_delivered(lab, 0, &flow);
	}
	for (unsigned i = COUNT(frame); i > 0; i--) {
		unsigned j = (unsigned)random_below(&random, i);

		lab_receive(lab, WAN, 0, frame[j]);
		frame[j] = frame[i - 1];
	}
	lab_turn_all(lab);
	expect_nothing_sent(lab);
	expect_in_drop(lab, 0, 0, DROP_replay_seen, 64);
	expect_in_drop(lab, 0, 0, DROP_replay_old, COUNT(frame) - 64);
	expect_window(lab, 0, 1u << 16, COUNT(frame), COUNT(frame) - 64, 64);
}

// Inside the window every order is accepted, each number once.
static void reordered(void **state)
{
	static const struct lab_tunnel_params esp = {
		.proto = &esp_ops, .replay_window = 64, .peer_first = UINT32_MAX - 20, .esn = true};
	struct lab *lab = one_tunnel(state, &esp);
	struct rte_mbuf *frame[64];
	struct flow flow[64];
	struct flow first = flow_in(99);

	// The receiver cannot know how often the lower half has wrapped before its first packet.
	lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &first));
	lab_turn(lab, 0);
	expect_delivered(lab, 0, &first);
	for (unsigned i = 0; i < 64; i++) {
		flow[i] = flow_in(i);
		frame[i] = peer_seal_flow(lab, 0, 0, &flow[i]);
	}
	for (unsigned i = 0; i < 64; i++)
		lab_receive(lab, WAN, 0, frame[i % 8 * 8 + i / 8]);
	lab_turn(lab, 0);
	for (unsigned i = 0; i < 64; i++)
		expect_delivered(lab, 0, &flow[i % 8 * 8 + i / 8]);
	expect_window(lab, 0, 1, 65, 0, 0);
	assert_int_equal(lab->tunnel[0].in->in->windows->told_top, UINT64_C(0x100000000) + 43);
}

// Two SAs of one SPI at two local addresses; each opens its own alone.
static void one_spi_two_addresses(void **state)
{
	static const struct lab_tunnel_params a = {.spi_in = 0x20012001};
	static const struct lab_tunnel_params b = {.spi_in = 0x20012001, .local = "192.0.2.2"};
	struct lab *lab = *state;

	lab_tunnel(lab, &a);
	lab_tunnel(lab, &b);
	lab_protect(lab, 0);
	lab_protect(lab, 1);
	lab_publish(lab);
	for (unsigned i = 0; i < 64; i++) {
		struct flow flow = flow_in(i);

		flow.source = i % 3 == 0 ? "10.100.0.5" : "10.101.0.5";
		lab_receive(lab, WAN, 0, peer_seal_flow(lab, i % 3 != 0, 0, &flow));
	}
	lab_turn(lab, 0);
	for (unsigned i = 0; i < 64; i++) {
		struct flow flow = flow_in(i);

		flow.source = i % 3 == 0 ? "10.100.0.5" : "10.101.0.5";
		expect_delivered(lab, i % 3 != 0, &flow);
	}
}

// The SA found last is known to the next burst, but no longer than its table is.
static void last_sa_removed(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	unsigned tunnels = lab->tunnels;
	struct flow flow = flow_in(1);

	lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &flow));
	lab_turn(lab, 0);
	expect_delivered(lab, 0, &flow);
	lab->tunnels = 0;
	lab_publish_sadb(lab);
	lab->tunnels = tunnels;
	lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &flow));
	lab_turn(lab, 0);
	expect_nothing_sent(lab);
	expect_drop(lab, 0, WAN, DROP_no_sa, 1);
	lab_publish_sadb(lab);
	lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &flow));
	lab_turn(lab, 0);
	expect_delivered(lab, 0, &flow);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(one_packet, NULL),
		LAB_TEST(last_sa_removed, NULL),
		LAB_TEST(two_copies_in_one_burst, NULL),
		LAB_TEST(replayed_stream, NULL),
		LAB_TEST(reordered, NULL),
		LAB_TEST(one_spi_two_addresses, NULL),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
