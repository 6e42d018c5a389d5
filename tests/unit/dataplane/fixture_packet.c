// Packets and frames of the tests, and the far gateways that seal and open them.
#include "fixture.h"

#include "base/bytes.h"
#include "dataplane/punt.h"
#include "proto/ip_hdr.h"
#include "proto/pkt.h"

// The Internet checksum as RFC 1071 words it.
void packet_sum(uint8_t *packet)
{
	uint32_t octets = (packet[0] & 0xfu) * 4;
	uint32_t sum = 0;

	if (packet[0] >> 4 != 4)
		return;
	store_be16(packet + IPV4_CHECKSUM, 0);
	for (uint32_t i = 0; i < octets; i += 2)
		sum += load_be16(packet + i);
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	store_be16(packet + IPV4_CHECKSUM, (uint16_t)~sum);
}

static uint32_t make_ipv4(const struct flow *f, uint8_t *at, uint32_t octets)
{
	at[0] = 0x45;
	at[IPV4_TOS] = f->tos;
	store_be16(at + IPV4_TOTAL_LENGTH, (uint16_t)octets);
	store_be16(at + IPV4_ID, (uint16_t)f->number);
	store_be16(at + IPV4_FRAGMENT, f->fragment);
	at[IPV4_TTL] = f->ttl == 0 ? 64 : f->ttl;
	at[IPV4_PROTOCOL] = f->protocol == 0 ? IP_PROTOCOL_UDP : f->protocol;
	memcpy(at + IPV4_SOURCE, addr_of(f->source).octets, 4);
	memcpy(at + IPV4_DESTINATION, addr_of(f->destination).octets, 4);
	packet_sum(at);
	return IPV4_HEADER_MIN;
}

static uint32_t make_ipv6(const struct flow *f, uint8_t *at, uint32_t octets)
{
	uint8_t protocol = f->protocol == 0 ? IP_PROTOCOL_UDP : f->protocol;

	store_be32(at, 6u << 28 | (uint32_t)f->tos << 20);
	store_be16(at + IPV6_PAYLOAD_LENGTH, (uint16_t)(octets - IPV6_HEADER));
	at[IPV6_NEXT_HEADER] = f->fragment != 0 ? IP_PROTOCOL_FRAGMENT : protocol;
	at[IPV6_HOP_LIMIT] = f->ttl == 0 ? 64 : f->ttl;
	memcpy(at + IPV6_SOURCE, addr_of(f->source).octets, 16);
	memcpy(at + IPV6_DESTINATION, addr_of(f->destination).octets, 16);
	if (f->fragment == 0)
		return IPV6_HEADER;
	at[IPV6_HEADER] = protocol;
	at[IPV6_HEADER + 1] = 0;
	store_be16(at + IPV6_HEADER + 2, f->fragment);
	store_be32(at + IPV6_HEADER + 4, (uint32_t)f->number);
	return IPV6_HEADER + 8;
}

uint32_t packet_make(const struct flow *f, uint8_t *at)
{
	uint32_t octets = f->octets == 0 ? 100 : f->octets;
	bool ipv6 = addr_of(f->source).family == IP_V6;
	uint32_t l4 = ipv6 ? make_ipv6(f, at, octets) : make_ipv4(f, at, octets);

	assert_true(octets <= PACKET_MAX && octets >= l4 + 16);
	store_be16(at + l4, f->source_port);
	store_be16(at + l4 + 2, f->destination_port);
	store_be16(at + l4 + 4, (uint16_t)(octets - l4));
	store_be16(at + l4 + 6, 0);
	store_be64(at + l4 + 8, f->number);
	for (uint32_t i = l4 + 16; i < octets; i++)
		at[i] = (uint8_t)(f->number + i);
	return octets;
}

uint64_t packet_number(const uint8_t *packet)
{
	uint32_t l4 = packet[0] >> 4 == 4 ? IPV4_HEADER_MIN : IPV6_HEADER;

	return load_be64(packet + l4 + 8);
}

void packet_hop(uint8_t *packet)
{
	packet[packet[0] >> 4 == 4 ? IPV4_TTL : IPV6_HOP_LIMIT]--;
	packet_sum(packet);
}

uint8_t *append_zeros(struct rte_mbuf *m, uint16_t octets)
{
	uint8_t *at;

	assert_non_null(m);
	at = (uint8_t *)rte_pktmbuf_append(m, octets);
	assert_non_null(at);
	memset(at, 0, octets);
	return at;
}

struct rte_mbuf *frame_make(struct lab *lab, unsigned port, const void *packet, uint32_t octets)
{
	static const uint8_t source[6] = {2, 0xaa, 0, 0, 0, 9};
	struct rte_mbuf *m = rte_pktmbuf_alloc(lab->dp->pool);
	uint8_t *frame;

	frame = append_zeros(m, (uint16_t)(octets + ETHER));
	memcpy(frame, lab->dp->port[port].mac.addr_bytes, 6);
	memcpy(frame + 6, source, 6);
	store_be16(frame + 12,
		*(const uint8_t *)packet >> 4 == 6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4);
	memcpy(frame + ETHER, packet, octets);
	return m;
}

void lab_receive(struct lab *lab, unsigned port, unsigned queue, struct rte_mbuf *frame)
{
	assert_int_equal(rte_ring_sp_enqueue(lab->rx[port][queue], frame), 0);
	lab->expected.rx[lab->dp->port[port].rxq[queue].worker][port]++;
}

void lab_receive_flow(struct lab *lab, unsigned port, unsigned queue, const struct flow *flow)
{
	uint8_t packet[PACKET_MAX];
	uint32_t octets = packet_make(flow, packet);

	lab_receive(lab, port, queue, frame_make(lab, port, packet, octets));
}

struct rte_mbuf *lab_sent(struct lab *lab, unsigned port, unsigned queue)
{
	struct rte_mbuf *m = NULL;

	if (rte_ring_sc_dequeue(lab->tx[port][queue], (void **)&m) != 0)
		return NULL;
	lab->expected.tx[lab->dp->port[port].txq[queue].worker][port]++;
	return m;
}

void expect_sent(struct lab *lab, unsigned port, unsigned queue, const char *neighbour,
	const void *packet, uint32_t octets)
{
	struct rte_mbuf *m = lab_sent(lab, port, queue);
	struct rte_ether_addr mac = mac_of(neighbour);
	const uint8_t *frame;

	assert_non_null(m);
	frame = rte_pktmbuf_mtod(m, const uint8_t *);
	assert_int_equal(m->data_len, octets + ETHER);
	assert_int_equal(m->pkt_len, octets + ETHER);
	assert_memory_equal(frame, mac.addr_bytes, 6);
	assert_memory_equal(frame + 6, lab->dp->port[port].mac.addr_bytes, 6);
	assert_int_equal(load_be16(frame + 12), frame[ETHER] >> 4 == 6 ? 0x86dd : 0x0800);
	assert_memory_equal(frame + ETHER, packet, octets);
	rte_pktmbuf_free(m);
}

void expect_nothing_sent(struct lab *lab)
{
	for (unsigned port = 0; port < LAB_PORTS; port++) {
		for (unsigned q = 0; q < lab->txqs[port]; q++)
			assert_int_equal(rte_ring_count(lab->tx[port][q]), 0);
	}
}

unsigned lab_punted(struct lab *lab, struct rte_mbuf *m[], unsigned n)
{
	unsigned found = punt_drain(lab->dp, m, n);

	found += punt_drain_requests(lab->dp, PUNT_UNRESOLVED, m + found, n - found);
	return found + punt_drain_requests(lab->dp, PUNT_TELL, m + found, n - found);
}

void expect_waiting(struct lab *lab, unsigned n)
{
	struct rte_mbuf *m[100];
	unsigned total = 0;
	unsigned found;

	while ((found = lab_punted(lab, m, COUNT(m))) > 0) {
		rte_pktmbuf_free_bulk(m, found);
		total += found;
	}
	assert_int_equal(total, n);
}

static struct meta take_punted(
	struct lab *lab, enum meta_kind kind, unsigned port, const void *data, uint32_t octets)
{
	struct rte_mbuf *m = NULL;
	struct meta meta;

	assert_int_equal(lab_punted(lab, &m, 1), 1);
	meta = *meta_of(m);
	assert_int_equal(meta.kind, kind);
	assert_int_equal(meta.port, port);
	assert_int_equal(m->data_len, octets);
	assert_int_equal(m->pkt_len, octets);
	assert_memory_equal(rte_pktmbuf_mtod(m, const uint8_t *), data, octets);
	rte_pktmbuf_free(m);
	return meta;
}

uint16_t expect_punted(
	struct lab *lab, enum meta_kind kind, unsigned port, const void *data, uint32_t octets)
{
	return take_punted(lab, kind, port, data, octets).mtu;
}

uint16_t expect_told(struct lab *lab, enum meta_kind kind, unsigned port,
	enum forward_origin origin, enum drop_reason reason, const struct flow *flow)
{
	uint8_t packet[PACKET_MAX];
	struct meta meta = take_punted(lab, kind, port, packet, packet_make(flow, packet));

	assert_int_equal(meta.origin, origin);
	assert_string_equal(drop_name(meta.reason), drop_name(reason));
	return origin == FORWARD_DECRYPTED ? meta.tunnel : meta.mtu;
}

static void burst_of_one(struct lab *lab, struct rte_mbuf *m, uint16_t l4)
{
	lab->burst.n = 1;
	lab->burst.m[0] = m;
	lab->burst.packet[0] = (struct packet){.l4 = l4};
	lab->burst.verdict[0] = VERDICT_ACCEPT;
	lab->batch.n = 0;
}

struct rte_mbuf *peer_seal(
	struct lab *lab, unsigned tunnel, unsigned lane, const void *packet, uint32_t octets)
{
	struct sa_out *sa = lab->tunnel[tunnel].peer_out->out;
	struct rte_mbuf *m = frame_make(lab, WAN, packet, octets);
	uint8_t ether[ETHER];
	bool ipv6 = lab->tunnel[tunnel].tunnel.remote.family == IP_V6;

	memcpy(ether, rte_pktmbuf_mtod(m, void *), ETHER);
	rte_pktmbuf_adj(m, ETHER);
	burst_of_one(lab, m, 0);
	sa->proto->encap(sa, (uint16_t)lane, &lab->burst, 0, 1, &lab->batch);
	assert_int_equal(lab->burst.verdict[0], VERDICT_ACCEPT);
	aead_seal_burst(lab->aead, lab->batch.op, lab->batch.n);
	memcpy(rte_pktmbuf_prepend(m, ETHER), ether, ETHER);
	store_be16(rte_pktmbuf_mtod_offset(m, uint8_t *, 12),
		ipv6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4);
	return m;
}

struct rte_mbuf *peer_seal_flow(
	struct lab *lab, unsigned tunnel, unsigned lane, const struct flow *flow)
{
	uint8_t packet[PACKET_MAX];
	uint32_t octets = packet_make(flow, packet);

	return peer_seal(lab, tunnel, lane, packet, octets);
}

// Outer addresses are the far end's before anything is opened.
static void assert_outer(const struct lab_tunnel *t, const uint8_t *outer)
{
	bool ipv6 = t->tunnel.remote.family == IP_V6;

	assert_int_equal(outer[0] >> 4, ipv6 ? 6 : 4);
	if (ipv6) {
		assert_memory_equal(outer + IPV6_SOURCE, t->tunnel.local.octets, 16);
		assert_memory_equal(outer + IPV6_DESTINATION, t->tunnel.remote.octets, 16);
		assert_int_equal(outer[IPV6_NEXT_HEADER], IP_PROTOCOL_ESP);
		assert_int_equal(outer[IPV6_HOP_LIMIT], 64);
		return;
	}
	assert_memory_equal(outer + IPV4_SOURCE, t->tunnel.local.octets, 4);
	assert_memory_equal(outer + IPV4_DESTINATION, t->tunnel.remote.octets, 4);
	assert_int_equal(outer[IPV4_PROTOCOL], IP_PROTOCOL_ESP);
	assert_int_equal(outer[IPV4_TTL], 64);
	assert_true(checksum_ipv4_right(outer, IPV4_HEADER_MIN));
}

uint16_t peer_open(
	struct lab *lab, unsigned tunnel, struct rte_mbuf *frame, uint8_t *packet, uint32_t *octets)
{
	struct lab_tunnel *t = &lab->tunnel[tunnel];
	struct sa_in *sa = t->peer_in->in;
	bool ipv6 = t->tunnel.remote.family == IP_V6;
	uint16_t verdict;

	rte_pktmbuf_adj(frame, ETHER);
	assert_outer(t, rte_pktmbuf_mtod(frame, const uint8_t *));
	burst_of_one(lab, frame, ipv6 ? IPV6_HEADER : IPV4_HEADER_MIN);
	sa->proto->decap(sa, 0, &lab->burst, 0, 1, &lab->batch);
	if (!aead_open_burst(lab->aead, lab->batch.op, lab->batch.n))
		lab->burst.verdict[0] = DROP_icv_failed;
	sa->proto->finish(sa, 0, &lab->burst, 0, 1);
	verdict = lab->burst.verdict[0];
	*octets = frame->data_len;
	assert_true(*octets <= PACKET_MAX);
	memcpy(packet, rte_pktmbuf_mtod(frame, void *), *octets);
	pkt_unfence(frame);
	rte_pktmbuf_free(frame);
	return verdict;
}

void expect_sealed(
	struct lab *lab, unsigned queue, unsigned tunnel, const void *packet, uint32_t octets)
{
	struct rte_mbuf *m = lab_sent(lab, WAN, queue);
	struct rte_ether_addr mac = {{0}};
	uint8_t inner[PACKET_MAX];
	char remote[IP_ADDR_TEXT];
	uint32_t got;

	assert_non_null(m);
	mac = mac_of(ip_addr_format(&lab->tunnel[tunnel].tunnel.remote, remote));
	assert_memory_equal(rte_pktmbuf_mtod(m, const uint8_t *), mac.addr_bytes, 6);
	assert_memory_equal(rte_pktmbuf_mtod_offset(m, const uint8_t *, 6),
		lab->dp->port[WAN].mac.addr_bytes, 6);
	assert_int_equal(peer_open(lab, tunnel, m, inner, &got), VERDICT_ACCEPT);
	assert_int_equal(got, octets);
	assert_memory_equal(inner, packet, octets);
}
