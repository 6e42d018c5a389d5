// Packets that are split, put together again as RFC 791 says and compared with what was sent.
#pragma once

#include "out_flows.h"

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
static inline void add_piece(struct whole *whole, const uint8_t *packet, uint32_t octets)
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
static inline void assert_whole(const struct whole *whole, const uint8_t *packet, uint32_t octets)
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

// The next piece on the wire, in the tunnel, from this worker.
static inline void take_piece(
	struct lab *lab, unsigned worker, unsigned tunnel, struct whole *whole, uint8_t *piece)
{
	struct rte_mbuf *m = lab_sent(lab, WAN, worker);
	uint32_t octets;

	assert_non_null(m);
	assert_true(m->data_len <= lab->params.mtu[WAN] + ETHER);
	assert_int_equal(peer_open(lab, tunnel, m, piece, &octets), VERDICT_ACCEPT);
	add_piece(whole, piece, octets);
	expect_out(lab, tunnel, worker, 1, octets);
}

// All pieces of this packet are the next.
static inline void expect_pieces(
	struct lab *lab, unsigned tunnel, const uint8_t *packet, uint32_t octets)
{
	static struct whole whole;
	uint32_t payload = octets - ipv4_header_octets(packet);
	uint8_t piece[PACKET_MAX];

	memset(&whole, 0, sizeof(whole));
	while (whole.octets < payload)
		take_piece(lab, 0, tunnel, &whole, piece);
	assert_whole(&whole, packet, octets);
	// None is smaller than need be.
	assert_true(whole.largest + 8 > sa_out_max_inner(lab->tunnel[tunnel].out->out));
	lab->expected.fragmented[0][LAN]++;
}

static inline void send_packet(struct lab *lab, const uint8_t *packet, uint32_t octets)
{
	lab_receive(lab, LAN, 0, frame_make(lab, LAN, packet, octets));
}

// A packet that is too big for the tunnel; takes one hop of it.
static inline void send_in_pieces(
	struct lab *lab, unsigned tunnel, uint8_t *packet, uint32_t octets)
{
	send_packet(lab, packet, octets);
	lab_turn(lab, 0);
	packet_hop(packet);
	expect_pieces(lab, tunnel, packet, octets);
	expect_nothing_sent(lab);
}

static inline struct flow big_flow(unsigned tunnel, uint16_t octets)
{
	static char to[COUNT(kinds)][IP_ADDR_TEXT];
	struct flow flow = flow_out(tunnel * 1000u + octets);

	snprintf(to[tunnel], IP_ADDR_TEXT, "10.%u.0.5", 100 + tunnel);
	flow.destination = to[tunnel];
	flow.octets = octets;
	return flow;
}
