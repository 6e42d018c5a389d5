// The first look at a frame: every malformed one, chains of extension headers, the kernel's
// classes.
#include "odd_frames.h"

#include "base/bytes.h"
#include "dataplane/classify.h"
#include "dataplane/punt.h"
#include "proto/ip_hdr.h"

static void malformed(void **state)
{
	struct lab *lab = *state;

	for (unsigned i = 0; i < COUNT(bad_frames) * LAB_PORTS; i++) {
		const struct odd_frame *bad = &bad_frames[i / LAB_PORTS];
		unsigned port = i % LAB_PORTS;

		lab_receive(lab, port, 0, odd_frame(lab, port, bad, 1));
		lab_turn(lab, 0);
		expect_drop(lab, 0, port, bad->reason, 1);
		if (lab_compare(lab) != 0)
			fail_msg("%s", bad->what);
	}
	expect_nothing_sent(lab);
}

static void loopback6_and_segments(void **state)
{
	struct lab *lab = *state;
	struct rte_mbuf *m = good_frame(lab, WAN, true);
	struct rte_mbuf *tail;

	memset(rte_pktmbuf_mtod_offset(m, uint8_t *, ETHER + IPV6_SOURCE), 0, 15);
	*rte_pktmbuf_mtod_offset(m, uint8_t *, ETHER + IPV6_SOURCE + 15) = 1;
	lab_receive(lab, WAN, 0, m);
	expect_drop(lab, 0, WAN, DROP_ip_source, 1);
	for (unsigned segments = 2; segments < 6; segments++) {
		m = good_frame(lab, WAN, false);
		for (unsigned i = 1; i < segments; i++) {
			tail = rte_pktmbuf_alloc(lab->dp->pool);
			append_zeros(tail, 1);
			assert_int_equal(rte_pktmbuf_chain(m, tail), 0);
		}
		lab_receive(lab, WAN, 0, m);
		expect_drop(lab, 0, WAN, DROP_multi_segment, 1);
	}
	lab_turn(lab, 0);
}

// What is broadcast on a link is not forwarded as if it had been sent to us.
static void unicast_in_group_frames(void **state)
{
	struct lab *lab = *state;

	for (unsigned i = 0; i < 2 * LAB_PORTS; i++) {
		unsigned port = i % LAB_PORTS;
		struct rte_mbuf *m = good_frame(lab, port, i / LAB_PORTS);

		memset(rte_pktmbuf_mtod(m, uint8_t *), 0xff, 6);
		lab_receive(lab, port, 0, m);
		expect_drop(lab, 0, port, DROP_link_broadcast, 1);
	}
	lab_turn(lab, 0);
	expect_nothing_sent(lab);
}

// A chain of next-header values, each of 8 octets but where a length is said.
struct chain {
	uint8_t header[12];
	uint16_t fragment; // of the fragment header in it
	enum drop_reason reason;
	uint16_t l4;
	uint8_t protocol;
	uint8_t flags;
};

#define UP_TO_8 60, 60, 60, 60, 60, 60, 60, 60
static const struct chain chains[] = {
	{{17}, 0, DROP_NONE, 40, 17, 0},
	{{59}, 0, DROP_NONE, 40, 59, 0},
	{{50}, 0, DROP_NONE, 40, 50, 0},
	{{43, 17}, 0, DROP_NONE, 48, 17, 0},
	{{60, 43, 60, 6}, 0, DROP_NONE, 64, 6, 0},
	// AH and Mobility are upper protocols.
	{{51}, 0, DROP_NONE, 40, 51, 0},
	{{60, 135}, 0, DROP_NONE, 48, 135, 0},
	{{44, 17}, 0x0001, DROP_NONE, 48, 17, PACKET_FRAGMENT},
	// An atomic fragment is whole.
	{{44, 17}, 0x0000, DROP_NONE, 48, 17, 0},
	{{44, 17}, 0x0008, DROP_NONE, 48, 17, PACKET_FRAGMENT | PACKET_LATER_FRAGMENT},
	{{60, 44, 50}, 0xfff9, DROP_NONE, 56, 50, PACKET_FRAGMENT | PACKET_LATER_FRAGMENT},
	// What follows is in the first fragment; a later one does not tell.
	{{44, 60, 6}, 0x0008, DROP_fragment_opaque, 0, 0, 0},
	{{44, 43, 6}, 0xfff8, DROP_fragment_opaque, 0, 0, 0},
	{{44, 0, 6}, 0x0009, DROP_fragment_opaque, 0, 0, 0},
	{{44, 60, 6}, 0x0001, DROP_NONE, 56, 6, PACKET_FRAGMENT},
	{{UP_TO_8, 17}, 0, DROP_NONE, 40 + 64, 17, 0},
	{{UP_TO_8, 60, 17}, 0, DROP_ip_header, 0, 0, 0},
	{{0, 60, 43, 44, 17}, 0x0001, DROP_NONE, 72, 17, PACKET_FRAGMENT},
};

static bool is_header(uint8_t protocol)
{
	static const uint8_t headers[] = {0, 43, 44, 60};

	return memchr(headers, protocol, sizeof(headers)) != NULL;
}

static void chained(void **state)
{
	struct lab *lab = *state;

	for (unsigned i = 0; i < COUNT(chains); i++) {
		const struct chain *c = &chains[i];
		struct rte_mbuf *m = rte_pktmbuf_alloc(lab->dp->pool);
		uint8_t *ip = append_zeros(m, 40 + 12 * 8);
		struct packet packet = {.l4 = 999};
		unsigned h = 0;

		ip[0] = 0x60;
		ip[6] = c->header[0];
		for (; is_header(c->header[h]); h++) {
			ip[40 + 8 * h] = c->header[h + 1];
			if (c->header[h] == 44)
				store_be16(ip + 40 + 8 * h + 2, c->fragment);
		}
		assert_int_equal(classify_upper(m, &packet), c->reason);
		if (c->reason == DROP_NONE) {
			assert_int_equal(packet.l4, c->l4);
			assert_int_equal(packet.protocol, c->protocol);
			assert_int_equal(packet.flags, c->flags | PACKET_IPV6);
		}
		// Cut anywhere: an answer within the packet, or a refusal.
		for (uint16_t octets = 40; octets < 40 + 12 * 8; octets++) {
			m->data_len = octets;
			m->pkt_len = octets;
			if (classify_upper(m, &packet) == DROP_NONE)
				assert_true(packet.l4 <= octets);
			else if (c->reason == DROP_NONE)
				assert_true(octets < c->l4);
		}
		rte_pktmbuf_free(m);
	}
}

static void ipv4_fragments(void **state)
{
	struct lab *lab = *state;
	static const struct {
		uint16_t field;
		uint8_t flags;
	} cases[] = {
		{0, 0},
		{0x4000, 0},
		{0x8000, 0},
		{0x2000, PACKET_FRAGMENT},
		{0x2001, PACKET_FRAGMENT | PACKET_LATER_FRAGMENT},
		{0x0001, PACKET_FRAGMENT | PACKET_LATER_FRAGMENT},
		{0x5fff, PACKET_FRAGMENT | PACKET_LATER_FRAGMENT},
	};

	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(lab->dp->pool);
		uint8_t *ip = append_zeros(m, 60);
		struct packet packet;

		ip[0] = 0x46;
		ip[9] = 99;
		store_be16(ip + 6, cases[i].field);
		assert_int_equal(classify_upper(m, &packet), DROP_NONE);
		assert_int_equal(packet.l4, 24);
		assert_int_equal(packet.protocol, 99);
		assert_int_equal(packet.flags, cases[i].flags);
		rte_pktmbuf_free(m);
	}
}

static void classes(void **state)
{
	struct lab *lab = *state;
	static const struct {
		bool ipv6;
		uint8_t protocol;
		uint16_t source_port; // of ICMP: type and code
		uint16_t destination_port;
		enum punt_class class;
	} cases[] = {
		{false, 1, 0x0800, 0, PUNT_icmp},
		{true, 58, 0x8000, 0, PUNT_icmp},
		{true, 58, 1 << 8, 0, PUNT_icmp},
		{true, 58, 129 << 8, 0, PUNT_icmp},
		{true, 58, 130 << 8, 0, PUNT_membership},
		{true, 58, 132 << 8, 0, PUNT_membership},
		{true, 58, 133 << 8, 0, PUNT_newcomer},
		{true, 58, 137 << 8, 0, PUNT_newcomer},
		{true, 58, 138 << 8, 0, PUNT_icmp},
		{true, 58, 143 << 8, 0, PUNT_membership},
		{false, 2, 0, 0, PUNT_membership},
		// Of the other family they are nobody's.
		{true, 2, 0, 0, PUNT_other},
		{false, 58, 135 << 8, 0, PUNT_icmp},
		{false, 58, 130 << 8, 0, PUNT_icmp},
		{false, 17, 500, 500, PUNT_ike},
		{true, 17, 9, 4500, PUNT_ike},
		{false, 17, 500, 9, PUNT_other},
		{false, 17, 9, 3784, PUNT_routing},
		{false, 17, 9, 3785, PUNT_routing},
		{true, 17, 9, 4784, PUNT_routing},
		{false, 17, 520, 520, PUNT_routing},
		{true, 17, 521, 521, PUNT_routing},
		{false, 6, 179, 50000, PUNT_routing},
		{true, 6, 50000, 179, PUNT_routing},
		{false, 6, 22, 50000, PUNT_other},
		{false, 89, 0, 0, PUNT_routing},
		{true, 89, 0, 0, PUNT_routing},
		{false, 88, 0, 0, PUNT_routing},
		{false, 103, 0, 0, PUNT_routing},
		{false, 112, 0, 0, PUNT_routing},
		{false, 47, 0, 0, PUNT_other},
	};

	lab_publish(lab);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		for (unsigned later = 0; later < 2; later++) {
			struct flow flow = {.source = cases[i].ipv6 ? "fd01::77" : "10.1.0.77",
				.destination = cases[i].ipv6 ? "fd01::1" : "10.1.0.1",
				.protocol = cases[i].protocol,
				.source_port = cases[i].source_port,
				.destination_port = cases[i].destination_port,
				.ttl = 255,
				.number = i};
			enum punt_class class = cases[i].class;
			uint8_t packet[PACKET_MAX];
			uint8_t frame[PACKET_MAX];
			struct rte_mbuf *m;

			// Nothing can be read in a later fragment.
			flow.fragment = later ? 0x0100 : 0;
			if (later && (flow.protocol == 17 || flow.protocol == 6))
				class = PUNT_other;
			if (later && flow.protocol == 58)
				class = PUNT_icmp;
			m = frame_make(lab, LAN, packet, packet_make(&flow, packet));
			memcpy(frame, rte_pktmbuf_mtod(m, void *), m->data_len);
			lab_receive(lab, LAN, 0, m);
			lab_turn(lab, 0);
			expect_punt(lab, 0, LAN, class, 1);
			expect_punted(lab, META_PUNT, LAN, frame, 114);
		}
	}
}

// Frames that are not IP are the kernel's as they are, whatever their length, if the link needs
// them; others end, tagged ones among them. (ARP is looked into.)
static void not_ip(void **state)
{
	struct lab *lab = *state;
	static const uint16_t types[] = {0x88cc, 0x8809, 0x888e};
	static const uint16_t wrong[] = {0x8100, 0x88a8, 0x9100, 0x0000, 0x05dc, 0x0801, 0xffff};

	for (unsigned i = 0; i < COUNT(wrong); i++) {
		struct rte_mbuf *m = good_frame(lab, LAN, false);

		store_be16(rte_pktmbuf_mtod_offset(m, uint8_t *, 12), wrong[i]);
		lab_receive(lab, LAN, 0, m);
		lab_turn(lab, 0);
		expect_drop(lab, 0, LAN, DROP_eth_type, 1);
	}
	for (unsigned i = 0; i < COUNT(types); i++) {
		for (uint16_t octets = ETHER; octets < 64; octets += 7) {
			struct rte_mbuf *m = good_frame(lab, LAN, false);
			uint8_t frame[PACKET_MAX];

			store_be16(rte_pktmbuf_mtod_offset(m, uint8_t *, 12), types[i]);
			rte_pktmbuf_trim(m, (uint16_t)(m->data_len - octets));
			memcpy(frame, rte_pktmbuf_mtod(m, void *), octets);
			lab_receive(lab, LAN, 0, m);
			lab_turn(lab, 0);
			expect_punt(lab, 0, LAN, PUNT_other, 1);
			expect_punted(lab, META_PUNT, LAN, frame, octets);
		}
	}
}

// Any octets at all: nothing is read or written beyond them (a sanitizer would see it), no buffer
// is lost.
static void noise(void **state)
{
	struct lab *lab = *state;
	struct random random = {77};
	unsigned frames = full_run() ? 2000000 : 100000;

	lab->loose = true;
	lab_tunnel(lab, NULL);
	lab_protect(lab, 0);
	lab_publish(lab);
	for (unsigned i = 0; i < frames; i++) {
		unsigned port = (unsigned)random_below(&random, LAB_PORTS);
		struct rte_mbuf *m = good_frame(lab, port, random_below(&random, 2) == 1);
		uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
		struct rte_mbuf *rest[BURST_MAX];
		unsigned n;

		for (uint64_t k = random_below(&random, 6); k > 0; k--) {
			uint64_t at = random_below(&random, 4) == 0
				? random_below(&random, m->data_len)
				: 12 + random_below(&random, 50);

			frame[at] = (uint8_t)random_next(&random);
		}
		if (random_below(&random, 2) == 1)
			packet_sum(frame + ETHER);
		if (random_below(&random, 4) == 0)
			rte_pktmbuf_trim(m, (uint16_t)random_below(&random, m->data_len));
		lab_receive(lab, port, 0, m);
		if (i % 32 != 31)
			continue;
		lab_turn(lab, 0);
		n = lab_punted(lab, rest, COUNT(rest));
		rte_pktmbuf_free_bulk(rest, n);
		for (port = 0; port < LAB_PORTS; port++) {
			while ((m = lab_sent(lab, port, 0)) != NULL)
				rte_pktmbuf_free(m);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(malformed, NULL),
		LAB_TEST(loopback6_and_segments, NULL),
		LAB_TEST(unicast_in_group_frames, NULL),
		LAB_TEST(chained, NULL),
		LAB_TEST(ipv4_fragments, NULL),
		LAB_TEST(classes, NULL),
		LAB_TEST(not_ip, NULL),
		LAB_TEST(noise, NULL),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
