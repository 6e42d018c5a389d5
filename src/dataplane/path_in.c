// The inbound path, in the order of RFC 4301 section 5.2: tunnel packets to their SA, decapsulated,
// against the SA's selectors, routed; clear packets against the policies.
#include "dataplane/path_in.h"

#include "dataplane/audit.h"
#include "dataplane/classify.h"
#include "dataplane/dataplane.h"
#include "dataplane/drop.h"
#include "dataplane/flow.h"
#include "dataplane/forward.h"
#include "dataplane/handover.h"
#include "dataplane/local.h"
#include "dataplane/park.h"
#include "dataplane/peer_address.h"
#include "proto/four.h"
#include "proto/ip_hdr.h"

#include <rte_cycles.h>

// Counted by the SA too, where the reason is one of those that SAs count.
static void sa_drop(struct worker *w, struct sa_in *sa, uint8_t port, enum drop_reason reason,
	struct rte_mbuf *m)
{
	if (reason < DROP_SA_END)
		counter_add(&sa->lane[w->index].drops[reason], 1);
	drop_packet(w, port, reason, m);
}

// Gives an authenticated packet to the worker that owns its window.
static void hand_over(
	struct worker *w, struct sa_in *sa, const struct burst *b, uint16_t i, uint16_t owner)
{
	struct rte_mbuf *m = b->m[i];

	*meta_of(m) = (struct meta){.sa = sa, .seq = b->seq[i], .packet = b->packet[i]};
	if (unlikely(!handover(w, owner, m, META_COMMIT))) {
		sa_drop(w, sa, b->packet[i].port, DROP_handover_full, m);
		return;
	}
	counter_add(&sa->lane[w->index].handed_over, 1);
	counter_add(&w->stats.handed_out, 1);
}

// Packet i does not go on here.
static void send_elsewhere(struct worker *w, struct burst *b, uint16_t i, struct sa_in *sa)
{
	if (b->verdict[i] & VERDICT_OWNER) {
		hand_over(w, sa, b, i, b->verdict[i] & ~VERDICT_OWNER);
		return;
	}
	if (b->verdict[i] == VERDICT_PARK) {
		park_packet(w, sa, b, i);
		return;
	}
	audit_tunnel(w, b->verdict[i], b->m[i], &b->packet[i], sa, b->seq[i]);
	sa_drop(w, sa, b->packet[i].port, b->verdict[i], b->m[i]);
}

// After decap's last half: keeps the accepted packets, now their inner datagrams, with sa beside
// them and what is wrong with their extension headers as verdict; sends the others where their
// verdict says.
static void settle(struct worker *w, struct burst *b, struct sa_in *sa[])
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < b->n; i++) {
		if (unlikely(b->verdict[i] != VERDICT_ACCEPT)) {
			send_elsewhere(w, b, i, sa[i]);
			continue;
		}
		b->verdict[kept] = (uint16_t)classify_upper(b->m[i], &b->packet[i]);
		sa[kept] = sa[i];
		burst_keep(b, i, &kept);
	}
	b->n = kept;
}

// The policy that the inner packet, source and destination exchanged, would meet on its way out
// must lead into the tunnel it came from (RFC 4301 section 5.2 step 4, on a decorrelated SPD).
static enum drop_reason check_selectors(
	const struct spd *spd, uint32_t match, const struct sa_in *sa)
{
	const struct policy *policy;

	if (unlikely(match == SPD_NO_MATCH))
		return DROP_selector_mismatch;
	if (unlikely(match & SPD_FRAGMENT))
		return DROP_fragment_ports;
	policy = spd_policy(spd, match);
	if (unlikely(policy->action != POLICY_PROTECT || policy->tunnel->index != sa->tunnel))
		return DROP_selector_mismatch;
	return DROP_NONE;
}

static void count_delivered(struct worker *w, struct sa_in *sa, uint64_t packets, uint64_t octets)
{
	struct sa_in_lane *lane = &sa->lane[w->index];

	counter_add(&lane->packets, packets);
	counter_add(&lane->octets, octets);
}

// One of the four is TCP's.
static ALWAYS_INLINE bool are_tcp(const struct packet packet[4])
{
	four protocol = packet_four(packet).begin & PACKET_BEGIN(0, UINT8_MAX, 0);

	return four_any((four)(protocol == PACKET_BEGIN(0, IP_PROTOCOL_TCP, 0)));
}

// Packets first .. end-1, sound ones, go on from a tunnel. Returns their octets.
static ALWAYS_INLINE uint64_t leave_tunnel(
	struct burst *b, uint16_t first, uint16_t end, const struct tunnel *tunnel)
{
	uint64_t octets = 0;
	unsigned i = first;

	for (; i + 4 <= end && !are_tcp(&b->packet[i]); i += 4) {
		octets += four_sum(pkt_four_octets(&b->m[i]));
		for (unsigned k = 0; k < 4; k++)
			b->packet[i + k].tunnel = tunnel->index;
	}
	for (; i < end; i++) {
		octets += b->m[i]->pkt_len;
		tcp_mss_clamp(b->m[i], &b->packet[i], &tunnel->mss);
		b->packet[i].tunnel = tunnel->index;
	}
	return octets;
}

// Those of packets first .. end-1 that are not sound, or whose policy says so, end; the others
// stay, from number first on. Returns where they end.
static uint16_t refuse_delivery(struct worker *w, struct burst *b, uint16_t first, uint16_t end,
	struct sa_in *sa, enum drop_reason mismatch)
{
	uint16_t kept = first;

	for (uint16_t i = first; i < end; i++) {
		enum drop_reason reason = b->verdict[i];

		if (reason == DROP_NONE)
			reason = mismatch;
		if (!ip_source_forwardable(rte_pktmbuf_mtod(b->m[i], const uint8_t *)))
			reason = DROP_ip_source;
		if (reason == DROP_NONE) {
			burst_keep(b, i, &kept);
			continue;
		}
		audit_inner(w, reason, b->m[i], &b->packet[i], sa);
		sa_drop(w, sa, b->packet[i].port, reason, b->m[i]);
	}
	return kept;
}

// Packets first .. end-1 came by one SA and meet one policy. sound: nothing is wrong with any of
// them. Forwards those that it may.
static void deliver_run(struct worker *w, struct burst *b, uint16_t first, uint16_t end,
	struct sa_in *sa, bool sound, uint16_t *kept)
{
	enum drop_reason mismatch = check_selectors(w->tables.spd, b->match[first], sa);
	const struct tunnel *tunnel;
	uint64_t octets;

	if (unlikely(!sound || mismatch != DROP_NONE))
		end = refuse_delivery(w, b, first, end, sa, mismatch);
	if (end == first)
		return;
	tunnel = spd_policy(w->tables.spd, b->match[first])->tunnel;
	octets = leave_tunnel(b, first, end, tunnel);
	count_delivered(w, sa, end - first, octets);
	burst_keep_run(b, first, end, kept);
}

// Inner datagrams, committed: selectors, then the route. one_sa: they came by one; plain: as
// flow_lookup asks, and nothing is wrong with any of them.
static void deliver(struct worker *w, struct burst *b, struct sa_in *sa[], bool one_sa, bool plain)
{
	struct flow_all all = flow_lookup(w, SPD_IN, b, plain);
	bool one_run = one_sa && all.one_policy;
	uint16_t kept = 0;

	for (uint16_t first = 0, end; first < b->n; first = end) {
		for (end = one_run ? b->n : first + 1;
			end < b->n && sa[end] == sa[first] && b->match[end] == b->match[first];
			end++)
			;
		deliver_run(w, b, first, end, sa[first], plain && all.forwardable, &kept);
	}
	b->n = kept;
	stage_end(&w->clock, STAGE_policy);
	if (kept > 0 && all.one_hop)
		forward_run(w, b, 0, kept, b->next[0], plain ? FORWARD_IPV4 : FORWARD_EITHER,
			FORWARD_DECRYPTED);
	else
		forward_burst(w, b, FORWARD_DECRYPTED);
	stage_end(&w->clock, STAGE_route);
}

static ALWAYS_INLINE uint16_t run_end(
	const struct burst *b, struct sa_in *const sa[], uint16_t first, bool one_sa)
{
	uint16_t end = one_sa ? b->n : first + 1;

	while (end < b->n && sa[end] == sa[first])
		end++;
	return end;
}

static void decapsulate(struct worker *w, struct burst *b, struct sa_in *sa[], bool one_sa)
{
	bool authentic, plain = true;
	uint16_t end;

	w->batch.n = 0;
	for (uint16_t first = 0; first < b->n; first = end) {
		end = run_end(b, sa, first, one_sa);
		sa[first]->proto->decap(
			sa[first], w->index, b, first, (uint16_t)(end - first), &w->batch);
	}
	stage_end(&w->clock, STAGE_headers);
	// All of one SA, they are of one key.
	if (likely(one_sa))
		authentic = aead_open_run(w->aead, w->batch.op, w->batch.n);
	else
		authentic = aead_open_burst(w->aead, w->batch.op, w->batch.n);
	stage_end(&w->clock, STAGE_crypto);
	if (unlikely(!authentic))
		aead_batch_judge(&w->batch, b);
	for (uint16_t first = 0; first < b->n; first = end) {
		end = run_end(b, sa, first, one_sa);
		plain &= sa[first]->proto->finish(
			sa[first], w->index, b, first, (uint16_t)(end - first));
	}
	if (unlikely(!plain))
		settle(w, b, sa);
	stage_end(&w->clock, STAGE_commit);
	if (b->n > 0)
		deliver(w, b, sa, one_sa, plain);
}

static void move_to_clear(struct worker *w, const struct burst *b, uint16_t i)
{
	w->bypass.m[w->bypass.n] = b->m[i];
	w->bypass.packet[w->bypass.n++] = b->packet[i];
}

// Without an SA a packet may still be a host's own tunnel on its way through. Its SPI means nothing
// here, whatever SA of ours has the same.
static bool may_be_in_transit(
	const struct worker *w, enum drop_reason reason, const struct rte_mbuf *m)
{
	struct ip_addr to;

	if (reason != DROP_sa_outer_address)
		return reason == DROP_no_sa;
	to = ip_destination(rte_pktmbuf_mtod(m, const uint8_t *));
	return fwd_lookup_addr(w->tables.fwd, &to)->kind != ADJACENCY_LOCAL;
}

// Of a burst in which not all packets have one SA: keeps those that have any. What may be in
// transit goes the way of clear packets.
static void keep_known(struct worker *w, struct burst *b, struct sa_in *sa[])
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < b->n; i++) {
		if (sa[i] != NULL) {
			sa[kept] = sa[i];
			burst_keep(b, i, &kept);
		} else if (may_be_in_transit(w, b->verdict[i], b->m[i])) {
			move_to_clear(w, b, i);
		} else {
			audit_stranger(w, b->verdict[i], b->m[i], &b->packet[i]);
			if (b->verdict[i] == DROP_sa_outer_address)
				peer_address_look(w, b->m[i], &b->packet[i]);
			drop_packet(w, b->packet[i].port, b->verdict[i], b->m[i]);
		}
	}
	b->n = kept;
}

static enum drop_reason clear_refusal(const struct spd *spd, uint32_t match)
{
	if (match == SPD_NO_MATCH)
		return DROP_policy_none;
	if (match & SPD_FRAGMENT)
		return DROP_fragment_ports;
	switch (spd_policy(spd, match)->action) {
	case POLICY_PROTECT:
		return DROP_clear_protected;
	case POLICY_DISCARD:
		return DROP_policy_discard;
	default:
		return DROP_NONE;
	}
}

// Clear packets from the wire, for the gateway itself or through it: by a policy that says bypass.
static void path_in_clear(struct worker *w, struct burst *b)
{
	struct spd *spd = w->tables.spd;
	uint16_t kept = 0;

	flow_lookup(w, SPD_IN, b, false);
	local_take_vital(w, b);
	for (uint16_t i = 0; i < b->n; i++) {
		enum drop_reason reason = clear_refusal(spd, b->match[i]);

		if (b->match[i] != SPD_NO_MATCH)
			spd_hit(spd, w->index, b->match[i] & ~SPD_FRAGMENT, 1);
		if (reason == DROP_NONE && unlikely(local_source_inside(w, b->m[i])))
			reason = DROP_source_inside;
		if (reason != DROP_NONE) {
			audit_clear(w, reason, b->m[i], &b->packet[i]);
			drop_packet(w, b->packet[i].port, reason, b->m[i]);
			continue;
		}
		if (b->packet[i].flags & PACKET_LOCAL) {
			local_deliver(w, b->m[i], &b->packet[i]);
			continue;
		}
		burst_keep(b, i, &kept);
	}
	b->n = kept;
	if (kept > 0)
		forward_burst(w, b, FORWARD_TRANSIT);
}

// A fragment of a tunnel packet from the peer of an SA. IPv6's sender puts the fragment header
// right behind IPv6's own, for the headers that tunnel packets have.
static bool is_in_pieces(
	const struct worker *w, const struct rte_mbuf *m, const struct packet *packet)
{
	const struct sadb *sadb = w->tables.sadb;
	const uint8_t *header = rte_pktmbuf_mtod(m, const uint8_t *);

	if (packet->protocol != IP_PROTOCOL_ESP)
		return false;
	if ((packet->flags & PACKET_IPV6) &&
		(header[IPV6_NEXT_HEADER] != IP_PROTOCOL_FRAGMENT ||
			header[IPV6_HEADER] != IP_PROTOCOL_ESP))
		return false;
	return sadb_has_peer(sadb, header);
}

// True if packet i may go on, perhaps as the datagram that its fragment completed.
static bool gather(struct worker *w, struct burst *b, uint16_t i)
{
	if (!is_in_pieces(w, b->m[i], &b->packet[i]))
		return true;
	b->m[i] = reassembly_add(w, b->m[i], &b->packet[i], rte_rdtsc());
	return b->m[i] != NULL;
}

static ALWAYS_INLINE bool is_tunnel(const struct packet *packet)
{
	return packet->protocol == IP_PROTOCOL_ESP && !(packet->flags & PACKET_FRAGMENT);
}

// Tunnel packets stay in b, others move to the worker's second burst.
static void split(struct worker *w, struct burst *b)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < b->n; i++) {
		if ((b->packet[i].flags & PACKET_FRAGMENT) && !gather(w, b, i))
			continue;
		if (is_tunnel(&b->packet[i]))
			burst_keep(b, i, &kept);
		else
			move_to_clear(w, b, i);
	}
	b->n = kept;
}

void path_in(struct worker *w, struct classified all)
{
	struct sa_in *sa[BURST_MAX];
	struct burst *b = &w->burst;
	bool one_sa;

	w->bypass.n = 0;
	if (unlikely(!all.tunnels))
		split(w, b);
	one_sa = sadb_lookup(w->tables.sadb, b, sa, &w->last_in, all.plain);
	if (unlikely(!one_sa))
		keep_known(w, b, sa);
	stage_end(&w->clock, STAGE_sa);
	if (b->n > 0)
		decapsulate(w, b, sa, one_sa);
	if (w->bypass.n > 0)
		path_in_clear(w, &w->bypass);
}

void path_in_commit(struct worker *w, struct rte_mbuf *m[], uint16_t n)
{
	struct sa_in *sa[BURST_MAX];
	struct burst *b = &w->burst;
	uint16_t end;

	b->n = n;
	for (uint16_t i = 0; i < n; i++) {
		const struct meta *meta = meta_of(m[i]);

		b->m[i] = m[i];
		b->packet[i] = meta->packet;
		b->seq[i] = meta->seq;
		sa[i] = meta->sa;
	}
	for (uint16_t first = 0; first < n; first = end) {
		end = run_end(b, sa, first, false);
		sa[first]->proto->commit(sa[first], w->index, b, first, (uint16_t)(end - first));
	}
	settle(w, b, sa);
	stage_end(&w->clock, STAGE_commit);
	if (b->n > 0)
		deliver(w, b, sa, false, false);
}
