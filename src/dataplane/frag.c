// Splitting IPv4 packets, by rte_ip_frag.
#define ALLOW_EXPERIMENTAL_API // rte_ipv4_fragment_copy_nonseg_packet is marked so until 23.11
#include "dataplane/frag.h"

#include "dataplane/dataplane.h"
#include "dataplane/drop.h"
#include "proto/ip_hdr.h"
#include "proto/pkt.h"

#include <rte_ip_frag.h>

#define IPV4_DATAGRAM_MAX 65535

bool frag_may_split(const struct rte_mbuf *m)
{
	return ip_may_split(rte_pktmbuf_mtod(m, const uint8_t *));
}

// A fragment that ends where no datagram can: its pieces' offsets would not fit their field.
static bool ends_beyond(const struct rte_mbuf *m)
{
	const uint8_t *header = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t offset = (load_be16(header + IPV4_FRAGMENT) & IPV4_FRAGMENT_OFFSET) * 8u;

	return offset + m->data_len > IPV4_DATAGRAM_MAX;
}

static void finish_piece(struct rte_mbuf *m)
{
	uint8_t *header = rte_pktmbuf_mtod(m, uint8_t *);

	pkt_fence(m);
	// The library leaves it to hardware.
	ipv4_write_checksum(header, ipv4_header_octets(header));
}

uint16_t frag_split(struct worker *w, uint8_t port, struct rte_mbuf *m, uint16_t mtu,
	struct rte_mbuf *piece[FRAG_PIECES_MAX])
{
	int32_t n;

	if (unlikely(ends_beyond(m))) {
		drop_packet(w, port, DROP_fragment_beyond, m);
		return 0;
	}
	n = rte_ipv4_fragment_copy_nonseg_packet(m, piece, FRAG_PIECES_MAX, mtu, w->dp->pool);
	if (unlikely(n < 0)) {
		drop_packet(w, port, DROP_fragment_no_buffer, m);
		return 0;
	}
	for (int32_t i = 0; i < n; i++)
		finish_piece(piece[i]);
	counter_add(&w->stats.port[port].fragmented, 1);
	drop_free(m);
	return (uint16_t)n;
}
