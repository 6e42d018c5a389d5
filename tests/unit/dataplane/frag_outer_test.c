// IPv6 over a path that is too small for it: tunnel packets in fragments, put together again here
// as RFC 791 and RFC 8200 say and opened by the far gateway.
#include "out_flows.h"

#define FRAGMENT_HEADER 8

struct whole {
	uint8_t frame[ETHER + IPV6_HEADER + 65536];
	uint32_t payload; // octets so far
	uint32_t id;
	bool more; // of the last
	bool df;   // of all
	unsigned fragments;
};

static void add_ipv4(struct whole *whole, const uint8_t *packet, uint32_t octets)
{
	uint16_t field = load_be16(packet + IPV4_FRAGMENT);

	assert_true(checksum_ipv4_right(packet, IPV4_HEADER_MIN));
	assert_int_equal(packet[0], 0x45);
	assert_int_equal(load_be16(packet + IPV4_TOTAL_LENGTH), octets);
	assert_int_equal((field & IPV4_DONT_FRAGMENT) != 0, whole->df);
	assert_int_equal((field & IPV4_FRAGMENT_OFFSET) * 8, whole->payload);
	if (whole->fragments == 0)
		whole->id = load_be16(packet + IPV4_ID);
	assert_int_equal(load_be16(packet + IPV4_ID), whole->id);
	whole->more = field & IPV4_MORE_FRAGMENTS;
	memcpy(whole->frame + ETHER, packet, IPV4_HEADER_MIN);
	memcpy(whole->frame + ETHER + IPV4_HEADER_MIN + whole->payload, packet + IPV4_HEADER_MIN,
		octets - IPV4_HEADER_MIN);
	whole->payload += octets - IPV4_HEADER_MIN;
}

static void add_ipv6(struct whole *whole, const uint8_t *packet, uint32_t octets)
{
	const uint8_t *fragment = packet + IPV6_HEADER;
	uint32_t header = IPV6_HEADER + FRAGMENT_HEADER;
	uint16_t field = load_be16(fragment + 2);

	assert_int_equal(load_be16(packet + IPV6_PAYLOAD_LENGTH), octets - IPV6_HEADER);
	assert_int_equal(packet[IPV6_NEXT_HEADER], IP_PROTOCOL_FRAGMENT);
	assert_int_equal(fragment[0], IP_PROTOCOL_ESP);
	assert_int_equal(fragment[1], 0);
	assert_int_equal(field & 0xfff8, whole->payload);
	if (whole->fragments == 0)
		whole->id = load_be32(fragment + 4);
	assert_int_equal(load_be32(fragment + 4), whole->id);
	whole->more = field & 1;
	memcpy(whole->frame + ETHER, packet, IPV6_HEADER);
	whole->frame[ETHER + IPV6_NEXT_HEADER] = fragment[0];
	memcpy(whole->frame + ETHER + IPV6_HEADER + whole->payload, packet + header,
		octets - header);
	whole->payload += octets - header;
}

static struct rte_mbuf *rebuilt(struct lab *lab, struct whole *whole, bool ipv6)
{
	uint8_t *packet = whole->frame + ETHER;

	if (ipv6) {
		store_be16(packet + IPV6_PAYLOAD_LENGTH, (uint16_t)whole->payload);
		return frame_make(lab, WAN, packet, IPV6_HEADER + whole->payload);
	}
	store_be16(packet + IPV4_TOTAL_LENGTH, (uint16_t)(IPV4_HEADER_MIN + whole->payload));
	store_be16(packet + IPV4_ID, 0);
	store_be16(packet + IPV4_FRAGMENT, IPV4_DONT_FRAGMENT);
	packet_sum(packet);
	return frame_make(lab, WAN, packet, IPV4_HEADER_MIN + whole->payload);
}

// Returns the identification.
static uint32_t expect_fragments(
	struct lab *lab, unsigned tunnel, uint16_t mtu, const struct flow *flow)
{
	static struct whole whole;
	bool ipv6 = lab->tunnel[tunnel].tunnel.remote.family == IP_V6;
	uint8_t inner[PACKET_MAX], opened[PACKET_MAX];
	uint32_t got;

	memset(&whole, 0, sizeof(whole));
	whole.df = lab->tunnel[tunnel].out->out->outer.df == OUTER_DF_SET;
	do {
		struct rte_mbuf *m = lab_sent(lab, WAN, 0);
		const uint8_t *packet;

		assert_non_null(m);
		packet = rte_pktmbuf_mtod_offset(m, const uint8_t *, ETHER);
		assert_true(m->pkt_len <= (uint32_t)mtu + ETHER);
		if (ipv6)
			add_ipv6(&whole, packet, m->pkt_len - ETHER);
		else
			add_ipv4(&whole, packet, m->pkt_len - ETHER);
		whole.fragments++;
		// None is smaller than need be.
		assert_true(!whole.more || m->pkt_len + 8 > (uint32_t)mtu + ETHER);
		rte_pktmbuf_free(m);
	} while (whole.more);
	assert_true(whole.fragments > 1);
	packet_make(flow, inner);
	packet_hop(inner);
	assert_int_equal(
		peer_open(lab, tunnel, rebuilt(lab, &whole, ipv6), opened, &got), VERDICT_ACCEPT);
	assert_int_equal(got, flow->octets);
	assert_memory_equal(opened, inner, got);
	expect_out(lab, tunnel, 0, 1, got);
	lab->expected.fragmented[0][LAN]++;
	return whole.id;
}

static struct flow flow6(unsigned tunnel, uint16_t octets)
{
	static char to[COUNT(kinds)][IP_ADDR_TEXT];
	struct flow flow = {.source = "fd01::10", .destination = to[tunnel], .octets = octets};

	snprintf(to[tunnel], IP_ADDR_TEXT, "fd00:%u::5", 100 + tunnel);
	return flow;
}

// What IPv6 counts on enters the tunnel on every path; what fits is sent whole, what is larger than
// both is answered with the larger of both.
static void every_path(void **state)
{
	static const uint16_t mtus[] = {576, 577, 1000, 1280, 1300, 1331, 1352, 1400, 1500};
	struct lab *lab = all_tunnels(state);

	for (unsigned t = 0; t < COUNT(kinds); t++) {
		for (unsigned i = 0; i < COUNT(mtus); i++) {
			struct sa_out *sa = lab->tunnel[t].out->out;
			uint16_t fits, most;
			struct flow flow;

			if (sa->ipv6 && mtus[i] < IPV6_MTU_MIN)
				continue;
			sa_out_set_path_mtu(sa, mtus[i]);
			fits = sa_out_max_inner(sa);
			most = RTE_MAX(fits, IPV6_MTU_MIN);
			flow = flow6(t, fits);
			send_out(lab, &flow);
			lab_turn(lab, 0);
			expect_tunneled(lab, t, &flow);
			for (flow.octets++; flow.octets <= most; flow.octets++) {
				send_out(lab, &flow);
				lab_turn(lab, 0);
				expect_fragments(lab, t, mtus[i], &flow);
			}
			send_out(lab, &flow);
			lab_turn(lab, 0);
			expect_out_drop(lab, t, 0, DROP_too_big, 1);
			assert_int_equal(expect_told(lab, META_TELL, LAN, FORWARD_TRANSIT,
						 DROP_too_big, &flow),
				most);
			expect_nothing_sent(lab);
		}
	}
}

// Among others, more than a burst holds; each has an identification of its own.
static void check_burst(struct lab *lab)
{
	uint32_t id[COUNT(kinds) * BURST_MAX];

	for (unsigned t = 0; t < COUNT(kinds); t++) {
		sa_out_set_path_mtu(lab->tunnel[t].out->out, 1280);
		for (unsigned i = 0; i < BURST_MAX; i++) {
			struct flow flow = flow6(t, IPV6_MTU_MIN);

			flow.number = i;
			send_out(lab, &flow);
		}
		lab_turn(lab, 0);
		for (unsigned i = 0; i < BURST_MAX; i++) {
			struct flow flow = flow6(t, IPV6_MTU_MIN);

			flow.number = i;
			id[t * BURST_MAX + i] = expect_fragments(lab, t, 1280, &flow);
			for (unsigned k = t * BURST_MAX; k < t * BURST_MAX + i; k++)
				assert_int_not_equal(id[k], id[t * BURST_MAX + i]);
		}
		expect_nothing_sent(lab);
	}
}

static void burst(void **state)
{
	check_burst(all_tunnels(state));
}

// The fragments themselves may be split again.
static void burst_without_df(void **state)
{
	struct lab *lab = all_tunnels(state);

	for (unsigned t = 0; t < COUNT(kinds); t++)
		if (!kinds[t].outer6)
			lab->tunnel[t].out->out->outer.df = OUTER_DF_CLEAR;
	check_burst(lab);
}

// Some need fragments and some do not: all leave in the order in which they came.
static void among_smaller_ones(void **state)
{
	struct lab *lab = all_tunnels(state);

	for (unsigned t = 0; t < COUNT(kinds); t++) {
		struct flow flow[BURST_MAX];

		sa_out_set_path_mtu(lab->tunnel[t].out->out, 1280);
		for (unsigned i = 0; i < BURST_MAX; i++) {
			flow[i] = flow6(t, i % 3 == 1 ? IPV6_MTU_MIN : 100);
			flow[i].number = i;
			send_out(lab, &flow[i]);
		}
		lab_turn(lab, 0);
		for (unsigned i = 0; i < BURST_MAX; i++) {
			if (i % 3 == 1)
				expect_fragments(lab, t, 1280, &flow[i]);
			else
				expect_tunneled(lab, t, &flow[i]);
		}
		expect_nothing_sent(lab);
	}
}

static void no_buffers(void **state)
{
	static struct rte_mbuf *taken[LAB_POOL_MAX];
	struct lab *lab = all_tunnels(state);

	for (unsigned left = 0; left < 2; left++) {
		struct flow flow = flow6(0, IPV6_MTU_MIN);
		unsigned n = 0;

		sa_out_set_path_mtu(lab->tunnel[0].out->out, 1300);
		send_out(lab, &flow);
		while (n < COUNT(taken) && (taken[n] = rte_pktmbuf_alloc(lab->dp->pool)) != NULL)
			n++;
		if (left == 1)
			rte_pktmbuf_free(taken[--n]);
		lab_turn(lab, 0);
		while (n > 0)
			rte_pktmbuf_free(taken[--n]);
		expect_out(lab, 0, 0, 1, IPV6_MTU_MIN);
		expect_drop(lab, 0, LAN, DROP_fragment_no_buffer, 1);
		expect_nothing_sent(lab);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(every_path, NULL),
		LAB_TEST(burst, NULL),
		LAB_TEST(burst_without_df, NULL),
		LAB_TEST(among_smaller_ones, NULL),
		LAB_TEST(no_buffers, NULL),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
