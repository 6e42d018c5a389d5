// Peers and SPIs as a filter of one hash. What it lets pass by mistake (one of 65,536, times the
// number of SAs) control still refuses.
#include "dataplane/about_path.h"

#include "proto/ip_hdr.h"
#include "proto/proto.h"
#include "proto/too_big.h"

#include <rte_jhash.h>
#include <string.h>

#define WORD_BITS 64

static_assert(SENT_TO_BITS == 1 << 16); // bit_of

static uint32_t bit_of(const struct dataplane *dp, const struct ip_addr *remote, uint32_t spi)
{
	uint32_t address[4], hash;

	memcpy(address, remote->octets, sizeof(address)); // octets may lie anywhere, words may not
	hash = rte_jhash_32b(address, 4, dp->punt_seed ^ spi);
	return (hash ^ hash >> 16) & (SENT_TO_BITS - 1);
}

void about_path_add(struct dataplane *dp, const struct ip_addr *remote, uint32_t spi)
{
	uint32_t bit = bit_of(dp, remote, spi);

	atomic_fetch_or_explicit(&dp->sent_to[bit / WORD_BITS], UINT64_C(1) << bit % WORD_BITS,
		memory_order_relaxed);
}

static bool sends_to(const struct dataplane *dp, const struct ip_addr *remote, uint32_t spi)
{
	uint32_t bit = bit_of(dp, remote, spi);

	return atomic_load_explicit(&dp->sent_to[bit / WORD_BITS], memory_order_relaxed) >>
		(bit % WORD_BITS) &
		1;
}

static enum about_path compare(const struct dataplane *dp, const struct too_big *said)
{
	enum about_path found = ABOUT_PATH_FORGED;

	for (unsigned i = 0; i < dp->protos->n; i++) {
		const struct proto_ops *proto = dp->protos->proto[i];

		if (said->upper_octets < proto->spi_offset + sizeof(uint32_t))
			found = ABOUT_PATH_SHORT;
		else if (sends_to(dp, &said->destination, proto_spi(proto, said->upper)))
			return ABOUT_PATH_SENT;
	}
	return found;
}

enum about_path about_path(
	const struct worker *w, const struct rte_mbuf *m, const struct packet *packet)
{
	const uint8_t *header = rte_pktmbuf_mtod(m, const uint8_t *);
	struct too_big said;
	struct ip_addr us;

	if (likely(packet->protocol != IP_PROTOCOL_ICMP &&
		    packet->protocol != IP_PROTOCOL_ICMPV6) ||
		w->dp->port[packet->port].side != PORT_UNPROTECTED ||
		!too_big_parse(header, m->data_len, packet, &said))
		return ABOUT_PATH_NO;
	us = ip_destination(header);
	if (said.protocol != IP_PROTOCOL_ESP || !ip_addr_equal(&said.source, &us))
		return ABOUT_PATH_NO;
	return compare(w->dp, &said);
}
