// Tags off and on. Both addresses move by the four octets; nothing else in the frame does.
#include "dataplane/vlan.h"

#include "base/bytes.h"
#include "dataplane/dataplane.h"
#include "dataplane/drop.h"
#include "proto/ip_hdr.h"

#define ADDRESSES (2 * RTE_ETHER_ADDR_LEN)
#define ID_MASK 0xfff
#define PRIORITY_SHIFT 13
#define DSCP_TO_PRIORITY 5 // of the traffic class: its class selector (RFC 2474 section 4.2.2)

// False: no port has its VLAN.
static bool take_tag(const struct port *trunk, struct rte_mbuf *m, uint8_t *port)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	uint16_t id;

	*port = trunk->index;
	if (m->data_len < RTE_ETHER_HDR_LEN + PORT_TAG_OCTETS ||
		load_be16(frame + ADDRESSES) != RTE_ETHER_TYPE_VLAN)
		return true;
	id = load_be16(frame + ADDRESSES + 2) & ID_MASK;
	if (id != 0)
		*port = trunk->vlans[id];
	if (*port == PORT_VLAN_NONE)
		return false;
	memmove(frame + PORT_TAG_OCTETS, frame, ADDRESSES);
	rte_pktmbuf_adj(m, PORT_TAG_OCTETS);
	return true;
}

uint16_t vlan_take(
	struct worker *w, uint8_t trunk, struct rte_mbuf *m[], uint16_t n, uint8_t port[])
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < n; i++) {
		if (take_tag(&w->dp->port[trunk], m[i], &port[kept]))
			m[kept++] = m[i];
		else
			drop_packet(w, trunk, DROP_vlan_unknown, m[i]);
	}
	return kept;
}

bool vlan_is_foreign(const struct port *port, const struct rte_mbuf *m)
{
	uint16_t type;

	if ((port->vlans == NULL && port->vlan.id == 0) || m->data_len < RTE_ETHER_HDR_LEN)
		return false;
	type = load_be16(rte_pktmbuf_mtod_offset(m, const uint8_t *, ADDRESSES));
	return type == RTE_ETHER_TYPE_VLAN || type == RTE_ETHER_TYPE_QINQ;
}

static uint16_t priority_of(const struct port *port, const uint8_t *frame)
{
	uint16_t type = load_be16(frame + ADDRESSES);

	if (port->vlan.priority != PORT_PRIORITY_DSCP)
		return port->vlan.priority;
	if (type != RTE_ETHER_TYPE_IPV4 && type != RTE_ETHER_TYPE_IPV6)
		return 0;
	return ip_traffic_class(frame + RTE_ETHER_HDR_LEN) >> DSCP_TO_PRIORITY;
}

static bool put_tag(const struct port *port, struct rte_mbuf *m)
{
	uint16_t tag = (uint16_t)(priority_of(port, rte_pktmbuf_mtod(m, const uint8_t *))
			<< PRIORITY_SHIFT |
		port->vlan.id);
	uint8_t *frame = (uint8_t *)rte_pktmbuf_prepend(m, PORT_TAG_OCTETS);

	if (unlikely(frame == NULL))
		return false;
	memmove(frame, frame + PORT_TAG_OCTETS, ADDRESSES);
	store_be16(frame + ADDRESSES, RTE_ETHER_TYPE_VLAN);
	store_be16(frame + ADDRESSES + 2, tag);
	return true;
}

uint16_t vlan_tag(
	struct worker *w, uint8_t port, struct rte_mbuf *m[], uint16_t n, uint64_t *octets)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < n; i++) {
		if (put_tag(&w->dp->port[port], m[i])) {
			m[kept++] = m[i];
			continue;
		}
		*octets -= m[i]->pkt_len;
		drop_packet(w, port, DROP_no_room, m[i]);
	}
	return kept;
}
