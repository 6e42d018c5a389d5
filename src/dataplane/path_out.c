// The outbound path up to its SA, in the order of RFC 4301 section 5.1: for the gateway itself?
// then the policy, then what the tunnel admits.
#include "dataplane/path_out.h"

#include "dataplane/dataplane.h"
#include "dataplane/drop.h"
#include "dataplane/flow.h"
#include "dataplane/forward.h"
#include "dataplane/frag.h"
#include "dataplane/handover.h"
#include "dataplane/local.h"
#include "dataplane/path_encap.h"
#include "dataplane/tell.h"
#include "proto/ip_hdr.h"

static ALWAYS_INLINE bool encrypts_here(const struct worker *w, const struct sa_out *sa)
{
	return sa->owner == SA_NO_OWNER || sa->owner == w->index;
}

// True if it is this worker who encrypts for the SA; else the packet is gone, if it can be to the
// one who does.
static bool keep(
	struct worker *w, struct rte_mbuf *m, const struct packet *packet, struct sa_out *sa)
{
	if (likely(encrypts_here(w, sa)))
		return true;
	*meta_of(m) = (struct meta){.sa = sa, .packet = *packet};
	if (likely(handover(w, sa->owner, m, META_ENCAP))) {
		counter_add(&w->stats.encap_out, 1);
		return false;
	}
	path_encap_drop(w, sa, packet->port, DROP_encap_ring_full);
	drop_free(m);
	return false;
}

static void hand_over_pieces(struct worker *w, struct rte_mbuf *m, const struct packet *packet,
	struct sa_out *sa, uint16_t most)
{
	struct rte_mbuf *piece[FRAG_PIECES_MAX];
	uint16_t n = frag_split(w, packet->port, m, most, piece);

	for (uint16_t i = 0; i < n; i++)
		keep(w, piece[i], packet, sa);
}

// Of a packet that does not just lose a hop and enter: true if it may enter the tunnel here,
// perhaps in pieces of `most` octets; else it is gone.
static bool admit(struct worker *w, struct rte_mbuf *m, const struct packet *packet,
	struct sa_out *sa, uint16_t most, enum forward_origin origin)
{
	uint8_t *header = rte_pktmbuf_mtod(m, uint8_t *);
	bool too_big = m->pkt_len > most;

	if (origin == FORWARD_TRANSIT && unlikely(ip_hop_limit(header) <= 1)) {
		tell_drop(w, m, packet, origin, DROP_ttl_expired, 0);
		return false;
	}
	if (unlikely(too_big && !frag_may_split(m))) {
		path_encap_drop(w, sa, packet->port, DROP_too_big);
		tell_sender(w, m, packet, origin, DROP_too_big, most);
		return false;
	}
	if (origin == FORWARD_TRANSIT)
		ip_decrement_hop_limit(header);
	if (likely(!too_big))
		return keep(w, m, packet, sa);
	if (encrypts_here(w, sa))
		return true;
	hand_over_pieces(w, m, packet, sa, most);
	return false;
}

enum drop_reason path_out_refusal(const struct spd *spd, uint32_t match)
{
	if (match == SPD_NO_MATCH)
		return DROP_policy_none;
	if (match & SPD_FRAGMENT)
		return DROP_fragment_ports;
	return spd_policy(spd, match)->action == POLICY_DISCARD ? DROP_policy_discard : DROP_NONE;
}

static void refuse(struct worker *w, struct rte_mbuf *m, const struct packet *packet,
	enum forward_origin origin, enum drop_reason reason)
{
	if (w->dp->tell_refusals)
		tell_drop(w, m, packet, origin, reason, 0);
	else
		drop_packet(w, packet->port, reason, m);
}

// Of the packets of a burst that go into tunnels here.
struct admitted {
	uint16_t n;
	struct sa_runs runs;
	bool too_big; // some have more octets than the SA admits, and may be split
};

static ALWAYS_INLINE uint16_t enter_family(struct burst *b, uint16_t first, uint16_t end,
	const struct tcp_mss *mss, const uint16_t most[2], const enum forward_family family,
	const enum forward_origin origin)
{
	unsigned at = first;

	for (; at < end; at++) {
		struct rte_mbuf *m = b->m[at];
		bool ipv6 = family == FORWARD_EITHER ? b->packet[at].flags & PACKET_IPV6
						     : family == FORWARD_IPV6;

		if (unlikely(m->pkt_len > most[ipv6] ||
			    !forward_take_hop(rte_pktmbuf_mtod(m, uint8_t *), ipv6, origin)))
			break;
		tcp_mss_clamp(m, &b->packet[at], mss);
	}
	return (uint16_t)at;
}

// Packets first .. end-1 lose a hop and enter a tunnel, up to the first that has more octets than
// `most` says by PACKET_IPV6, or no hop left. Returns its number, or end.
static ALWAYS_INLINE uint16_t enter_whole(struct burst *b, uint16_t first, uint16_t end,
	const struct tcp_mss *mss, const uint16_t most[2], enum forward_family family,
	enum forward_origin origin)
{
	if (likely(family == FORWARD_IPV4 && origin == FORWARD_TRANSIT))
		return enter_family(b, first, end, mss, most, FORWARD_IPV4, FORWARD_TRANSIT);
	return enter_family(b, first, end, mss, most, FORWARD_EITHER, origin);
}

// Packet i does not just enter. True if it may all the same, perhaps in pieces.
static bool admit_other(struct worker *w, struct burst *b, uint16_t i, struct sa_out *sa,
	const struct tunnel *tunnel, const uint16_t most[2], struct admitted *admitted,
	enum forward_origin origin)
{
	struct rte_mbuf *m = b->m[i];
	uint16_t admits = most[b->packet[i].flags & PACKET_IPV6];

	tcp_mss_clamp(m, &b->packet[i], &tunnel->mss);
	if (!admit(w, m, &b->packet[i], sa, admits, origin))
		return false;
	admitted->too_big |= m->pkt_len > admits;
	return true;
}

// Packets first .. end-1 are the tunnel's. Those that go on here stay, admitted beside their new
// places.
static void protect_run(struct worker *w, struct burst *b, uint16_t first, uint16_t end,
	struct tunnel *tunnel, struct admitted *admitted, enum forward_family family,
	enum forward_origin origin)
{
	struct sa_out *sa = atomic_load_explicit(&tunnel->out, memory_order_acquire);
	uint16_t most[2]; // octets that the SA admits, by PACKET_IPV6
	uint16_t here[2]; // that just enter: none if it is another worker who encrypts

	if (unlikely(sa == NULL)) {
		for (uint16_t i = first; i < end; i++) {
			// Which one lacks its SA; where it came out of another, that is told.
			if (origin != FORWARD_DECRYPTED)
				b->packet[i].tunnel = tunnel->index;
			tell_drop(w, b->m[i], &b->packet[i], origin, DROP_no_outbound_sa, 0);
		}
		return;
	}
	most[0] = sa_out_admits(sa, false);
	most[1] = sa_out_admits(sa, true);
	here[0] = encrypts_here(w, sa) ? most[0] : 0;
	here[1] = encrypts_here(w, sa) ? most[1] : 0;
	for (;;) {
		uint16_t at = enter_whole(b, first, end, &tunnel->mss, here, family, origin);

		burst_keep_run(b, first, at, &admitted->n);
		if (likely(at == end))
			break;
		if (admit_other(w, b, at, sa, tunnel, most, admitted, origin))
			burst_keep(b, at, &admitted->n);
		first = at + 1;
	}
	sa_runs_add(&admitted->runs, sa, admitted->n);
}

// Packets first .. end-1 meet the same policy.
static void apply_policy(struct worker *w, struct burst *b, uint16_t first, uint16_t end,
	struct admitted *admitted, enum forward_family family, enum forward_origin origin)
{
	struct spd *spd = w->tables.spd;
	uint32_t match = b->match[first];
	enum drop_reason reason = path_out_refusal(spd, match);
	const struct policy *policy;

	if (match != SPD_NO_MATCH)
		spd_hit(spd, w->index, match & ~SPD_FRAGMENT, end - first);
	if (unlikely(reason != DROP_NONE)) {
		for (uint16_t i = first; i < end; i++)
			refuse(w, b->m[i], &b->packet[i], origin, reason);
		return;
	}
	policy = spd_policy(spd, match);
	if (likely(policy->action == POLICY_PROTECT)) {
		protect_run(w, b, first, end, policy->tunnel, admitted, family, origin);
		return;
	}
	for (uint16_t i = first; i < end; i++)
		burst_move(&w->bypass, b, i);
}

// The packets of b meet the policies: protected ones stay in b, bypassing ones move to the worker's
// second burst.
static void apply_policies(struct worker *w, struct burst *b, bool one_policy,
	struct admitted *admitted, enum forward_family family, enum forward_origin origin)
{
	w->bypass.n = 0;
	admitted->n = 0;
	admitted->runs.n = 0;
	admitted->too_big = false;
	for (uint16_t first = 0, end; first < b->n; first = end) {
		for (end = one_policy ? b->n : first + 1;
			end < b->n && b->match[end] == b->match[first]; end++)
			;
		apply_policy(w, b, first, end, admitted, family, origin);
	}
	b->n = admitted->n;
}

void path_out_policies(struct worker *w, struct burst *b, bool one_policy,
	enum forward_family family, enum forward_origin origin)
{
	struct admitted admitted;

	apply_policies(w, b, one_policy, &admitted, family, origin);
	stage_end(&w->clock, STAGE_policy);
	if (unlikely(admitted.too_big))
		path_encap_split(w, b, &admitted.runs);
	else if (b->n > 0)
		path_encap(w, b, &admitted.runs);
	if (w->bypass.n > 0)
		forward_burst(w, &w->bypass, origin);
}

void path_out(struct worker *w, bool plain)
{
	struct flow_all all = flow_lookup(w, SPD_OUT, &w->burst, plain);

	if (unlikely(!all.forwardable))
		local_take(w, &w->burst);
	if (likely(w->burst.n > 0))
		path_out_policies(w, &w->burst, all.one_policy,
			plain ? FORWARD_IPV4 : FORWARD_EITHER, FORWARD_TRANSIT);
}
