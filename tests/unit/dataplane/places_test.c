// Several workers turned by hand: who encrypts, who transmits, and how long an SA is seen.
#include "workers_flows.h"

#include "base/bytes.h"
#include "dataplane/handover.h"

// An ESP SA's packets are encrypted by one worker, whoever receives them: one unbroken row of
// numbers, in the order of each worker.
static void one_encrypts_esp(void **state)
{
	static const struct lab_tunnel_params esp = {.proto = &esp_ops};
	struct lab *lab = one_tunnel(state, &esp);
	unsigned owner = lab->tunnel[0].out->out->owner;
	struct flow flow;

	assert_true(owner < 2);
	for (unsigned i = 0; i < 80; i++) {
		flow = flow_out(i);
		lab_receive_flow(lab, LAN, i < 40 ? 1 - owner : owner, &flow);
	}
	lab_turn(lab, 1 - owner);
	expect_nothing_sent(lab);
	lab_turn(lab, owner);
	for (unsigned i = 0; i < 80; i++) {
		uint8_t packet[PACKET_MAX];

		flow = flow_out(i);
		packet_make(&flow, packet);
		packet_hop(packet);
		expect_sealed(lab, owner, 0, packet, 100);
	}
	expect_out(lab, 0, owner, 80, 8000);
	lab->expected.encap_out[1 - owner] += 40;
	lab->expected.encap_in[owner] += 40;
	assert_int_equal(lab->tunnel[0].out->out->lane[owner].next, 81);
}

// A VPE SA's packets are encrypted where they arrive, each worker with a window of its own.
static void all_encrypt_vpe(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);

	for (unsigned w = 0; w < 4; w++) {
		for (unsigned i = 0; i < 5; i++) {
			struct flow flow = flow_out(i);

			lab_receive_flow(lab, LAN, w, &flow);
		}
		lab_turn(lab, w);
		for (unsigned i = 0; i < 5; i++) {
			struct rte_mbuf *m = lab_sent(lab, WAN, w);
			uint8_t inner[PACKET_MAX];
			uint32_t octets;
			const uint8_t *vpe;

			assert_non_null(m);
			vpe = rte_pktmbuf_mtod_offset(m, const uint8_t *, ETHER + 20);
			assert_int_equal(load_le32(vpe), (w + 1) << 16);
			assert_int_equal(load_le64(vpe + 4), i + 1);
			assert_int_equal(peer_open(lab, 0, m, inner, &octets), DROP_NONE);
			assert_int_equal(packet_number(inner), i);
		}
		expect_out(lab, 0, w, 5, 500);
	}
}

// Half of the workers encrypt, half decrypt; encrypting ones alone are numbered.
static void roles(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);

	assert_int_equal(lab->dp->sa_workers.encrypt_n, 2);
	for (unsigned q = 0; q < 2; q++) {
		unsigned encrypts = q == 0 ? 1 : 3;
		unsigned decrypts = q == 0 ? 0 : 2;
		struct flow flow = flow_out(q);
		uint8_t packet[PACKET_MAX];

		lab_receive_flow(lab, LAN, q, &flow);
		receive_in(lab, q, q, 40 + q);
		lab_turn_all(lab);
		packet_make(&flow, packet);
		packet_hop(packet);
		expect_sealed(lab, encrypts, 0, packet, 100);
		expect_delivered(lab, decrypts, 40 + q);
		expect_out(lab, 0, encrypts, 1, 100);
		expect_in(lab, 0, decrypts, 1, 100);
		assert_int_equal(lab->tunnel[0].out->out->lane[encrypts].window_id, q + 1);
	}
}

// Both ports have one transmit queue: the others reach its owner by ring.
static void one_transmit_queue(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct flow flow = flow_out(1);
	uint8_t packet[PACKET_MAX];

	for (unsigned w = 0; w < 3; w++) {
		receive_in(lab, w, w, w);
		lab_receive_flow(lab, LAN, w, &flow);
	}
	for (unsigned w = 3; w-- > 1;)
		lab_turn(lab, w);
	expect_nothing_sent(lab);
	lab_turn(lab, 0);
	expect_delivered(lab, 0, 1);
	expect_delivered(lab, 0, 2);
	expect_delivered(lab, 0, 0);
	packet_make(&flow, packet);
	packet_hop(packet);
	for (unsigned w = 0; w < 3; w++) {
		expect_sealed(lab, 0, 0, packet, 100);
		expect_in(lab, 0, w, 1, 100);
		expect_out(lab, 0, w, 1, 100);
	}
}

// Two devices make one port; each worker has the queues of its own.
static void port_of_devices(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);

	assert_int_equal(lab->dp->port[WAN].devices, 2);
	for (unsigned q = 0; q < 2; q++) {
		receive_in(lab, q, q, q);
		lab_turn(lab, q);
		expect_delivered(lab, q, q);
		expect_in(lab, 0, q, 1, 100);
	}
}

// An SA that a packet in a ring still points to outlives the ring, however the turns and the grace
// periods interleave.
static bool freed;

static void mark_freed(void *object)
{
	(void)object;
	freed = true;
}

static void quiesce(struct lab *lab, unsigned worker)
{
	rte_rcu_qsbr_quiescent(lab->dp->qsbr, worker);
}

static void retired_behind_the_ring(void **state)
{
	static const struct lab_tunnel_params esp = {.proto = &esp_ops};
	struct lab *lab = one_tunnel(state, &esp);
	unsigned owner = lab->tunnel[0].out->out->owner;
	struct flow flow = flow_out(1);
	uint8_t packet[PACKET_MAX];

	freed = false;
	for (unsigned w = 0; w < 2; w++) {
		rte_rcu_qsbr_thread_register(lab->dp->qsbr, w);
		rte_rcu_qsbr_thread_online(lab->dp->qsbr, w);
	}
	assert_int_equal(dataplane_retire(lab->dp, &freed, mark_freed), 0);
	lab_turn(lab, owner);
	quiesce(lab, owner);
	// The owner's next turn begins before, and ends after, the other's last packet of this SA
	// and the end of the first grace period.
	handover_receive(lab->dp->worker[owner]);
	lab_receive_flow(lab, LAN, 1 - owner, &flow);
	lab_turn(lab, 1 - owner);
	atomic_store(&lab->tunnel[0].tunnel.out, NULL);
	quiesce(lab, 1 - owner);
	dataplane_reclaim(lab->dp);
	for (unsigned w = 0; w < 2; w++)
		quiesce(lab, w);
	dataplane_reclaim(lab->dp);
	assert_false(freed);
	lab_turn(lab, owner);
	packet_make(&flow, packet);
	packet_hop(packet);
	expect_sealed(lab, owner, 0, packet, 100);
	expect_out(lab, 0, owner, 1, 100);
	lab->expected.encap_out[1 - owner]++;
	lab->expected.encap_in[owner]++;
	for (unsigned w = 0; w < 2; w++)
		quiesce(lab, w);
	dataplane_reclaim(lab->dp);
	assert_true(freed);
	for (unsigned w = 0; w < 2; w++) {
		rte_rcu_qsbr_thread_offline(lab->dp->qsbr, w);
		rte_rcu_qsbr_thread_unregister(lab->dp->qsbr, w);
	}
}

int main(void)
{
	static const struct lab_params two = {.roles = "bb"};
	static const struct lab_params four = {.roles = "bbbb"};
	static const struct lab_params split = {.roles = "dede", .rx = {2, 2}, .tx = {4, 4}};
	static const struct lab_params one_tx = {.roles = "bbb", .tx = {1, 1}};
	static const struct lab_params devices = {.roles = "bb", .devices = true};
	const struct CMUnitTest tests[] = {
		LAB_TEST(one_encrypts_esp, &two),
		LAB_TEST(all_encrypt_vpe, &four),
		LAB_TEST(roles, &split),
		LAB_TEST(one_transmit_queue, &one_tx),
		LAB_TEST(port_of_devices, &devices),
		LAB_TEST(retired_behind_the_ring, &two),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
