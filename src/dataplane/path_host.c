// The host's own path. Towards a protected port the kernel's frames leave as they are. Towards an
// unprotected one, IP packets meet the outbound policies like any other: what a policy protects
// goes into its tunnel, what bypasses leaves as the kernel wrote it, the rest ends. ICMP errors go
// only the way that what they quote came. Only what keeps the link and the tunnels alive needs no
// policy: ARP, neighbour discovery, MLD, IKE, and the protocols of the link itself.
#include "dataplane/path_host.h"

#include "base/bytes.h"
#include "dataplane/classify.h"
#include "dataplane/classify_punt.h"
#include "dataplane/dataplane.h"
#include "dataplane/drop.h"
#include "dataplane/flow.h"
#include "dataplane/host_error.h"
#include "dataplane/local.h"
#include "dataplane/path_out.h"
#include "dataplane/path_own.h"
#include "dataplane/tx.h"
#include "dataplane/vlan.h"
#include "proto/ip_hdr.h"
#include "proto/pkt.h"

// m begins with its IP header; the Ethernet header that the kernel wrote is still in front of it.
static void send_as_it_came(struct worker *w, uint8_t port, struct rte_mbuf *m)
{
	if (likely(pkt_prepend(m, RTE_ETHER_HDR_LEN) != NULL))
		tx_frame(w, port, m);
	else
		drop_packet(w, port, DROP_no_room, m);
}

// A frame towards the wire that is no IP packet leaves if the link needs it. True if it is one:
// then it begins with its IP header.
static bool judge_frame(struct worker *w, uint8_t port, struct rte_mbuf *m, struct packet *packet)
{
	enum drop_reason reason = DROP_eth_type;
	enum punt_class class;
	uint16_t type;

	if (m->data_len < RTE_ETHER_HDR_LEN) {
		drop_packet(w, port, DROP_eth_runt, m);
		return false;
	}
	type = load_be16(rte_pktmbuf_mtod_offset(m, const uint8_t *, 12));
	if (classify_link(type, &class)) {
		tx_frame(w, port, m);
		return false;
	}
	if (type == RTE_ETHER_TYPE_IPV4 || type == RTE_ETHER_TYPE_IPV6)
		reason = classify_ip(m, type, packet);
	packet->port = port;
	if (reason == DROP_NONE)
		return true;
	drop_packet(w, port, reason, m);
	return false;
}

// Takes the IP packets that policies must judge into b; other frames leave, or end.
static void select_judged(struct worker *w, struct rte_mbuf *m[], uint16_t n, struct burst *b)
{
	b->n = 0;
	for (uint16_t i = 0; i < n; i++) {
		struct packet *packet = &b->packet[b->n];
		uint8_t port = meta_of(m[i])->port;

		counter_add(&w->stats.port[port].injected, 1);
		if (unlikely(vlan_is_foreign(&w->dp->port[port], m[i])))
			drop_packet(w, port, DROP_eth_type, m[i]);
		else if (w->dp->port[port].side == PORT_PROTECTED)
			tx_frame(w, port, m[i]);
		else if (!judge_frame(w, port, m[i], packet))
			continue;
		else if (local_is_vital(w, port, m[i], packet))
			send_as_it_came(w, port, m[i]);
		else
			b->m[b->n++] = m[i];
	}
}

static bool passes(const struct spd *spd, uint32_t match)
{
	return match != SPD_NO_MATCH && !(match & SPD_FRAGMENT) &&
		spd_policy(spd, match)->action == POLICY_BYPASS;
}

void path_host(struct worker *w, struct rte_mbuf *m[], uint16_t n)
{
	struct spd *spd = w->tables.spd;
	struct burst *b = &w->burst;
	uint16_t kept = 0;

	select_judged(w, m, n, b);
	flow_lookup(w, SPD_OUT, b, false);
	for (uint16_t i = 0; i < b->n; i++) {
		enum drop_reason reason =
			host_error_refusal(w, b->m[i], &b->packet[i], b->match[i]);

		if (unlikely(reason != DROP_NONE)) {
			path_own_refuse(w, b, i, reason);
			continue;
		}
		if (passes(spd, b->match[i])) {
			spd_hit(spd, w->index, b->match[i], 1);
			send_as_it_came(w, b->packet[i].port, b->m[i]);
			continue;
		}
		burst_keep(b, i, &kept);
	}
	b->n = kept;
	if (kept > 0)
		path_out_policies(w, b, false, FORWARD_EITHER, FORWARD_OWN);
}
