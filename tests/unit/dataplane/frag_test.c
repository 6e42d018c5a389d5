// Splitting: packets that are too big for a tunnel or a port, put together again as RFC 791 says
// and compared with what was sent.
#include "out_flows.h"

#define HOST "10.1.0.10"
#define SMALL_MTU 200

// What a host at the end would make of the pieces.
struct whole {
	uint8_t header[60];
	uint32_t header_octets;
	uint8_t data[65536];
	uint32_t octets; // of data so far
	uint32_t offset; // of the first piece
	bool more;	 // of the last
	unsigned pieces;
	uint32_t largest;
};

// Pieces come in order.
static void add_piece(struct whole *whole, const uint8_t *packet, uint32_t octets)
{
	uint32_t header = ipv4_header_octets(packet);
	uint16_t field = load_be16(packet + IPV4_FRAGMENT);
	uint32_t offset = (field & IPV4_FRAGMENT_OFFSET) * 8u;

	assert_true(checksum_ipv4_right(packet, header));
	assert_int_equal(load_be16(packet + IPV4_TOTAL_LENGTH), octets);
	assert_true(octets > header);
	if (whole->pieces == 0) {
		memcpy(whole->header, packet, header);
		whole->header_octets = header;
		whole->offset = offset;
	} else {
		assert_true(whole->more);
		// What is the same in all, but for options.
		assert_memory_equal(packet + IPV4_TOS, whole->header + IPV4_TOS, 1);
		assert_memory_equal(packet + IPV4_ID, whole->header + IPV4_ID, 2);
		assert_memory_equal(packet + IPV4_TTL, whole->header + IPV4_TTL, 2);
		assert_memory_equal(packet + IPV4_SOURCE, whole->header + IPV4_SOURCE, 8);
	}
	assert_int_equal(offset - whole->offset, whole->octets);
	whole->more = field & IPV4_MORE_FRAGMENTS;
	assert_false(field & IPV4_DONT_FRAGMENT);
	memcpy(whole->data + whole->octets, packet + header, octets - header);
	whole->octets += octets - header;
	assert_true(!whole->more || (octets - header) % 8 == 0);
	whole->largest = RTE_MAX(whole->largest, octets);
	whole->pieces++;
}

// packet: as it was before, one hop taken.
static void assert_whole(const struct whole *whole, const uint8_t *packet, uint32_t octets)
{
	uint32_t header = ipv4_header_octets(packet);
	uint16_t field = load_be16(packet + IPV4_FRAGMENT);

	assert_true(whole->pieces > 1);
	assert_int_equal(whole->header_octets, header);
	assert_memory_equal(whole->header + 20, packet + 20, header - 20);
	assert_memory_equal(whole->header + IPV4_SOURCE, packet + IPV4_SOURCE, 8);
	assert_int_equal(whole->header[IPV4_TTL], packet[IPV4_TTL]);
	assert_int_equal(whole->offset, (field & IPV4_FRAGMENT_OFFSET) * 8u);
	assert_int_equal(whole->more, (field & IPV4_MORE_FRAGMENTS) != 0);
	assert_int_equal(whole->octets, octets - header);
	assert_memory_equal(whole->data, packet + header, octets - header);
}

// All pieces of this packet are the next on the wire, in the tunnel.
static void expect_pieces(struct lab *lab, unsigned tunnel, const uint8_t *packet, uint32_t octets)
{
	static struct whole whole;
	uint32_t payload = octets - ipv4_header_octets(packet);
	uint8_t piece[PACKET_MAX];
	uint32_t got;

	memset(&whole, 0, sizeof(whole));
	while (whole.octets < payload) {
		struct rte_mbuf *m = lab_sent(lab, WAN, 0);

		assert_non_null(m);
		assert_true(m->data_len <= lab->params.mtu[WAN] + ETHER);
		assert_int_equal(peer_open(lab, tunnel, m, piece, &got), VERDICT_ACCEPT);
		add_piece(&whole, piece, got);
		expect_out(lab, tunnel, 0, 1, got);
	}
	assert_whole(&whole, packet, octets);
	// None is smaller than need be.
	assert_true(whole.largest + 8 > sa_out_max_inner(lab->tunnel[tunnel].out->out));
	lab->expected.fragmented[0][LAN]++;
}

static void send_packet(struct lab *lab, const uint8_t *packet, uint32_t octets)
{
	lab_receive(lab, LAN, 0, frame_make(lab, LAN, packet, octets));
}

static struct flow big_flow(unsigned tunnel, uint16_t octets)
{
	static char to[COUNT(kinds)][IP_ADDR_TEXT];
	struct flow flow = flow_out(tunnel * 1000u + octets);

	snprintf(to[tunnel], IP_ADDR_TEXT, "10.%u.0.5", 100 + tunnel);
	flow.destination = to[tunnel];
	flow.octets = octets;
	return flow;
}

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
			send_packet(lab, packet, octets);
			lab_turn(lab, 0);
			packet_hop(packet);
			expect_pieces(lab, t, packet, octets);
			expect_nothing_sent(lab);
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
			send_packet(lab, packet, flow.octets);
			lab_turn(lab, 0);
			packet_hop(packet);
			expect_pieces(lab, t, packet, flow.octets);
			expect_nothing_sent(lab);
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

// Octets of options, one byte each: what stands in the packet, in its later pieces.
static const struct {
	const char *words;
	uint8_t all[40];
	uint8_t all_octets;
	uint8_t later[40];
	uint8_t later_octets;
} options[] = {
	{"router alert is copied", {0x94, 4, 0, 0}, 4, {0x94, 4, 0, 0}, 4},
	{"record route is not", {0x07, 7, 4, 0, 0, 0, 0, 0}, 8, {0}, 0},
	{"record route, then router alert", {0x07, 7, 4, 0, 0, 0, 0, 1, 0x94, 4, 0, 0}, 12,
		{0x94, 4, 0, 0}, 4},
	{"padding is left out", {1, 1, 0x94, 4, 0, 0, 1, 0}, 8, {0x94, 4, 0, 0}, 4},
	{"copied and of odd length", {0x83, 3, 9, 0x44, 4, 5, 0, 0}, 8, {0x83, 3, 9, 0}, 4},
	{"length zero ends them", {0x94, 0, 0, 0}, 4, {0}, 0},
	{"length beyond the header ends them", {0x94, 4, 0, 0, 0x83, 200, 9, 0}, 8, {0x94, 4, 0, 0},
		4},
	{"a type alone at the end", {1, 1, 1, 0x94}, 4, {0}, 0},
};

static uint32_t add_options(uint8_t *packet, uint32_t octets, const uint8_t *from, uint8_t n)
{
	memmove(packet + 20 + n, packet + 20, octets - 20);
	memcpy(packet + 20, from, n);
	packet[0] = (uint8_t)(0x40 + (20 + n) / 4);
	store_be16(packet + IPV4_TOTAL_LENGTH, (uint16_t)(octets + n));
	packet_sum(packet);
	return octets + n;
}

// All in the first piece, those with the copied flag in the others (RFC 791 section 3.1).
static void header_options(void **state)
{
	struct lab *lab = all_tunnels(state);

	for (unsigned i = 0; i < COUNT(options); i++) {
		struct flow flow = big_flow(0, 1600);
		uint8_t packet[PACKET_MAX];
		uint8_t piece[PACKET_MAX];
		static struct whole whole;
		uint32_t octets = packet_make(&flow, packet);
		uint32_t got;

		octets = add_options(packet, octets, options[i].all, options[i].all_octets);
		send_packet(lab, packet, octets);
		lab_turn(lab, 0);
		packet_hop(packet);
		memset(&whole, 0, sizeof(whole));
		for (unsigned k = 0; k < 2; k++) {
			struct rte_mbuf *m = lab_sent(lab, WAN, 0);
			uint8_t n = k == 0 ? options[i].all_octets : options[i].later_octets;

			assert_non_null(m);
			assert_int_equal(peer_open(lab, 0, m, piece, &got), VERDICT_ACCEPT);
			assert_int_equal(ipv4_header_octets(piece), 20 + n);
			assert_memory_equal(
				piece + 20, k == 0 ? options[i].all : options[i].later, n);
			add_piece(&whole, piece, got);
			expect_out(lab, 0, 0, 1, got);
		}
		assert_whole(&whole, packet, octets);
		lab->expected.fragmented[0][LAN]++;
		expect_nothing_sent(lab);
	}
}

// Fragments are split further; their places in the datagram stay.
static void fragments_again(void **state)
{
	static const uint16_t fields[] = {0x2000, 0x2000 | 185, 185, 0x2000 | 7000, 7900};
	static const uint8_t copied[] = {0x94, 4, 0, 0};
	struct lab *lab = all_tunnels(state);
	uint8_t packet[PACKET_MAX];

	for (unsigned i = 0; i < COUNT(fields); i++) {
		for (unsigned with = 0; with < 2; with++) {
			// With more to come, the payload is a multiple of 8.
			struct flow flow = big_flow(i, fields[i] & 0x2000 ? 20 + 1600 : 1623);
			uint32_t octets;

			flow.fragment = fields[i];
			octets = packet_make(&flow, packet);
			if (with)
				octets = add_options(packet, octets, copied, sizeof(copied));
			send_packet(lab, packet, octets);
			lab_turn(lab, 0);
			packet_hop(packet);
			expect_pieces(lab, i, packet, octets);
			expect_nothing_sent(lab);
		}
	}
}

// Nobody can put it together, and the offsets of its pieces would run into the flags.
static void beyond_a_datagram(void **state)
{
	struct lab *lab = all_tunnels(state);
	static const uint16_t fields[] = {0x1fff, 0x3fff, 8000};

	for (unsigned i = 0; i < COUNT(fields); i++) {
		struct flow flow = big_flow(i, 1620);

		flow.fragment = fields[i];
		send_out(lab, &flow);
		lab_turn(lab, 0);
		expect_drop(lab, 0, LAN, DROP_fragment_beyond, 1);
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

static void expect_clear_pieces(struct lab *lab, unsigned port, unsigned from,
	const char *neighbour, const uint8_t *packet, uint32_t octets)
{
	static struct whole whole;
	uint32_t payload = octets - ipv4_header_octets(packet);
	struct rte_ether_addr mac = mac_of(neighbour);

	memset(&whole, 0, sizeof(whole));
	while (whole.octets < payload) {
		struct rte_mbuf *m = lab_sent(lab, port, 0);

		assert_non_null(m);
		assert_memory_equal(rte_pktmbuf_mtod(m, void *), mac.addr_bytes, 6);
		assert_true(m->data_len <= lab->params.mtu[port] + ETHER);
		add_piece(
			&whole, rte_pktmbuf_mtod_offset(m, uint8_t *, ETHER), m->data_len - ETHER);
		rte_pktmbuf_free(m);
	}
	assert_whole(&whole, packet, octets);
	lab->expected.fragmented[0][from]++;
}

// Towards a port with a smaller MTU: bypassing, decrypted, back in clear.
static void past_the_tunnels(void **state)
{
	struct lab *lab = all_tunnels(state);
	struct flow out = big_flow(0, 1700);
	struct flow back = {.source = "203.0.113.1", .destination = HOST, .octets = 1433};
	struct flow inner = {.source = "10.100.0.5", .destination = HOST, .octets = 1433};
	uint8_t packet[PACKET_MAX];

	out.destination = "203.0.113.1";
	send_out(lab, &out);
	lab_turn(lab, 0);
	packet_make(&out, packet);
	packet_hop(packet);
	expect_clear_pieces(lab, WAN, LAN, "192.0.2.254", packet, 1700);
	lab_receive_flow(lab, WAN, 0, &back);
	lab_turn(lab, 0);
	packet_make(&back, packet);
	packet_hop(packet);
	expect_clear_pieces(lab, LAN, WAN, HOST, packet, 1433);
	lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &inner));
	lab_turn(lab, 0);
	packet_make(&inner, packet);
	packet_hop(packet);
	expect_clear_pieces(lab, LAN, WAN, HOST, packet, 1433);
	expect_in(lab, 0, 0, 1, 1433);
	// Told, where it may not be split; about its own size.
	inner.fragment = IPV4_DONT_FRAGMENT;
	lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &inner));
	lab_turn(lab, 0);
	expect_in(lab, 0, 0, 1, 1433);
	expect_drop(lab, 0, WAN, DROP_packet_too_big, 1);
	assert_int_equal(
		expect_punted(lab, META_TELL, LAN, packet, packet_make(&inner, packet)), 1400);
	expect_nothing_sent(lab);
}

// Whole or in pieces, packets leave in the order in which they came.
static void in_order_past_the_tunnels(void **state)
{
	struct lab *lab = all_tunnels(state);
	uint8_t packet[PACKET_MAX];
	struct flow flow[30];

	for (unsigned i = 0; i < COUNT(flow); i++) {
		flow[i] = big_flow(0, i % 3 == 1 ? 1700 : 100);
		flow[i].destination = "203.0.113.1";
		flow[i].number = i;
		send_out(lab, &flow[i]);
	}
	lab_turn(lab, 0);
	for (unsigned i = 0; i < COUNT(flow); i++) {
		uint32_t octets = packet_make(&flow[i], packet);

		packet_hop(packet);
		if (i % 3 == 1)
			expect_clear_pieces(lab, WAN, LAN, "192.0.2.254", packet, octets);
		else
			expect_sent(lab, WAN, 0, "192.0.2.254", packet, octets);
	}
	expect_nothing_sent(lab);
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
	uint32_t got;

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
	for (unsigned i = 0; i < 2; i++) {
		struct rte_mbuf *m = lab_sent(lab, WAN, 1 - other);

		assert_non_null(m);
		assert_int_equal(peer_open(lab, 0, m, piece, &got), VERDICT_ACCEPT);
		add_piece(&whole, piece, got);
		expect_out(lab, 0, 1 - other, 1, got);
	}
	assert_whole(&whole, packet, 2000);
	lab->expected.fragmented[other][LAN]++;
	lab->expected.encap_out[other] += 2;
	lab->expected.encap_in[1 - other] += 2;
	expect_nothing_sent(lab);
}

static const struct lab_params small_wan = {.mtu = {1500, SMALL_MTU}};
static const struct lab_params small_lan = {.mtu = {1400, 1500}};
static const struct lab_params two_workers = {.roles = "bb"};

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(every_size, NULL),
		LAB_TEST(path_changes, NULL),
		LAB_TEST(more_than_a_burst, &small_wan),
		LAB_TEST(header_options, NULL),
		LAB_TEST(fragments_again, NULL),
		LAB_TEST(beyond_a_datagram, NULL),
		LAB_TEST(may_not_be_split, NULL),
		LAB_TEST(hop_limit_first, NULL),
		LAB_TEST(past_the_tunnels, &small_lan),
		LAB_TEST(in_order_past_the_tunnels, NULL),
		LAB_TEST(no_buffers, NULL),
		LAB_TEST(another_workers_sa, &two_workers),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
