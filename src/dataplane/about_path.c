// Peers and SPIs as a filter. What it lets pass by mistake control still refuses.
#include "dataplane/about_path.h"

#include "proto/ip_hdr.h"
#include "proto/proto.h"
#include "proto/too_big.h"

void about_path_set(struct dataplane *dp, struct sa *const sas[], unsigned n)
{
	struct addr_filter next = {.word = {0}};

	for (unsigned i = 0; i < n; i++) {
		const struct sa_params *params = &sas[i]->params;

		if (!sas[i]->inbound)
			addr_filter_add(&next, &params->remote, dp->punt_seed ^ params->spi);
	}
	addr_filter_replace(&dp->sent_to, &next);
}

static bool sends_to(const struct dataplane *dp, const struct ip_addr *remote, uint32_t spi)
{
	return addr_filter_has(&dp->sent_to, remote, dp->punt_seed ^ spi);
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
