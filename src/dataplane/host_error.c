// The inbound policies tell which way came what an error quotes, as they let it come.
#include "dataplane/host_error.h"

#include "dataplane/local.h"
#include "dataplane/path_own.h"
#include "dataplane/sadb.h"
#include "proto/icmp_quote.h"

// A quote that ends before the ports would meet the policies for packets without any.
static bool is_readable(const struct icmp_quote *quote)
{
	const struct packet *packet = &quote->packet;

	return !selector_protocol_has_ports(packet->protocol) ||
		packet->flags & PACKET_LATER_FRAGMENT || quote->octets >= packet->l4 + 4u;
}

// The policy by which the first packet of b came to us; NULL: none.
static const struct policy *policy_in(const struct spd *spd, const struct burst *b)
{
	uint32_t match;

	spd_lookup(spd, SPD_IN, b, 0, 1, &match);
	return match == SPD_NO_MATCH || match & SPD_FRAGMENT ? NULL : spd_policy(spd, match);
}

static enum drop_reason judge(const struct worker *w, const struct burst *quoted, uint32_t match)
{
	const struct spd *spd = w->tables.spd;
	const struct policy *policy = policy_in(spd, quoted);
	enum drop_reason reason;

	if (policy == NULL || policy->action == POLICY_DISCARD)
		return DROP_answer_unprotected;
	if (policy->action == POLICY_BYPASS)
		return path_own_refusal(spd, match, ABOUT_CLEAR, 0);
	reason = path_own_refusal(spd, match, ABOUT_TUNNEL, policy->tunnel->index);
	// It may as well have come in clear, from anybody.
	if (reason == DROP_NONE &&
		local_needs_no_policy(w->tables.fwd, quoted->m[0], &quoted->packet[0]))
		return DROP_answer_protected;
	return reason;
}

enum drop_reason host_error_refusal(
	struct worker *w, struct rte_mbuf *m, const struct packet *packet, uint32_t match)
{
	uint8_t *header = rte_pktmbuf_mtod(m, uint8_t *);
	struct icmp_quote quote;
	struct rte_mbuf as_it_came;
	struct burst quoted;

	if (likely(!icmp_is_error(header, m->data_len, packet)))
		return DROP_NONE;
	if (!icmp_quote_read(header, m->data_len, packet, &quote) || !is_readable(&quote))
		return DROP_answer_unprotected;
	as_it_came = (struct rte_mbuf){
		.buf_addr = header,
		.data_off = (uint16_t)(quote.header - header),
		.data_len = (uint16_t)quote.octets,
	};
	quoted.n = 1;
	quoted.m[0] = &as_it_came;
	quoted.packet[0] = quote.packet;
	return judge(w, &quoted, match);
}
