// The way of the gateway's own packets: errors, which quote what they are about and may go no
// further than that might.
#include "dataplane/path_own.h"

#include "dataplane/classify.h"
#include "dataplane/dataplane.h"
#include "dataplane/drop.h"
#include "dataplane/flow.h"
#include "dataplane/forward.h"
#include "dataplane/path_out.h"

// Policies stand between the protected and the unprotected side: what the gateway sends to its
// protected side does not cross.
static bool crosses(const struct worker *w, const struct adjacency *adjacency)
{
	if (adjacency->kind == ADJACENCY_LOCAL)
		return false;
	return adjacency->kind < ADJACENCY_LINK ||
		w->dp->port[adjacency->port].side == PORT_UNPROTECTED;
}

static bool leads_back(const struct spd *spd, uint32_t match, uint16_t tunnel)
{
	const struct policy *policy;

	if (match == SPD_NO_MATCH || (match & SPD_FRAGMENT))
		return false;
	policy = spd_policy(spd, match);
	return policy->action == POLICY_PROTECT && policy->tunnel->index == tunnel;
}

enum drop_reason path_own_refusal(
	const struct spd *spd, uint32_t match, enum meta_about about, uint16_t tunnel)
{
	enum drop_reason reason;

	if (about == ABOUT_TUNNEL)
		return leads_back(spd, match, tunnel) ? DROP_NONE : DROP_answer_unprotected;
	reason = path_out_refusal(spd, match);
	if (reason == DROP_NONE && spd_policy(spd, match)->action == POLICY_PROTECT)
		return DROP_answer_protected;
	return reason;
}

static void drop_own(struct worker *w, const struct burst *b, uint16_t i, enum drop_reason reason)
{
	drop_packet(w, b->packet[i].port, reason, b->m[i]);
}

void path_own_refuse(struct worker *w, struct burst *b, uint16_t i, enum drop_reason reason)
{
	if (b->match[i] != SPD_NO_MATCH)
		spd_hit(w->tables.spd, w->index, b->match[i] & ~SPD_FRAGMENT, 1);
	drop_own(w, b, i, reason);
}

// True if the packet is on its way, by a policy that lets it; else it stays inside, or is gone, and
// nobody is told. What came from the protected side stays there, whatever a policy lets pass; what
// came from the wire does not get there.
static bool send_own(struct worker *w, struct burst *b, uint16_t i)
{
	const struct meta *meta = meta_of(b->m[i]);
	bool out = crosses(w, b->next[i]);
	enum drop_reason reason;

	if (meta->about == ABOUT_INSIDE && out) {
		drop_own(w, b, i, DROP_answer_unprotected);
		return false;
	}
	if (meta->about == ABOUT_INSIDE) {
		burst_move(&w->inside, b, i);
		return false;
	}
	if (meta->about == ABOUT_CLEAR && !out) {
		drop_own(w, b, i, DROP_answer_protected);
		return false;
	}
	reason = path_own_refusal(w->tables.spd, b->match[i], meta->about, meta->tunnel);
	if (reason == DROP_NONE)
		return true;
	path_own_refuse(w, b, i, reason);
	return false;
}

void path_own(struct worker *w, struct rte_mbuf *m[], uint16_t n)
{
	struct burst *b = &w->burst;
	uint16_t kept = 0;

	b->n = 0;
	for (uint16_t i = 0; i < n; i++) {
		struct packet *packet = &b->packet[b->n];
		enum drop_reason reason = classify_upper(m[i], packet);

		packet->port = meta_of(m[i])->port;
		if (reason == DROP_NONE)
			b->m[b->n++] = m[i];
		else
			drop_packet(w, packet->port, reason, m[i]);
	}
	flow_lookup(w, SPD_OUT, b, false);
	w->inside.n = 0;
	for (uint16_t i = 0; i < b->n; i++) {
		if (send_own(w, b, i))
			burst_keep(b, i, &kept);
	}
	b->n = kept;
	forward_burst(w, &w->inside, FORWARD_INSIDE);
	if (b->n > 0)
		path_out_policies(w, b, false, FORWARD_EITHER, FORWARD_OWN);
}
