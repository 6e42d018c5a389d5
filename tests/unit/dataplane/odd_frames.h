// Frames that are not like nearly all, for the tests of the first look at a frame.
#pragma once

#include "fixture.h"

#include "proto/ip_hdr.h"

// A good frame, then some octets of it changed and its length.
struct odd_frame {
	const char *what;
	bool ipv6;
	uint8_t protocol; // UDP
	struct {
		uint8_t at; // in the frame
		uint8_t value;
	} change[4];
	bool sum;	  // the IPv4 header's is made right again
	bool to_all;	  // sent to every station
	bool nic;	  // which has found the IPv4 header's checksum right
	uint8_t segments; // more, of one octet each
	uint16_t behind;  // octets after the datagram
	uint16_t octets;  // of the frame, cut; 0: all
	enum drop_reason reason;
};

static const struct odd_frame bad_frames[] = {
	{"nothing", .octets = 1, .reason = DROP_eth_runt},
	{"13 octets", .octets = 13, .reason = DROP_eth_runt},
	{"another station", .change = {{5, 9}}, .reason = DROP_eth_not_for_us},
	{"no IP header", .octets = 14, .reason = DROP_ip_header},
	{"version 6 in an IPv4 frame", .change = {{14, 0x65}}, .reason = DROP_ip_version},
	{"version 4 in an IPv6 frame", .ipv6 = true, .change = {{14, 0x45}},
		.reason = DROP_ip_version},
	{"version 0", .change = {{14, 0x05}}, .reason = DROP_ip_version},
	{"19 octets", .octets = 33, .reason = DROP_ip_header},
	{"IHL 4", .change = {{14, 0x44}}, .sum = true, .reason = DROP_ip_header},
	{"IHL 0", .change = {{14, 0x40}}, .reason = DROP_ip_header},
	{"header longer than the datagram", .change = {{14, 0x4f}, {17, 59}}, .sum = true,
		.reason = DROP_ip_header},
	{"header longer than the frame", .change = {{14, 0x4f}, {17, 60}}, .octets = 14 + 40,
		.reason = DROP_ip_length},
	{"total length 19", .change = {{17, 19}}, .sum = true, .reason = DROP_ip_header},
	{"total length 0", .change = {{17, 0}}, .sum = true, .reason = DROP_ip_header},
	{"total length beyond the frame", .change = {{17, 101}}, .sum = true,
		.reason = DROP_ip_length},
	{"total length 65535", .change = {{16, 255}, {17, 255}}, .sum = true,
		.reason = DROP_ip_length},
	{"wrong checksum", .change = {{24, 0xaa}}, .reason = DROP_ip_checksum},
	{"from a group", .change = {{26, 224}}, .sum = true, .reason = DROP_ip_source},
	{"from everybody", .change = {{26, 255}, {27, 255}, {28, 255}, {29, 255}}, .sum = true,
		.reason = DROP_ip_source},
	{"from loopback", .change = {{26, 127}}, .sum = true, .reason = DROP_ip_source},
	{"39 octets", .ipv6 = true, .octets = 53, .reason = DROP_ip_header},
	{"payload beyond the frame", .ipv6 = true, .change = {{19, 61}}, .reason = DROP_ip_length},
	{"payload 65535", .ipv6 = true, .change = {{18, 255}, {19, 255}}, .reason = DROP_ip_length},
	{"from a group", .ipv6 = true, .change = {{22, 0xff}}, .reason = DROP_ip_source},
	{"extension beyond the datagram", .ipv6 = true, .change = {{20, 60}, {55, 7}},
		.reason = DROP_ip_header},
	{"extension of no octets", .ipv6 = true, .change = {{20, 43}, {19, 0}},
		.reason = DROP_ip_header},
	{"extension of 7 octets", .ipv6 = true, .change = {{20, 60}, {19, 7}},
		.reason = DROP_ip_header},
	{"fragment header of 4 octets", .ipv6 = true, .change = {{20, 44}, {19, 4}},
		.reason = DROP_ip_header},
	{"jumbogram", .ipv6 = true, .change = {{20, 0}, {19, 0}}, .reason = DROP_ip_jumbogram},
};

// What may be among plain frames without being dropped.
static const struct odd_frame good_kinds[] = {
	{"UDP", .protocol = IP_PROTOCOL_UDP},
	{"TCP", .protocol = IP_PROTOCOL_TCP},
	{"ESP", .protocol = IP_PROTOCOL_ESP},
	{"protocol 0", .change = {{23, 0}}, .sum = true},
	{"protocol 255", .change = {{23, 255}}, .sum = true},
	{"options", .change = {{14, 0x46}}, .sum = true},
	{"all options there can be", .change = {{14, 0x4f}}, .sum = true},
	{"IPv6", .ipv6 = true},
	{"IPv6 with an extension", .ipv6 = true, .change = {{20, 60}, {54, 17}, {55, 0}}},
	{"IPv6 fragment", .ipv6 = true, .change = {{20, 44}, {54, 17}, {56, 0}, {57, 1}}},
	{"first fragment", .change = {{20, 0x20}}, .sum = true},
	{"next fragment", .change = {{20, 0x20}, {21, 8}}, .sum = true},
	{"last fragment", .change = {{20, 0x00}, {21, 1}}, .sum = true},
	{"fragment far behind", .change = {{20, 0x10}}, .sum = true},
	{"not to be split", .change = {{20, 0x40}}, .sum = true},
	{"reserved flag", .change = {{20, 0x80}}, .sum = true},
	{"TOS", .change = {{15, 0xff}}, .sum = true},
	{"header alone", .change = {{17, 20}}, .sum = true},
	{"header and no more", .change = {{17, 20}}, .octets = 34, .sum = true},
	{"padding of one octet", .behind = 1},
	{"padding as of the smallest frame", .change = {{17, 46}}, .octets = 60, .sum = true},
	{"much padding", .behind = 1000},
	{"options and padding", .change = {{14, 0x47}}, .sum = true, .behind = 9},
	{"IPv6 and padding", .ipv6 = true, .behind = 4},
	{"to every station", .to_all = true},
	{"checksum known", .nic = true},
	{"checksum known, and wrong", .change = {{24, 0xaa}}, .nic = true},
	{"from nowhere", .change = {{26, 0}}, .sum = true},
	{"from below loopback", .change = {{26, 126}}, .sum = true},
	{"from above loopback", .change = {{26, 128}}, .sum = true},
	{"from below the groups", .change = {{26, 223}}, .sum = true},
};

// What goes elsewhere, or is dropped before IP is looked at.
static const struct odd_frame other_kinds[] = {
	{"LLDP", .change = {{12, 0x88}, {13, 0xcc}}},
	{"802.1X", .change = {{12, 0x88}, {13, 0x8e}}, .octets = 60},
	{"tagged", .change = {{12, 0x81}}, .reason = DROP_eth_type},
	{"unknown type", .change = {{13, 0x01}}, .reason = DROP_eth_type},
	{"two segments", .segments = 1, .reason = DROP_multi_segment},
	{"five segments", .segments = 4, .reason = DROP_multi_segment},
	{"one octet of another address", .change = {{1, 0xef}}, .reason = DROP_eth_not_for_us},
};

static inline struct rte_mbuf *numbered_frame(struct lab *lab, unsigned port, bool ipv6,
	uint8_t protocol, uint16_t octets, uint64_t number)
{
	struct flow flow = {.source = ipv6 ? "fd01::10" : "10.1.0.10",
		.destination = ipv6 ? "fd00:100::1" : "10.100.0.1",
		.protocol = protocol,
		.octets = octets,
		.number = number};
	uint8_t packet[PACKET_MAX];

	return frame_make(lab, port, packet, packet_make(&flow, packet));
}

static inline struct rte_mbuf *good_frame(struct lab *lab, unsigned port, bool ipv6)
{
	return numbered_frame(lab, port, ipv6, 0, 0, 1);
}

static inline struct rte_mbuf *odd_frame(
	struct lab *lab, unsigned port, const struct odd_frame *odd, uint64_t number)
{
	struct rte_mbuf *m = numbered_frame(lab, port, odd->ipv6, odd->protocol, 0, number);
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);

	for (unsigned c = 0; c < COUNT(odd->change); c++) {
		if (odd->change[c].at != 0)
			frame[odd->change[c].at] = odd->change[c].value;
	}
	if (odd->sum)
		packet_sum(frame + ETHER);
	if (odd->to_all)
		memset(frame, 0xff, 6);
	if (odd->nic)
		m->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD;
	if (odd->octets != 0)
		rte_pktmbuf_trim(m, (uint16_t)(m->data_len - odd->octets));
	if (odd->behind != 0)
		memset(append_zeros(m, odd->behind), 0xcc, odd->behind);
	for (unsigned i = 0; i < odd->segments; i++) {
		struct rte_mbuf *tail = rte_pktmbuf_alloc(lab->dp->pool);

		append_zeros(tail, 1);
		assert_int_equal(rte_pktmbuf_chain(m, tail), 0);
	}
	return m;
}
