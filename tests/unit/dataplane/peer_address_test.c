// Packets of an SA that come from another address than its peer's: they end, and control is told of
// those that only the peer can have sent.
#include "in_flows.h"

#include <rte_cycles.h>

static const struct lab_tunnel_params kinds[] = {
	{.algorithm = AEAD_AES_256_GCM},
	{.proto = &esp_ops, .algorithm = AEAD_AES_128_GCM},
	{.proto = &esp_ops, .algorithm = AEAD_AES_128_GCM, .esn = true, .peer_first = 0xfffffffd},
	{.outer6 = true, .algorithm = AEAD_CHACHA20_POLY1305},
	{.proto = &esp_ops, .algorithm = AEAD_AES_192_GCM, .outer6 = true},
};

static void move(struct rte_mbuf *frame, bool ipv6)
{
	uint8_t *outer = outer_of(frame);

	outer[ipv6 ? IPV6_SOURCE + 15 : IPV4_SOURCE + 3] ^= 0x40;
	if (!ipv6)
		ipv4_write_checksum(outer, IPV4_HEADER_MIN);
}

// What control finds after this frame of the worker's, which ends.
static bool found(
	struct lab *lab, unsigned worker, struct rte_mbuf *frame, struct audit_event *event)
{
	lab_receive(lab, WAN, worker, frame);
	lab_turn(lab, worker);
	expect_drop(lab, worker, WAN, DROP_sa_outer_address, 1);
	return audit_take(&lab->dp->worker[worker]->peer_address, event);
}

static void wait_for_a_look(struct lab *lab, unsigned worker)
{
	lab->dp->worker[worker]->peer_looks =
		(struct peer_looks){.last_tsc = rte_rdtsc() - rte_get_tsc_hz()};
}

static void deliver(struct lab *lab, unsigned t, const struct flow *flow, struct rte_mbuf *frame)
{
	lab_receive(lab, WAN, 0, frame);
	lab_turn(lab, 0);
	expect_delivered(lab, t, flow);
}

// Of a tunnel whose window is worker 0's, as any worker sees it.
static void try_peer(struct lab *lab, unsigned worker, unsigned t, const char *source)
{
	bool ipv6 = kinds[t].outer6;
	struct flow flow = {.source = source, .destination = "10.1.0.10", .number = t};
	struct rte_mbuf *kept = peer_seal_flow(lab, t, 0, &flow);
	struct audit_event event;
	struct rte_mbuf *frame;
	struct ip_addr from;

	// Nobody knows yet which numbers are new.
	if (worker == 0) {
		frame = copy(lab, kept);
		move(frame, ipv6);
		wait_for_a_look(lab, worker);
		assert_false(found(lab, worker, frame, &event));
	}
	// Kept back on its way, and sent later by somebody else.
	deliver(lab, t, &flow, peer_seal_flow(lab, t, 0, &flow));
	move(kept, ipv6);
	wait_for_a_look(lab, worker);
	assert_false(found(lab, worker, kept, &event));
	// Sent by somebody without the key.
	frame = peer_seal_flow(lab, t, 0, &flow);
	rte_pktmbuf_mtod(frame, uint8_t *)[frame->data_len - 20] ^= 1;
	move(frame, ipv6);
	wait_for_a_look(lab, worker);
	assert_false(found(lab, worker, frame, &event));
	// Sent by the peer.
	kept = peer_seal_flow(lab, t, 0, &flow);
	frame = copy(lab, kept);
	move(frame, ipv6);
	from = ip_source(outer_of(frame));
	wait_for_a_look(lab, worker);
	assert_true(found(lab, worker, frame, &event));
	assert_true(ip_addr_equal(&event.source, &from));
	assert_int_equal(event.tunnel, t);
	assert_int_equal(event.spi, lab->tunnel[t].in->in->spi);
	// Nothing was committed: where it should have come from it is still new. Then it is old.
	deliver(lab, t, &flow, copy(lab, kept));
	move(kept, ipv6);
	wait_for_a_look(lab, worker);
	assert_false(found(lab, worker, kept, &event));
}

static void peers_that_move(void **state)
{
	static const char *const source[] = {
		"10.100.0.5", "10.101.0.5", "10.102.0.5", "10.103.0.5", "10.104.0.5"};
	struct lab *lab = *state;

	for (unsigned t = 0; t < COUNT(kinds); t++) {
		lab_tunnel(lab, &kinds[t]);
		lab_protect(lab, t);
	}
	lab_publish(lab);
	for (unsigned worker = 0; worker < 2; worker++)
		for (unsigned t = 0; t < COUNT(kinds); t++)
			try_peer(lab, worker, t, source[t]);
}

// From where no peer can be: this side's own addresses, and no address.
static void impossible_places(void **state)
{
	static const char *const source[] = {"10.1.0.10", "0.0.0.1", "192.0.2.77"};
	struct lab *lab = one_tunnel(state, NULL);
	struct flow flow = flow_in(0);
	struct audit_event event;

	deliver(lab, 0, &flow, peer_seal_flow(lab, 0, 0, &flow));
	for (unsigned i = 0; i < COUNT(source); i++) {
		struct rte_mbuf *frame = peer_seal_flow(lab, 0, 0, &flow);
		struct ip_addr from = addr_of(source[i]);

		memcpy(outer_of(frame) + IPV4_SOURCE, from.octets, 4);
		ipv4_write_checksum(outer_of(frame), IPV4_HEADER_MIN);
		wait_for_a_look(lab, 0);
		assert_int_equal(found(lab, 0, frame, &event), i == 2);
	}
}

// Now and then one is looked at, of one peer once a second; what control has not taken stays.
static void floods(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct worker *w = lab->dp->worker[0];
	struct flow flow = flow_in(0);
	struct audit_event event;
	unsigned told = 0;
	uint64_t first;

	deliver(lab, 0, &flow, peer_seal_flow(lab, 0, 0, &flow));
	for (unsigned i = 0; i < 100; i++) {
		struct rte_mbuf *frame = peer_seal_flow(lab, 0, 0, &flow);

		move(frame, false);
		told += found(lab, 0, frame, &event);
	}
	assert_in_range(told, 1, 5);
	first = event.seq;
	for (unsigned i = 0; i < 2; i++) {
		struct rte_mbuf *frame = peer_seal_flow(lab, 0, 0, &flow);

		move(frame, false);
		wait_for_a_look(lab, 0);
		lab_receive(lab, WAN, 0, frame);
		lab_turn(lab, 0);
		expect_drop(lab, 0, WAN, DROP_sa_outer_address, 1);
	}
	assert_true(audit_take(&w->peer_address, &event));
	assert_int_equal(event.seq, 102);
	assert_true(event.seq > first);
	assert_false(audit_take(&w->peer_address, &event));
}

static const struct lab_params two_workers = {.roles = "bb"};

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(peers_that_move, &two_workers),
		LAB_TEST(impossible_places, NULL),
		LAB_TEST(floods, NULL),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
