// Several workers turned by hand: who owns a window, who encrypts, who transmits.
#include "workers_flows.h"

// The first worker that sees a window owns it; the other authenticates and hands over, in order.
static void claimed_by_the_first(struct lab *lab)
{
	unsigned lanes = lab->tunnel[0].in->params.proto == &esp_ops ? 1 : 2;

	for (unsigned lane = 0; lane < lanes; lane++) {
		unsigned owner = lane;
		unsigned other = 1 - lane;
		uint64_t number = 0;

		receive_in(lab, owner, lane, number++);
		lab_turn(lab, owner);
		expect_delivered(lab, owner, 0);
		for (unsigned i = 0; i < 50; i++)
			receive_in(lab, other, lane, number++);
		lab_turn(lab, other);
		expect_nothing_sent(lab);
		for (unsigned i = 0; i < 10; i++)
			receive_in(lab, owner, lane, number++);
		lab_turn(lab, owner);
		// What waits in rings goes first.
		for (uint64_t i = 1; i < number; i++)
			expect_delivered(lab, owner, i);
		expect_in(lab, 0, owner, (unsigned)number, (unsigned)number * 100);
		lab->expected.in[0].handed_over[other] += 50;
		lab->expected.handed_out[other] += 50;
		lab->expected.handed_in[owner] += 50;
		expect_window(lab, 0, (lane + 1) << (lanes == 2 ? 16 : 0), number, 0, 0);
	}
}

static void claim_vpe(void **state)
{
	claimed_by_the_first(one_tunnel(state, NULL));
}

static void claim_esp(void **state)
{
	static const struct lab_tunnel_params esp = {
		.proto = &esp_ops, .esn = true, .algorithm = AEAD_CHACHA20_POLY1305};

	claimed_by_the_first(one_tunnel(state, &esp));
}

// What is not authentic enters no ring, whoever owns the window; and claims none.
static void forged_enter_no_ring(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);

	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 100; i++) {
			struct flow flow = flow_in(i);
			struct rte_mbuf *m = peer_seal_flow(lab, 0, i % 4, &flow);

			rte_pktmbuf_mtod(m, uint8_t *)[m->data_len - 1 - i % 60] ^= 1;
			lab_receive(lab, WAN, 1, m);
			expect_in_drop(lab, 0, 1, DROP_icv_failed, 1);
		}
		lab_turn(lab, 1);
		lab_turn(lab, 1);
		assert_int_equal(rte_ring_count(lab->dp->worker[0]->from_worker[1]), 0);
		assert_int_equal(
			atomic_load(&lab->tunnel[0].in->in->windows->used), round == 0 ? 0 : 1);
		if (round == 0) {
			receive_in(lab, 0, 0, 7);
			lab_turn(lab, 0);
			expect_delivered(lab, 0, 7);
			expect_in(lab, 0, 0, 1, 100);
		}
	}
}

// Copies of one packet on two workers, in either order and in one turn: delivered once.
static void replays_split(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);

	for (unsigned i = 0; i < 8; i++) {
		struct flow flow = flow_in(i);
		struct rte_mbuf *m = peer_seal_flow(lab, 0, 0, &flow);
		unsigned first = i == 0 ? 0 : i % 2;

		lab_receive(lab, WAN, 1, rte_pktmbuf_copy(m, lab->dp->pool, 0, UINT32_MAX));
		lab_receive(lab, WAN, 0, m);
		lab_turn(lab, first);
		lab_turn(lab, 1 - first);
		lab_turn(lab, first);
		expect_delivered(lab, 0, i);
		expect_nothing_sent(lab);
		expect_in(lab, 0, 0, 1, 100);
		expect_in_drop(lab, 0, 0, DROP_replay_seen, 1);
		lab->expected.in[0].handed_over[1]++;
		lab->expected.handed_out[1]++;
		lab->expected.handed_in[0]++;
	}
}

static void take_numbers(struct lab *lab, unsigned queue, uint8_t *delivered, unsigned n)
{
	struct rte_mbuf *m;

	while ((m = lab_sent(lab, LAN, queue)) != NULL) {
		uint64_t number = packet_number(rte_pktmbuf_mtod_offset(m, const uint8_t *, ETHER));

		assert_true(number < n);
		delivered[number]++;
		rte_pktmbuf_free(m);
	}
}

// One to three copies of every packet over four workers in any order: each delivered exactly once,
// every other copy counted.
static void shuffled(void **state)
{
	static const struct lab_tunnel_params kinds[] = {
		{.replay_window = 65536},
		{.proto = &esp_ops,
			.esn = true,
			.replay_window = 65536,
			.peer_first = UINT64_C(0xfffffc00)},
	};
	enum { PACKETS = 20000 };
	static uint8_t delivered[PACKETS];
	struct lab *lab = *state;
	struct random random = {9};
	uint64_t copies = 0;
	uint64_t seen = 0;
	unsigned owners = 0;

	lab->loose = true;
	memset(delivered, 0, sizeof(delivered));
	for (unsigned t = 0; t < COUNT(kinds); t++) {
		lab_tunnel(lab, &kinds[t]);
		lab_protect(lab, t);
	}
	lab_publish(lab);
	for (unsigned i = 0; i < PACKETS; i++) {
		unsigned t = (unsigned)random_below(&random, COUNT(kinds));
		struct flow flow = flow_in(i);
		struct rte_mbuf *m;

		flow.source = t == 0 ? "10.100.0.5" : "10.101.0.5";
		m = peer_seal_flow(lab, t, t == 0 ? (unsigned)random_below(&random, 4) : 0, &flow);
		while (random_below(&random, 3) == 0) {
			lab_receive(lab, WAN, (unsigned)random_below(&random, 4),
				rte_pktmbuf_copy(m, lab->dp->pool, 0, UINT32_MAX));
			copies++;
		}
		lab_receive(lab, WAN, (unsigned)random_below(&random, 4), m);
		while (random_below(&random, 8) == 0) {
			lab_turn(lab, (unsigned)random_below(&random, 4));
			for (unsigned q = 0; q < 4; q++)
				take_numbers(lab, q, delivered, PACKETS);
		}
		if (i % 256 == 0)
			lab_turn_all(lab);
	}
	lab_turn_all(lab);
	for (unsigned q = 0; q < 4; q++)
		take_numbers(lab, q, delivered, PACKETS);
	for (unsigned i = 0; i < PACKETS; i++)
		assert_int_equal(delivered[i], 1);
	for (unsigned w = 0; w < 4; w++)
		seen += lab->dp->worker[w]->stats.port[WAN].drops[DROP_replay_seen];
	assert_int_equal(seen, copies);
	for (unsigned w = 0; w < 4; w++) {
		assert_true(lab->dp->worker[w]->stats.handed_out > 1000);
		owners += lab->tunnel[0].in->in->lane[w].packets > 0;
	}
	assert_true(owners > 1);
}

// The upper half of extended numbers on a worker that does not own the window: as the owner told.
static void told_top(void **state)
{
	static const struct lab_tunnel_params esp = {
		.proto = &esp_ops, .esn = true, .peer_first = UINT64_C(0xfffffff0)};
	struct lab *lab = one_tunnel(state, &esp);

	for (unsigned i = 0; i < 200; i++) {
		receive_in(lab, i < 10 ? 0 : 1, 0, i);
		if (i >= 10)
			lab_turn(lab, 1);
		lab_turn(lab, 0);
		expect_delivered(lab, 0, i);
		assert_int_equal(
			lab->tunnel[0].in->in->windows->told_top, UINT64_C(0xfffffff0) + i);
	}
	expect_in(lab, 0, 0, 200, 20000);
	lab->expected.in[0].handed_over[1] += 190;
	lab->expected.handed_out[1] += 190;
	lab->expected.handed_in[0] += 190;
}

int main(void)
{
	static const struct lab_params two = {.roles = "bb"};
	static const struct lab_params four = {.roles = "bbbb", .replay_pool_kb = 4096};
	const struct CMUnitTest tests[] = {
		LAB_TEST(claim_vpe, &two),
		LAB_TEST(claim_esp, &two),
		LAB_TEST(forged_enter_no_ring, &two),
		LAB_TEST(replays_split, &two),
		LAB_TEST(shuffled, &four),
		LAB_TEST(told_top, &two),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
