// The kinds of frames in a mixed burst.
#include "in_mixed.h"

#include "base/bytes.h"
#include "proto/ip_hdr.h"

#include <stdio.h>

const struct lab_tunnel_params mixed_tunnels[TUNNELS] = {
	{.algorithm = AEAD_AES_256_GCM, .replay_window = 65536},
	{.algorithm = AEAD_CHACHA20_POLY1305, .replay_window = 65536},
	{.proto = &esp_ops, .algorithm = AEAD_AES_128_GCM, .replay_window = 65536},
	{.proto = &esp_ops,
		.algorithm = AEAD_CHACHA20_POLY1305,
		.esn = true,
		.replay_window = 65536,
		.peer_first = UINT64_C(0xfffffff0)},
	{.outer6 = true,
		.algorithm = AEAD_AES_192_GCM,
		.engine = "openssl",
		.replay_window = 65536},
	{.proto = &esp_ops,
		.outer6 = true,
		.algorithm = AEAD_AES_256_GCM,
		.esn = true,
		.replay_window = 65536},
};

static struct item *add(struct list *list)
{
	assert_true(list->n < BURST_MAX);
	return &list->item[list->n++];
}

static struct rte_mbuf *copy(struct lab *lab, const struct rte_mbuf *m)
{
	struct rte_mbuf *c = rte_pktmbuf_copy(m, lab->dp->pool, 0, UINT32_MAX);

	assert_non_null(c);
	return c;
}

static void receive(struct model *m, struct rte_mbuf *frame)
{
	lab_receive(m->lab, WAN, 0, frame);
}

static uint8_t *outer_of(struct rte_mbuf *frame)
{
	return rte_pktmbuf_mtod_offset(frame, uint8_t *, ETHER);
}

static uint8_t *header_of(unsigned t, struct rte_mbuf *frame)
{
	return outer_of(frame) + (mixed_tunnels[t].outer6 ? IPV6_HEADER : IPV4_HEADER_MIN);
}

// An inner flow of the tunnel, one of both families.
static struct flow flow_of(struct model *m, unsigned t, const char *destination)
{
	static char source[2][IP_ADDR_TEXT];
	bool ipv6 = destination != NULL ? strchr(destination, ':') != NULL
					: random_below(&m->random, 2) == 1;

	snprintf(source[0], IP_ADDR_TEXT, "10.%u.0.5", 100 + t);
	snprintf(source[1], IP_ADDR_TEXT, "fd00:%u::5", 100 + t);
	return (struct flow){
		.source = source[ipv6],
		.destination =
			destination != NULL ? destination : (ipv6 ? "fd01::10" : "10.1.0.10"),
		.octets = (uint16_t)(60 + random_below(&m->random, 1300)),
		.number = ++m->number,
	};
}

static unsigned lane_of(struct model *m, unsigned t)
{
	return mixed_tunnels[t].proto == &esp_ops ? 0 : (unsigned)random_below(&m->random, 3);
}

static struct rte_mbuf *seal(struct model *m, unsigned t, const struct flow *flow)
{
	return peer_seal_flow(m->lab, t, lane_of(m, t), flow);
}

static void good(struct model *m, unsigned t)
{
	struct flow flow = flow_of(m, t, NULL);
	struct item *item = add(&m->out_tunnel);
	struct rte_mbuf *frame = seal(m, t, &flow);
	unsigned keep = (unsigned)random_below(&m->random, KEPT);

	rte_pktmbuf_free(m->kept[t][keep]);
	m->kept[t][keep] = copy(m->lab, frame);
	receive(m, frame);
	item->octets = packet_make(&flow, item->data);
	packet_hop(item->data);
	item->neighbour = flow.destination;
	expect_in(m->lab, t, 0, 1, item->octets);
}

static void forged(struct model *m, unsigned t)
{
	struct flow flow = flow_of(m, t, NULL);
	struct rte_mbuf *frame = seal(m, t, &flow);
	uint32_t at = frame->data_len - 1 - (uint32_t)random_below(&m->random, flow.octets);

	rte_pktmbuf_mtod(frame, uint8_t *)[at] ^= (uint8_t)(1u << random_below(&m->random, 8));
	receive(m, frame);
	expect_in_drop(m->lab, t, 0, DROP_icv_failed, 1);
}

static void replayed(struct model *m, unsigned t)
{
	const struct rte_mbuf *kept = m->kept[t][random_below(&m->random, KEPT)];

	if (kept == NULL)
		return;
	receive(m, copy(m->lab, kept));
	expect_in_drop(m->lab, t, 0, DROP_replay_seen, 1);
}

static void foreign_spi(struct model *m, unsigned t)
{
	struct flow flow = flow_of(m, t, NULL);
	struct rte_mbuf *frame = seal(m, t, &flow);

	if (mixed_tunnels[t].proto == &esp_ops)
		store_be32(
			header_of(t, frame), 0x77770000 | (uint32_t)random_below(&m->random, 999));
	else
		store_le32(header_of(t, frame) + 12, 0x30010000 + t); // its outbound SPI
	receive(m, frame);
	expect_drop(m->lab, 0, WAN, DROP_no_sa, 1);
}

static void foreign_address(struct model *m, unsigned t)
{
	struct flow flow = flow_of(m, t, NULL);
	struct rte_mbuf *frame = seal(m, t, &flow);
	bool source = random_below(&m->random, 2) == 1;

	if (mixed_tunnels[t].outer6)
		outer_of(frame)[(source ? IPV6_SOURCE : IPV6_DESTINATION) + 15] ^= 4;
	else
		outer_of(frame)[(source ? IPV4_SOURCE : IPV4_DESTINATION) + 3] ^= 3;
	packet_sum(outer_of(frame));
	receive(m, frame);
	// For another host: whatever it is, none of our tunnels' packets.
	expect_drop(m->lab, 0, WAN,
		!source && mixed_tunnels[t].outer6 ? DROP_policy_none : DROP_sa_outer_address, 1);
}

static void outer_fragment(struct model *m, unsigned t)
{
	struct flow flow = flow_of(m, t, NULL);
	struct rte_mbuf *frame = seal(m, t, &flow);

	// Not the peer's: those would wait for the rest.
	outer_of(frame)[mixed_tunnels[t].outer6 ? IPV6_SOURCE + 15 : IPV4_SOURCE + 3] ^= 0x40;
	if (mixed_tunnels[t].outer6) {
		receive(m, frame);
		outer_of(frame)[IPV6_NEXT_HEADER] = IP_PROTOCOL_FRAGMENT;
		memcpy(header_of(t, frame), (uint8_t[]){IP_PROTOCOL_ESP, 0, 0, 1, 1, 2, 3, 4}, 8);
	} else {
		store_be16(outer_of(frame) + IPV4_FRAGMENT,
			random_below(&m->random, 2) == 1 ? 0x2000 : 0x0001);
		packet_sum(outer_of(frame));
		receive(m, frame);
	}
	expect_drop(m->lab, 0, WAN, DROP_outer_fragment, 1);
}

static void runt(struct model *m, unsigned t)
{
	struct flow flow = flow_of(m, t, NULL);
	struct rte_mbuf *frame = seal(m, t, &flow);
	unsigned left =
		(unsigned)random_below(&m->random, mixed_tunnels[t].proto == &esp_ops ? 36 : 33);
	bool sa_known = left >= (mixed_tunnels[t].proto == &esp_ops ? 4 : 16);

	if (mixed_tunnels[t].outer6)
		store_be16(outer_of(frame) + IPV6_PAYLOAD_LENGTH, (uint16_t)left);
	else
		store_be16(outer_of(frame) + IPV4_TOTAL_LENGTH, (uint16_t)(left + IPV4_HEADER_MIN));
	packet_sum(outer_of(frame));
	receive(m, frame);
	if (sa_known)
		expect_in_drop(m->lab, t, 0, DROP_runt, 1);
	else
		expect_drop(m->lab, 0, WAN, DROP_runt, 1);
}

static void wrong_selector(struct model *m, unsigned t)
{
	static const char *const sources[] = {"10.99.0.1", "10.50.0.1", "10.51.0.1"};
	struct flow flow = flow_of(m, t, "10.1.0.10");

	// Nobody's, a bypass policy's, a discard policy's, another tunnel's.
	if (random_below(&m->random, 4) == 0)
		flow.source = flow_of(m, (t + 1) % TUNNELS, "10.1.0.10").source;
	else
		flow.source = sources[random_below(&m->random, COUNT(sources))];
	receive(m, seal(m, t, &flow));
	expect_in_drop(m->lab, t, 0, DROP_selector_mismatch, 1);
}

static void dying(struct model *m, unsigned t)
{
	struct flow flow = flow_of(m, t, NULL);
	struct item *item = add(&m->told);

	flow.ttl = 1;
	receive(m, seal(m, t, &flow));
	item->octets = packet_make(&flow, item->data);
	item->kind = META_TELL;
	item->port = LAN;
	expect_in(m->lab, t, 0, 1, flow.octets);
	expect_drop(m->lab, 0, WAN, DROP_ttl_expired, 1);
}

static void unresolved(struct model *m, unsigned t)
{
	bool failed = random_below(&m->random, 2) == 1;
	struct flow flow = flow_of(m, t, failed ? "10.1.0.66" : "10.1.7.7");
	struct item *item = add(&m->unresolved);

	receive(m, seal(m, t, &flow));
	item->octets = packet_make(&flow, item->data);
	item->kind = META_UNRESOLVED;
	item->port = WAN;
	expect_in(m->lab, t, 0, 1, item->octets);
}

static void clear(struct model *m, unsigned t)
{
	static const struct {
		const char *source;
		enum drop_reason reason;
	} cases[] = {
		{"10.50.0.1", DROP_NONE},
		{"10.51.0.1", DROP_policy_discard},
		{"10.52.0.1", DROP_policy_none},
		{"10.103.0.1", DROP_clear_protected},
	};
	unsigned i = (unsigned)random_below(&m->random, COUNT(cases));
	struct flow flow = flow_of(m, t, "10.1.0.10");
	struct item *item;

	flow.source = cases[i].source;
	lab_receive_flow(m->lab, WAN, 0, &flow);
	if (cases[i].reason != DROP_NONE) {
		expect_drop(m->lab, 0, WAN, cases[i].reason, 1);
		return;
	}
	item = add(&m->out_clear);
	item->octets = packet_make(&flow, item->data);
	packet_hop(item->data);
	item->neighbour = flow.destination;
}

static void keep_frame(struct list *list, struct rte_mbuf *frame)
{
	struct item *item = add(list);

	item->octets = frame->data_len;
	memcpy(item->data, rte_pktmbuf_mtod(frame, void *), item->octets);
	item->kind = META_PUNT;
	item->port = WAN;
}

static void for_gateway(struct model *m, unsigned t)
{
	struct flow flow = flow_of(m, t, "192.0.2.1");
	uint8_t packet[PACKET_MAX];
	struct rte_mbuf *frame;

	flow.source = "192.0.2.77";
	if (random_below(&m->random, 2) == 1) {
		lab_receive_flow(m->lab, WAN, 0, &flow);
		expect_drop(m->lab, 0, WAN, DROP_policy_none, 1);
		return;
	}
	flow.destination_port = 500;
	frame = frame_make(m->lab, WAN, packet, packet_make(&flow, packet));
	keep_frame(&m->punt_clear, frame);
	// What follows the datagram is no part of it.
	if (random_below(&m->random, 2) == 1)
		memset(append_zeros(frame, 7), 0xee, 7);
	receive(m, frame);
	expect_punt(m->lab, 0, WAN, PUNT_ike, 1);
}

static void arp(struct model *m, unsigned t)
{
	uint8_t packet[46] = {0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 0x77};
	struct rte_mbuf *frame = frame_make(m->lab, WAN, packet, sizeof(packet));

	(void)t;
	memset(rte_pktmbuf_mtod(frame, void *), 0xff, 6);
	store_be16(rte_pktmbuf_mtod_offset(frame, uint8_t *, 12), RTE_ETHER_TYPE_ARP);
	keep_frame(&m->punt_classify, frame);
	receive(m, frame);
	expect_punt(m->lab, 0, WAN, PUNT_newcomer, 1);
}

static void not_for_us(struct model *m, unsigned t)
{
	struct flow flow = flow_of(m, t, NULL);
	struct rte_mbuf *frame = seal(m, t, &flow);

	rte_pktmbuf_mtod(frame, uint8_t *)[random_below(&m->random, 6)] ^= 0x40;
	receive(m, frame);
	expect_drop(m->lab, 0, WAN, DROP_eth_not_for_us, 1);
}

static void segments(struct model *m, unsigned t)
{
	struct flow flow = flow_of(m, t, NULL);
	struct rte_mbuf *frame = seal(m, t, &flow);
	struct rte_mbuf *tail = rte_pktmbuf_alloc(m->lab->dp->pool);

	assert_non_null(tail);
	append_zeros(tail, 10);
	assert_int_equal(rte_pktmbuf_chain(frame, tail), 0);
	receive(m, frame);
	expect_drop(m->lab, 0, WAN, DROP_multi_segment, 1);
}

void (*const mixed_kinds[MIXED_KINDS])(struct model *m, unsigned tunnel) = {
	good,
	good,
	good,
	good,
	good,
	good,
	forged,
	replayed,
	replayed,
	foreign_spi,
	foreign_address,
	outer_fragment,
	runt,
	wrong_selector,
	dying,
	unresolved,
	clear,
	clear,
	for_gateway,
	arp,
	not_for_us,
	segments,
};
