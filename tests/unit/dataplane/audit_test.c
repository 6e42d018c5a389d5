// What a dropped packet leaves in its worker's mailboxes, kind by kind.
#include "in_flows.h"

#include "dataplane/audit.h"

#include <stdio.h>

// In the mailbox of this worker and kind, which is empty then.
static struct audit_event taken(struct lab *lab, unsigned worker, enum audit_kind kind)
{
	struct audit_event event;

	assert_true(audit_take(&lab->dp->worker[worker]->audit[kind], &event));
	assert_false(audit_take(&lab->dp->worker[worker]->audit[kind], &event));
	return event;
}

static void expect_no_event(struct lab *lab)
{
	struct audit_event event;

	for (unsigned w = 0; w < lab->dp->workers; w++)
		for (unsigned kind = 0; kind < AUDIT_KIND_COUNT; kind++)
			assert_false(audit_take(&lab->dp->worker[w]->audit[kind], &event));
}

static void expect_between(const struct audit_event *event, const struct ip_addr *source,
	const struct ip_addr *destination)
{
	assert_true(ip_addr_equal(&event->source, source));
	assert_true(ip_addr_equal(&event->destination, destination));
}

// Of a tunnel packet of tunnel t's inbound SA.
static void expect_tunnel_event(
	struct lab *lab, unsigned t, unsigned worker, enum audit_kind kind, uint64_t seq)
{
	const struct sa_params *params = &lab->tunnel[t].in->params;
	struct audit_event event = taken(lab, worker, kind);

	expect_between(&event, &params->remote, &params->local);
	assert_int_equal(event.has, AUDIT_HAS_SPI | AUDIT_HAS_SEQ | AUDIT_HAS_TUNNEL);
	assert_int_equal(event.spi, params->spi);
	assert_int_equal(event.seq, seq);
	assert_int_equal(event.tunnel, t);
	assert_int_equal(event.protocol, IP_PROTOCOL_ESP);
	assert_int_equal(event.port, WAN);
	expect_no_event(lab);
}

static const struct lab_tunnel_params kinds[] = {
	{.peer_first = 0},
	{.proto = &esp_ops},
	{.proto = &esp_ops, .esn = true, .outer6 = true},
	{.outer6 = true, .peer_first = UINT64_C(0x123456789abc)},
};

static struct lab *all_kinds(void **state)
{
	struct lab *lab = *state;

	for (unsigned t = 0; t < COUNT(kinds); t++) {
		lab_tunnel(lab, &kinds[t]);
		lab_protect(lab, t);
	}
	lab_publish(lab);
	return lab;
}

static struct flow flow_of(unsigned t, char source[16])
{
	snprintf(source, 16, "10.%u.0.5", 100 + t);
	return (struct flow){.source = source, .destination = "10.1.0.10", .number = 1 + t};
}

static void receive(struct lab *lab, struct rte_mbuf *frame)
{
	lab_receive(lab, WAN, 0, frame);
	lab_turn(lab, 0);
}

static uint64_t next_of(const struct lab *lab, unsigned t)
{
	return lab->tunnel[t].peer_out->out->lane[0].next;
}

static void forged(void **state)
{
	struct lab *lab = all_kinds(state);

	for (unsigned t = 0; t < COUNT(kinds); t++) {
		char source[16];
		struct flow flow = flow_of(t, source);
		uint64_t seq = next_of(lab, t);
		struct rte_mbuf *frame = peer_seal_flow(lab, t, 0, &flow);

		*rte_pktmbuf_mtod_offset(frame, uint8_t *, frame->data_len - 1) ^= 1;
		receive(lab, frame);
		expect_in_drop(lab, t, 0, DROP_icv_failed, 1);
		expect_tunnel_event(lab, t, 0, AUDIT_icv_failed, seq);
	}
}

static void replayed(void **state)
{
	struct lab *lab = all_kinds(state);

	for (unsigned t = 0; t < COUNT(kinds); t++) {
		char source[16];
		struct flow flow = flow_of(t, source);
		uint64_t seq = next_of(lab, t);
		struct rte_mbuf *frame = peer_seal_flow(lab, t, 0, &flow);
		struct rte_mbuf *again = copy(lab, frame);
		struct rte_mbuf *late = copy(lab, frame);

		receive(lab, frame);
		expect_delivered(lab, t, &flow);
		expect_no_event(lab);
		receive(lab, again);
		expect_in_drop(lab, t, 0, DROP_replay_seen, 1);
		expect_tunnel_event(lab, t, 0, AUDIT_replay_seen, seq);
		if (kinds[t].esn) {
			// Read as a number to come: it is not authentic.
			rte_pktmbuf_free(late);
			continue;
		}
		lab->tunnel[t].peer_out->out->lane[0].next += 5000;
		receive(lab, peer_seal_flow(lab, t, 0, &flow));
		expect_delivered(lab, t, &flow);
		receive(lab, late);
		expect_in_drop(lab, t, 0, DROP_replay_old, 1);
		expect_tunnel_event(lab, t, 0, AUDIT_replay_old, seq);
	}
}

// Judged by the window's owner, which is not the worker that received it.
static void replayed_elsewhere(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct flow flow = flow_in(1);
	struct rte_mbuf *frame = peer_seal_flow(lab, 0, 0, &flow);
	struct rte_mbuf *again = copy(lab, frame);

	lab_receive(lab, WAN, 0, frame);
	lab_turn_all(lab);
	expect_delivered(lab, 0, &flow);
	lab_receive(lab, WAN, 1, again);
	lab_turn_all(lab);
	lab->expected.in[0].handed_over[1]++;
	lab->expected.handed_out[1]++;
	lab->expected.handed_in[0]++;
	expect_in_drop(lab, 0, 0, DROP_replay_seen, 1);
	expect_tunnel_event(lab, 0, 0, AUDIT_replay_seen, 1);
}

static void strangers(void **state)
{
	struct lab *lab = all_kinds(state);

	for (unsigned t = 0; t < COUNT(kinds); t++) {
		const struct sa_params *params = &lab->tunnel[t].in->params;
		const uint8_t l4 = kinds[t].outer6 ? IPV6_HEADER : IPV4_HEADER_MIN;
		char source[16];
		struct flow flow = flow_of(t, source);
		uint64_t seq = next_of(lab, t);
		struct rte_mbuf *frame = peer_seal_flow(lab, t, 0, &flow);
		uint32_t label = load_be32(outer_of(frame)) & 0xfffff;
		struct audit_event event;

		outer_of(frame)[l4 + params->proto->spi_offset + 1] ^= 0x55;
		receive(lab, frame);
		expect_drop(lab, 0, WAN, DROP_no_sa, 1);
		event = taken(lab, 0, AUDIT_no_sa);
		expect_between(&event, &params->remote, &params->local);
		assert_int_equal(event.has, AUDIT_HAS_SPI | AUDIT_HAS_SEQ);
		assert_int_equal(event.spi,
			params->spi ^ (params->proto->little_endian ? 0x5500 : 0x550000));
		assert_int_equal(event.seq, seq);
		assert_int_equal(event.protocol, IP_PROTOCOL_ESP);
		assert_int_equal(event.flow_label, kinds[t].outer6 ? label : 0);
		expect_no_event(lab);
	}
}

static void stranger_in_udp(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct flow flow = {.source = "203.0.113.5",
		.destination = "192.0.2.1",
		.source_port = 50000,
		.destination_port = 14500};
	struct audit_event event;

	lab_receive_flow(lab, WAN, 0, &flow);
	lab_turn(lab, 0);
	expect_drop(lab, 0, WAN, DROP_udp_no_sa, 1);
	event = taken(lab, 0, AUDIT_udp_no_sa);
	expect_between(&event, &(struct ip_addr){IP_V4, {203, 0, 113, 5}},
		&(struct ip_addr){IP_V4, {192, 0, 2, 1}});
	assert_int_equal(event.has, AUDIT_HAS_PORTS);
	assert_int_equal(event.source_port, 50000);
	assert_int_equal(event.destination_port, 14500);
	expect_no_event(lab);
}

static void other_outer_address(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct flow flow = flow_in(1);
	struct rte_mbuf *frame = peer_seal_flow(lab, 0, 0, &flow);
	const struct ip_addr other = addr_of("192.0.2.77");
	struct audit_event event;

	memcpy(outer_of(frame) + IPV4_SOURCE, other.octets, 4);
	packet_sum(outer_of(frame));
	receive(lab, frame);
	expect_drop(lab, 0, WAN, DROP_sa_outer_address, 1);
	event = taken(lab, 0, AUDIT_sa_outer_address);
	expect_between(&event, &other, &lab->tunnel[0].in->params.local);
	assert_int_equal(event.spi, lab->tunnel[0].in->params.spi);
	expect_no_event(lab);
}

// A stranger's, since those of the peer wait for the rest. Of the first fragment the SPI is seen,
// of later ones it is not; too short for an SPI is no event.
static void fragments(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	static const uint16_t field[] = {IPV4_MORE_FRAGMENTS, 8};
	struct flow flow = flow_in(1);

	for (unsigned i = 0; i < COUNT(field); i++) {
		struct rte_mbuf *frame = peer_seal_flow(lab, 0, 0, &flow);
		struct audit_event event;

		outer_of(frame)[IPV4_SOURCE + 3] ^= 0x40;
		store_be16(outer_of(frame) + IPV4_FRAGMENT, field[i]);
		packet_sum(outer_of(frame));
		receive(lab, frame);
		expect_drop(lab, 0, WAN, DROP_outer_fragment, 1);
		event = taken(lab, 0, AUDIT_outer_fragment);
		assert_int_equal(event.has, i == 0 ? AUDIT_HAS_SPI | AUDIT_HAS_SEQ : 0);
		assert_int_equal(event.spi, i == 0 ? lab->tunnel[0].in->params.spi : 0);
		expect_no_event(lab);
	}
}

static void outside_the_selectors(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct flow flow = flow_in(1);
	struct audit_event event;

	flow.source = "10.99.0.5";
	flow.source_port = 1234;
	flow.destination_port = 80;
	receive(lab, peer_seal_flow(lab, 0, 0, &flow));
	expect_in_drop(lab, 0, 0, DROP_selector_mismatch, 1);
	event = taken(lab, 0, AUDIT_selector_mismatch);
	expect_between(&event, &(struct ip_addr){IP_V4, {10, 99, 0, 5}},
		&(struct ip_addr){IP_V4, {10, 1, 0, 10}});
	assert_int_equal(event.has, AUDIT_HAS_SPI | AUDIT_HAS_TUNNEL | AUDIT_HAS_PORTS);
	assert_int_equal(event.spi, lab->tunnel[0].in->params.spi);
	assert_int_equal(event.protocol, IP_PROTOCOL_UDP);
	assert_int_equal(event.source_port, 1234);
	assert_int_equal(event.destination_port, 80);
	expect_no_event(lab);
}

static void numbers_used_up(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct flow flow = {.source = "10.1.0.10", .destination = "10.100.0.5", .number = 1};
	struct sa_out_lane *lane = &lab->tunnel[0].out->out->lane[0];
	struct audit_event event;

	lane->next = lane->lease_end;
	lab_receive_flow(lab, LAN, 0, &flow);
	lab_turn(lab, 0);
	expect_out_drop(lab, 0, 0, DROP_seq_exhausted, 1);
	event = taken(lab, 0, AUDIT_seq_exhausted);
	expect_between(&event, &(struct ip_addr){IP_V4, {10, 1, 0, 10}},
		&(struct ip_addr){IP_V4, {10, 100, 0, 5}});
	assert_int_equal(event.has, AUDIT_HAS_SPI | AUDIT_HAS_SEQ | AUDIT_HAS_PORTS);
	assert_int_equal(event.spi, lab->tunnel[0].out->params.spi);
	assert_int_equal(event.seq, lane->lease_end);
	assert_int_equal(event.port, LAN);
	expect_no_event(lab);
}

static void in_clear(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct flow flow = flow_in(1);
	struct audit_event event;

	lab_receive_flow(lab, WAN, 0, &flow);
	lab_turn(lab, 0);
	expect_drop(lab, 0, WAN, DROP_clear_protected, 1);
	event = taken(lab, 0, AUDIT_clear_protected);
	expect_between(&event, &(struct ip_addr){IP_V4, {10, 100, 0, 5}},
		&(struct ip_addr){IP_V4, {10, 1, 0, 10}});
	assert_int_equal(event.has, AUDIT_HAS_PORTS);
	assert_int_equal(event.port, WAN);
	expect_no_event(lab);
}

// The first stays until it is taken; a mailbox that is full shuts out no other kind.
static void one_at_a_time(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct flow flow = flow_in(1);
	struct audit_event event;

	for (uint16_t i = 0; i < 100; i++) {
		flow.source_port = (uint16_t)(1000 + i);
		lab_receive_flow(lab, WAN, 0, &flow);
	}
	lab_turn_all(lab);
	expect_drop(lab, 0, WAN, DROP_clear_protected, 100);
	flow.source = "10.99.0.5";
	receive(lab, peer_seal_flow(lab, 0, 0, &flow));
	expect_in_drop(lab, 0, 0, DROP_selector_mismatch, 1);
	event = taken(lab, 0, AUDIT_clear_protected);
	assert_int_equal(event.source_port, 1000);
	taken(lab, 0, AUDIT_selector_mismatch);
	flow = flow_in(1);
	flow.source_port = 2000;
	lab_receive_flow(lab, WAN, 0, &flow);
	lab_turn(lab, 0);
	expect_drop(lab, 0, WAN, DROP_clear_protected, 1);
	event = taken(lab, 0, AUDIT_clear_protected);
	assert_int_equal(event.source_port, 2000);
	expect_no_event(lab);
}

// Ends that are ordinary, however many, are no events.
static void not_every_drop(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct flow flow = flow_in(1);
	uint8_t p[PACKET_MAX];

	packet_make(&flow, p);
	p[0] = 0;
	receive(lab, peer_seal(lab, 0, 0, p, 100));
	expect_in_drop(lab, 0, 0, DROP_fill, 1);
	flow.source = "203.0.113.5";
	lab_receive_flow(lab, WAN, 0, &flow);
	lab_turn(lab, 0);
	expect_drop(lab, 0, WAN, DROP_policy_none, 1);
	expect_no_event(lab);
}

// Mailboxes share no cache line with each other or with anything else.
static void places(void **state)
{
	(void)state;
	assert_int_equal(sizeof(struct audit_box) % CACHE_LINE, 0);
	assert_int_equal(offsetof(struct worker, audit) % CACHE_LINE, 0);
	for (unsigned kind = 0; kind < AUDIT_KIND_COUNT; kind++)
		assert_true(audit_reason((enum audit_kind)kind) > DROP_NONE);
}

int main(void)
{
	static const struct lab_params two = {.roles = "bb"};
	const struct CMUnitTest tests[] = {
		LAB_TEST(forged, NULL),
		LAB_TEST(replayed, NULL),
		LAB_TEST(replayed_elsewhere, &two),
		LAB_TEST(strangers, NULL),
		LAB_TEST(stranger_in_udp, NULL),
		LAB_TEST(other_outer_address, NULL),
		LAB_TEST(fragments, NULL),
		LAB_TEST(outside_the_selectors, NULL),
		LAB_TEST(numbers_used_up, NULL),
		LAB_TEST(in_clear, NULL),
		LAB_TEST(one_at_a_time, NULL),
		LAB_TEST(not_every_drop, NULL),
		cmocka_unit_test(places),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
