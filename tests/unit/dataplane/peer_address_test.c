// Packets of an SA that come from another address than its peer's: they end, and control is told of
// those that only the peer can have sent.
#include "in_flows.h"

#include <rte_cycles.h>

static const struct lab_tunnel_params kinds[] = {
	{.algorithm = AEAD_AES_256_GCM},
	{.proto = &esp_ops, .algorithm = AEAD_AES_128_GCM},
	{.proto = &esp_ops, .algorithm = AEAD_AES_128_GCM, .esn = true, .first = 0xfffffff0},
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

// What control finds after this frame, which ends.
static bool found(struct lab *lab, struct rte_mbuf *frame, struct audit_event *event)
{
	struct worker *w = lab->dp->worker[0];

	lab_receive(lab, WAN, 0, frame);
	lab_turn(lab, 0);
	expect_drop(lab, 0, WAN, DROP_sa_outer_address, 1);
	return audit_take(&w->peer_address, event);
}

static void wait_for_a_look(struct lab *lab)
{
	lab->dp->worker[0]->peer_address_tsc = rte_rdtsc() - rte_get_tsc_hz();
}

static void try_peer(struct lab *lab, unsigned t, const char *source)
{
	bool ipv6 = kinds[t].outer6;
	struct flow flow = {.source = source, .destination = "10.1.0.10", .number = t};
	struct rte_mbuf *frame = peer_seal_flow(lab, t, 0, &flow);
	struct audit_event event;
	struct rte_mbuf *again;
	struct ip_addr from;

	// Sent by somebody without the key.
	rte_pktmbuf_mtod(frame, uint8_t *)[frame->data_len - 20] ^= 1;
	move(frame, ipv6);
	wait_for_a_look(lab);
	assert_false(found(lab, frame, &event));
	// Sent by the peer.
	frame = peer_seal_flow(lab, t, 0, &flow);
	again = copy(lab, frame);
	move(frame, ipv6);
	from = ip_source(outer_of(frame));
	wait_for_a_look(lab);
	assert_true(found(lab, frame, &event));
	assert_true(ip_addr_equal(&event.source, &from));
	assert_int_equal(event.tunnel, t);
	assert_int_equal(event.spi, lab->tunnel[t].in->in->spi);
	// Nothing was committed: where it should have come from it is still new. Then it is old.
	lab_receive(lab, WAN, 0, copy(lab, again));
	lab_turn(lab, 0);
	expect_delivered(lab, t, &flow);
	move(again, ipv6);
	wait_for_a_look(lab);
	assert_false(found(lab, again, &event));
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
	for (unsigned t = 0; t < COUNT(kinds); t++)
		try_peer(lab, t, source[t]);
}

// A flood is looked at now and then, and fills no mailbox twice.
static void floods(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct audit_event event;
	unsigned told = 0;

	for (unsigned i = 0; i < 100; i++) {
		struct flow flow = flow_in(i);
		struct rte_mbuf *frame = peer_seal_flow(lab, 0, 0, &flow);

		move(frame, false);
		told += found(lab, frame, &event);
	}
	assert_in_range(told, 1, 50);
	for (unsigned i = 0; i < 2; i++) {
		struct flow flow = flow_in(100 + i);
		struct rte_mbuf *frame = peer_seal_flow(lab, 0, 0, &flow);

		move(frame, false);
		lab_receive(lab, WAN, 0, frame);
		wait_for_a_look(lab);
		lab_turn(lab, 0);
		expect_drop(lab, 0, WAN, DROP_sa_outer_address, 1);
	}
	assert_true(audit_take(&lab->dp->worker[0]->peer_address, &event));
	assert_false(audit_take(&lab->dp->worker[0]->peer_address, &event));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(peers_that_move, NULL),
		LAB_TEST(floods, NULL),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
