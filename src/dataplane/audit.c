// Filling and emptying mailboxes.
#include "dataplane/audit.h"

#include "dataplane/dataplane.h"
#include "proto/ip_hdr.h"

static const enum drop_reason reason_of[AUDIT_KIND_COUNT] = {
#define X(id) [AUDIT_##id] = DROP_##id,
	AUDIT_KINDS(X)
#undef X
};

// Plus one; 0: no event.
static const uint8_t kind_of[DROP_REASONS] = {
#define X(id) [DROP_##id] = AUDIT_##id + 1,
	AUDIT_KINDS(X)
#undef X
};

enum drop_reason audit_reason(enum audit_kind kind)
{
	return reason_of[kind];
}

static void fill_addresses(struct audit_event *event, const uint8_t *header)
{
	if (ip_version(header) == 4) {
		event->source.family = event->destination.family = IP_V4;
		memcpy(event->source.octets, header + IPV4_SOURCE, 4);
		memcpy(event->destination.octets, header + IPV4_DESTINATION, 4);
	} else {
		event->source.family = event->destination.family = IP_V6;
		memcpy(event->source.octets, header + IPV6_SOURCE, 16);
		memcpy(event->destination.octets, header + IPV6_DESTINATION, 16);
		event->flow_label = load_be32(header) & 0xfffff;
	}
}

// The mailbox for this reason, with what every packet has, or NULL.
static struct audit_box *begin(struct worker *w, enum drop_reason reason, const struct rte_mbuf *m,
	const struct packet *packet)
{
	const uint8_t *header = rte_pktmbuf_mtod(m, const uint8_t *);
	struct audit_event *event;
	struct audit_box *box;

	if (kind_of[reason] == 0)
		return NULL;
	box = &w->audit[kind_of[reason] - 1];
	if (atomic_load_explicit(&box->full, memory_order_acquire))
		return NULL;
	event = &box->event;
	*event = (struct audit_event){.protocol = packet->protocol, .port = packet->port};
	fill_addresses(event, header);
	if (selector_protocol_has_ports(packet->protocol) &&
		!(packet->flags & PACKET_LATER_FRAGMENT) && m->data_len >= packet->l4 + 4u) {
		event->source_port = load_be16(header + packet->l4);
		event->destination_port = load_be16(header + packet->l4 + 2);
		event->has = AUDIT_HAS_PORTS;
	}
	return box;
}

static void end(struct audit_box *box)
{
	atomic_store_explicit(&box->full, true, memory_order_release);
}

void audit_clear(struct worker *w, enum drop_reason reason, const struct rte_mbuf *m,
	const struct packet *packet)
{
	struct audit_box *box = begin(w, reason, m, packet);

	if (box != NULL)
		end(box);
}

// SPI and sequence number of a tunnel packet, as far as they are there.
static void fill_numbers(
	struct worker *w, const struct rte_mbuf *m, uint16_t l4, struct audit_event *event)
{
	const struct sadb *sadb = w->tables.sadb;
	const uint8_t *header = rte_pktmbuf_mtod_offset(m, const uint8_t *, l4);
	const struct proto_ops *proto = sadb_proto(sadb, m, l4);

	if (proto == NULL)
		return;
	event->spi = proto_spi(proto, header);
	event->has |= AUDIT_HAS_SPI;
	if (m->data_len < l4 + proto->seq_offset + proto->seq_octets)
		return;
	event->seq = proto_seq(proto, header);
	event->has |= AUDIT_HAS_SEQ;
}

void audit_stranger(struct worker *w, enum drop_reason reason, const struct rte_mbuf *m,
	const struct packet *packet)
{
	struct audit_box *box = begin(w, reason, m, packet);

	if (box == NULL)
		return;
	if (packet->protocol == IP_PROTOCOL_ESP && !(packet->flags & PACKET_LATER_FRAGMENT))
		fill_numbers(w, m, packet->l4, &box->event);
	end(box);
}

void audit_tunnel(struct worker *w, enum drop_reason reason, const struct rte_mbuf *m,
	const struct packet *packet, const struct sa_in *sa, uint64_t seq)
{
	struct audit_box *box = begin(w, reason, m, packet);

	if (box == NULL)
		return;
	box->event.spi = sa->spi;
	box->event.seq = seq;
	box->event.tunnel = sa->tunnel;
	box->event.has |= AUDIT_HAS_SPI | AUDIT_HAS_SEQ | AUDIT_HAS_TUNNEL;
	end(box);
}

void audit_inner(struct worker *w, enum drop_reason reason, const struct rte_mbuf *m,
	const struct packet *packet, const struct sa_in *sa)
{
	struct audit_box *box = begin(w, reason, m, packet);

	if (box == NULL)
		return;
	box->event.spi = sa->spi;
	box->event.tunnel = sa->tunnel;
	box->event.has |= AUDIT_HAS_SPI | AUDIT_HAS_TUNNEL;
	end(box);
}

void audit_outbound(struct worker *w, enum drop_reason reason, const struct rte_mbuf *m,
	const struct packet *packet, const struct sa_out *sa)
{
	struct audit_box *box = begin(w, reason, m, packet);

	if (box == NULL)
		return;
	box->event.spi = sa->spi;
	box->event.seq = sa->lane[w->index].next; // which it cannot have
	box->event.has |= AUDIT_HAS_SPI | AUDIT_HAS_SEQ;
	end(box);
}

bool audit_take(struct audit_box *box, struct audit_event *event)
{
	if (!atomic_load_explicit(&box->full, memory_order_acquire))
		return false;
	*event = box->event;
	atomic_store_explicit(&box->full, false, memory_order_release);
	return true;
}
