// Splitting tunnel packets. rte_ip_frag does not split IPv4 with DF set, and makes chains of IPv6.
#include "dataplane/frag_outer.h"

#include "dataplane/dataplane.h"
#include "dataplane/drop.h"
#include "proto/ip_hdr.h"
#include "proto/pkt.h"

#define UNIT 8		  // octets that fragment offsets count in
#define FRAGMENT_HEADER 8 // IPv6's

// What one fragment is of its packet.
struct part {
	uint16_t header; // octets of its headers
	uint16_t offset;
	uint16_t octets; // of payload
	bool more;
	uint32_t id;
};

static void write_ipv4(uint8_t *header, const struct part *part)
{
	uint16_t more = part->more ? IPV4_MORE_FRAGMENTS : 0;
	uint16_t df = load_be16(header + IPV4_FRAGMENT) & IPV4_DONT_FRAGMENT;

	store_be16(header + IPV4_TOTAL_LENGTH, (uint16_t)(part->header + part->octets));
	// What routers may split has an identification already.
	if (df)
		store_be16(header + IPV4_ID, (uint16_t)part->id);
	store_be16(header + IPV4_FRAGMENT, (uint16_t)(df | more | part->offset / UNIT));
	ipv4_write_checksum(header, part->header);
}

static void write_ipv6(uint8_t *header, const struct part *part)
{
	uint8_t *fragment = header + IPV6_HEADER;

	fragment[0] = header[IPV6_NEXT_HEADER];
	fragment[1] = 0;
	store_be16(fragment + 2, (uint16_t)(part->offset | part->more));
	store_be32(fragment + 4, part->id);
	header[IPV6_NEXT_HEADER] = IP_PROTOCOL_FRAGMENT;
	store_be16(header + IPV6_PAYLOAD_LENGTH, (uint16_t)(FRAGMENT_HEADER + part->octets));
}

static struct rte_mbuf *make(struct worker *w, const struct rte_mbuf *m, const struct part *part)
{
	const uint8_t *whole = rte_pktmbuf_mtod(m, const uint8_t *);
	uint16_t outer = ip_version(whole) == 4 ? IPV4_HEADER_MIN : IPV6_HEADER;
	struct rte_mbuf *fragment = rte_pktmbuf_alloc(w->dp->pool);
	uint8_t *header;

	if (unlikely(fragment == NULL))
		return NULL;
	header = rte_pktmbuf_mtod(fragment, uint8_t *);
	fragment->data_len = (uint16_t)(part->header + part->octets);
	fragment->pkt_len = fragment->data_len;
	pkt_fence(fragment);
	memcpy(header, whole, outer);
	memcpy(header + part->header, whole + outer + part->offset, part->octets);
	if (outer == IPV4_HEADER_MIN)
		write_ipv4(header, part);
	else
		write_ipv6(header, part);
	return fragment;
}

uint16_t frag_outer(struct worker *w, uint8_t port, struct rte_mbuf *m, uint16_t mtu,
	struct rte_mbuf *fragment[FRAG_OUTER_MAX])
{
	bool ipv4 = ip_version(rte_pktmbuf_mtod(m, const uint8_t *)) == 4;
	uint16_t left = (uint16_t)(m->data_len - (ipv4 ? IPV4_HEADER_MIN : IPV6_HEADER));
	struct part part = {
		.header = ipv4 ? IPV4_HEADER_MIN : IPV6_HEADER + FRAGMENT_HEADER,
		.id = w->fragment_id,
	};
	uint16_t most = (uint16_t)((mtu - part.header) & ~(UNIT - 1));
	struct rte_mbuf *made;
	uint16_t n = 0;

	// No two workers use the same one, so that no fragments of two packets are taken for one's.
	w->fragment_id += w->dp->workers;
	for (; left > 0; part.offset = (uint16_t)(part.offset + part.octets)) {
		part.octets = RTE_MIN(left, most);
		left = (uint16_t)(left - part.octets);
		part.more = left > 0;
		made = n < FRAG_OUTER_MAX ? make(w, m, &part) : NULL;
		if (unlikely(made == NULL)) {
			while (n > 0)
				drop_free(fragment[--n]);
			drop_packet(w, port, DROP_fragment_no_buffer, m);
			return 0;
		}
		fragment[n++] = made;
	}
	counter_add(&w->stats.port[port].fragmented, 1);
	drop_free(m);
	return n;
}
