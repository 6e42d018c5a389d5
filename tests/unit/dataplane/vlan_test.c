// One port's frames with a tag are another port's, in both directions.
#include "out_flows.h"

#include "dataplane/punt.h"
#include "dataplane/vlan.h"

#define ID 100
#define TAG 4
#define EXPEDITED (46 << 2)

static struct lab *open_lab(void **state)
{
	struct lab *lab = *state;

	// Counters are those of two ports.
	lab->loose = true;
	lab_route(lab, "10.5.0.0/16", ADJACENCY_LINK, VLAN, NULL);
	lab_neighbour(lab, "10.5.0.7", VLAN, false);
	lab_policy(lab, "0.0.0.0/0", "0.0.0.0/0", POLICY_BYPASS, 0);
	lab_publish(lab);
	return lab;
}

// Puts tags between the addresses and the type.
static void put_tags(struct rte_mbuf *m, unsigned n, const uint16_t *tag)
{
	for (unsigned i = n; i-- > 0;) {
		uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *) - TAG;

		assert_true(rte_pktmbuf_headroom(m) >= TAG);
		m->data_off = (uint16_t)(m->data_off - TAG);
		m->data_len = (uint16_t)(m->data_len + TAG);
		m->pkt_len += TAG;
		memmove(frame, frame + TAG, 12);
		store_be16(frame + 12, 0x8100);
		store_be16(frame + 14, tag[i]);
	}
}

static struct rte_mbuf *frame_with(struct lab *lab, const struct flow *flow, uint16_t tag)
{
	uint8_t packet[PACKET_MAX];
	struct rte_mbuf *m = frame_make(lab, LAN, packet, packet_make(flow, packet));

	put_tags(m, 1, &tag);
	return m;
}

static uint64_t drops(const struct lab *lab, uint8_t port, enum drop_reason reason)
{
	return lab->dp->worker[0]->stats.port[port].drops[reason];
}

static void takes_its_own(void **state)
{
	struct lab *lab = open_lab(state);
	struct flow flow = {.source = "10.5.0.7", .destination = "203.0.113.5"};
	uint8_t packet[PACKET_MAX];
	const struct port_stats *stats = lab->dp->worker[0]->stats.port;

	// With a priority, and the bit that nobody uses.
	lab_receive(lab, LAN, 0, frame_with(lab, &flow, ID | 7 << 13 | 1 << 12));
	lab_turn(lab, 0);
	packet_make(&flow, packet);
	packet_hop(packet);
	expect_sent(lab, WAN, 0, "192.0.2.254", packet, 100);
	assert_int_equal(stats[VLAN].rx_packets, 1);
	assert_int_equal(stats[VLAN].rx_octets, ETHER + 100);
	assert_int_equal(stats[LAN].rx_packets, 0);
	// A priority tag is none.
	flow.source = "10.1.0.7";
	lab_receive(lab, LAN, 0, frame_with(lab, &flow, 5 << 13));
	lab_turn(lab, 0);
	packet_make(&flow, packet);
	packet_hop(packet);
	expect_sent(lab, WAN, 0, "192.0.2.254", packet, 100);
	assert_int_equal(stats[VLAN].rx_packets, 1);
	assert_int_equal(stats[LAN].rx_packets, 1);
	expect_nothing_sent(lab);
}

// Of a burst with frames of both ports in it, each port's keep their order.
static void mixed(void **state)
{
	struct lab *lab = open_lab(state);
	uint64_t next[2] = {0, 0};

	for (uint64_t i = 0; i < 32; i++) {
		bool on_vlan = i * 7 % 3 == 0;
		struct flow flow = {.source = on_vlan ? "10.5.0.7" : "10.1.0.7",
			.destination = "203.0.113.5",
			.number = i};

		lab_receive(lab, LAN, 0, frame_with(lab, &flow, on_vlan ? ID : 0));
	}
	lab_turn(lab, 0);
	for (unsigned i = 0; i < 32; i++) {
		struct rte_mbuf *m = lab_sent(lab, WAN, 0);
		const uint8_t *packet;
		bool on_vlan;

		assert_non_null(m);
		packet = rte_pktmbuf_mtod_offset(m, const uint8_t *, ETHER);
		on_vlan = packet[IPV4_SOURCE + 1] == 5;
		assert_true(packet_number(packet) + 1 > next[on_vlan]);
		next[on_vlan] = packet_number(packet) + 1;
		rte_pktmbuf_free(m);
	}
	assert_int_equal(lab->dp->worker[0]->stats.port[VLAN].rx_packets, 11);
	expect_nothing_sent(lab);
}

static void of_nobody(void **state)
{
	static const uint16_t tags[][2] = {{ID + 1}, {4095}, {ID, ID}, {0, ID}};
	struct lab *lab = open_lab(state);
	struct flow flow = {.source = "10.5.0.7", .destination = "203.0.113.5"};

	for (unsigned i = 0; i < COUNT(tags); i++) {
		uint8_t packet[PACKET_MAX];
		struct rte_mbuf *m = frame_make(lab, LAN, packet, packet_make(&flow, packet));

		put_tags(m, i < 2 ? 1 : 2, tags[i]);
		lab_receive(lab, LAN, 0, m);
	}
	lab_turn(lab, 0);
	assert_int_equal(drops(lab, LAN, DROP_vlan_unknown), 2);
	// Only one tag is taken off.
	assert_int_equal(drops(lab, VLAN, DROP_eth_type), 1);
	assert_int_equal(drops(lab, LAN, DROP_eth_type), 1);
	expect_nothing_sent(lab);
}

// A frame that ends in the middle of a tag is nobody's.
static void cut_short(void **state)
{
	struct lab *lab = open_lab(state);
	struct flow flow = {.source = "10.5.0.7", .destination = "203.0.113.5"};

	for (uint16_t octets = 12; octets < ETHER + TAG; octets++) {
		struct rte_mbuf *m = frame_with(lab, &flow, ID);

		rte_pktmbuf_trim(m, (uint16_t)(m->data_len - octets));
		lab_receive(lab, LAN, 0, m);
	}
	lab_turn(lab, 0);
	assert_int_equal(drops(lab, LAN, DROP_eth_runt), 2);
	assert_int_equal(drops(lab, LAN, DROP_eth_type), 4);
}

static void assert_tagged(struct lab *lab, const struct flow *flow, uint16_t tag)
{
	struct rte_mbuf *m = lab_sent(lab, LAN, 0);
	struct rte_ether_addr to = mac_of("10.5.0.7");
	uint8_t packet[PACKET_MAX];
	const uint8_t *frame;

	assert_non_null(m);
	frame = rte_pktmbuf_mtod(m, const uint8_t *);
	packet_make(flow, packet);
	packet_hop(packet);
	assert_int_equal(m->pkt_len, ETHER + TAG + 100);
	assert_memory_equal(frame, to.addr_bytes, 6);
	assert_memory_equal(frame + 6, lab->dp->port[LAN].mac.addr_bytes, 6);
	assert_int_equal(load_be16(frame + 12), 0x8100);
	assert_int_equal(load_be16(frame + 14), tag);
	assert_int_equal(load_be16(frame + 16), 0x0800);
	assert_memory_equal(frame + ETHER + TAG, packet, 100);
	rte_pktmbuf_free(m);
}

static void leaves_tagged(void **state)
{
	struct lab *lab = open_lab(state);
	struct flow flow = {.source = "203.0.113.5", .destination = "10.5.0.7"};

	lab_receive_flow(lab, WAN, 0, &flow);
	lab_turn(lab, 0);
	assert_tagged(lab, &flow, ID);
	flow.tos = EXPEDITED;
	lab_receive_flow(lab, WAN, 0, &flow);
	lab_turn(lab, 0);
	assert_tagged(lab, &flow, ID | 5 << 13);
	assert_int_equal(lab->dp->worker[0]->stats.port[VLAN].tx_packets, 2);
	assert_int_equal(lab->dp->worker[0]->stats.port[VLAN].tx_octets, 2 * (ETHER + 100));
	expect_nothing_sent(lab);
}

// The trunk's queue is one worker's; what another has for the VLAN leaves by that one, tagged once.
static void leaves_by_the_owner(void **state)
{
	struct lab *lab = open_lab(state);
	struct flow flow = {.source = "203.0.113.5", .destination = "10.5.0.7"};

	lab_receive_flow(lab, WAN, 1, &flow);
	lab_turn(lab, 1);
	expect_nothing_sent(lab);
	lab_turn(lab, 0);
	assert_tagged(lab, &flow, ID);
	assert_int_equal(lab->dp->worker[0]->stats.port[VLAN].tx_packets, 1);
	expect_nothing_sent(lab);
}

static void inject_frame(struct lab *lab, uint8_t port, const uint8_t *frame, uint16_t octets)
{
	struct rte_mbuf *m = inject_alloc(lab->dp);

	memcpy(append_zeros(m, octets), frame, octets);
	assert_true(inject(lab->dp, m, META_FRAME, port));
	lab_turn(lab, 0);
}

// The kernel's frames get the port's tag; those that have one of their own go nowhere.
static void of_the_kernel(void **state)
{
	struct lab *lab = open_lab(state);
	uint8_t frame[64] = {2, 0, 0, 0, 0, 99, [12] = 0x08, 0x06};
	struct rte_mbuf *m;

	inject_frame(lab, VLAN, frame, sizeof(frame));
	m = lab_sent(lab, LAN, 0);
	assert_non_null(m);
	assert_int_equal(m->pkt_len, sizeof(frame) + TAG);
	assert_int_equal(load_be16(rte_pktmbuf_mtod(m, const uint8_t *) + 14), ID);
	assert_int_equal(load_be16(rte_pktmbuf_mtod(m, const uint8_t *) + 16), 0x0806);
	rte_pktmbuf_free(m);
	for (unsigned i = 0; i < 2; i++) {
		store_be16(frame + 12, i == 0 ? 0x8100 : 0x88a8);
		inject_frame(lab, VLAN, frame, sizeof(frame));
		inject_frame(lab, LAN, frame, sizeof(frame));
	}
	assert_int_equal(drops(lab, VLAN, DROP_eth_type), 2);
	assert_int_equal(drops(lab, LAN, DROP_eth_type), 2);
	expect_nothing_sent(lab);
}

static void no_room(void **state)
{
	struct lab *lab = open_lab(state);
	struct rte_mbuf *m = rte_pktmbuf_alloc(lab->dp->pool);
	uint64_t octets = 60;

	append_zeros(m, 60);
	rte_pktmbuf_prepend(m, rte_pktmbuf_headroom(m) - TAG + 1);
	octets = m->pkt_len;
	assert_int_equal(vlan_tag(lab->dp->worker[0], VLAN, &m, 1, &octets), 0);
	assert_int_equal(octets, 0);
	assert_int_equal(drops(lab, VLAN, DROP_no_room), 1);
}

int main(void)
{
	static const struct lab_params vlan = {.vlan = ID};
	static const struct lab_params shared = {.vlan = ID, .roles = "bb", .tx = {1}};
	const struct CMUnitTest tests[] = {
		LAB_TEST(takes_its_own, &vlan),
		LAB_TEST(mixed, &vlan),
		LAB_TEST(of_nobody, &vlan),
		LAB_TEST(cut_short, &vlan),
		LAB_TEST(leaves_tagged, &vlan),
		LAB_TEST(leaves_by_the_owner, &shared),
		LAB_TEST(of_the_kernel, &vlan),
		LAB_TEST(no_room, &vlan),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
