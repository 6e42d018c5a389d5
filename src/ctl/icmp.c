// ICMP errors on their way: what each drop deserves, rules, limits, source address, and down to the
// workers or up to the kernel.
#include "ctl/icmp.h"

#include "ctl/gateway.h"
#include "ctl/host_if.h"
#include "ctl/icmp_source.h"
#include "ctl/limiter.h"
#include "dataplane/forward.h"
#include "dataplane/punt.h"
#include "proto/ip_hdr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SETS 1024
#define MS_PER_SECOND 1000

// What may be sent: to each, and to all. Who is not told that packets are too big stands still; so
// whoever provokes other errors, in the names of many, uses up nothing of that.
struct budget {
	struct limiter *senders;
	struct limiter *total;
};

struct icmp {
	const struct gateway *gateway;
	struct budget too_big;
	struct budget others;
	struct icmp_stats stats[ICMP_KIND_COUNT];
};

// What each drop deserves. Reasons that are not here are nobody's business: packets that are
// malformed or forged, what arrives in clear from the wire and no policy lets pass, what concerns
// keys and numbers, full queues, and blackholes. Policies and tunnels: RFC 4301 section 5.1.
static const struct {
	enum drop_reason reason;
	enum icmp_kind kind;
} owed[] = {
	{DROP_too_big, ICMP_too_big},
	{DROP_packet_too_big, ICMP_too_big},
	{DROP_ttl_expired, ICMP_time_exceeded},
	{DROP_no_route, ICMP_no_route},
	{DROP_clear_protected, ICMP_no_route}, // decrypted, and its route now leads to the wire
	{DROP_route_unreachable, ICMP_route_unreachable},
	{DROP_route_prohibit, ICMP_route_prohibit},
	{DROP_neighbour_failed, ICMP_host_unreachable},
	{DROP_no_outbound_sa, ICMP_host_unreachable},
	{DROP_policy_discard, ICMP_policy_refusal},
	{DROP_policy_none, ICMP_policy_refusal},
	{DROP_fragment_ports, ICMP_policy_refusal},
};

// The one bucket of all.
static const struct ip_addr everybody = {.family = IP_V4};

// Rounded up, so that no more pass than are meant to.
static uint32_t interval_ms(unsigned per_second)
{
	return (MS_PER_SECOND + per_second - 1) / per_second;
}

static int create_budget(const struct config_icmp *config, struct budget *budget)
{
	int ret = limiter_create(SETS, config->burst, interval_ms(config->rate), &budget->senders);

	if (ret < 0)
		return ret;
	return limiter_create(
		1, config->total_burst, interval_ms(config->total_rate), &budget->total);
}

static void destroy_budget(struct budget *budget)
{
	limiter_destroy(budget->senders);
	limiter_destroy(budget->total);
}

// The sender's own limit first: who asks too much uses up nobody else's.
static bool take(const struct budget *budget, const struct ip_addr *asker, uint64_t now_ms)
{
	return limiter_take(budget->senders, asker, 0, now_ms) &&
		limiter_take(budget->total, &everybody, 0, now_ms);
}

int icmp_create(const struct gateway *gateway, struct icmp **created)
{
	const struct config_icmp *config = &gateway->config->icmp;
	struct icmp *icmp = calloc(1, sizeof(*icmp));
	int ret;

	if (!icmp)
		return -ENOMEM;
	icmp->gateway = gateway;
	ret = create_budget(config, &icmp->too_big);
	if (ret == 0)
		ret = create_budget(config, &icmp->others);
	if (ret < 0) {
		icmp_destroy(icmp);
		return ret;
	}
	*created = icmp;
	return 0;
}

void icmp_destroy(struct icmp *icmp)
{
	if (!icmp)
		return;
	destroy_budget(&icmp->too_big);
	destroy_budget(&icmp->others);
	free(icmp);
}

static bool kind_of(enum drop_reason reason, enum icmp_kind *kind)
{
	for (unsigned i = 0; i < sizeof(owed) / sizeof(owed[0]); i++) {
		if (owed[i].reason == reason) {
			*kind = owed[i].kind;
			return true;
		}
	}
	return false;
}

static enum meta_about about_of(const struct icmp *icmp, const struct meta *meta)
{
	if (meta->origin == FORWARD_DECRYPTED)
		return ABOUT_TUNNEL;
	return icmp->gateway->dp->port[meta->port].side == PORT_PROTECTED ? ABOUT_INSIDE
									  : ABOUT_CLEAR;
}

// What fits the tunnel whole: a packet that is too big itself would tell nobody anything.
static size_t most_octets(const struct icmp *icmp, const struct meta *meta)
{
	const struct tunnel *tunnel;
	const struct sa_out *sa = NULL;
	size_t most;

	if (meta->origin != FORWARD_DECRYPTED)
		return ICMP_MESSAGE_MAX;
	tunnel = icmp->gateway->tunnel[meta->tunnel];
	if (tunnel)
		sa = atomic_load_explicit(&tunnel->out, memory_order_acquire);
	most = sa ? sa_out_max_inner(sa) : ICMP_MESSAGE_MAX;
	if (most > ICMP_MESSAGE_MAX)
		return ICMP_MESSAGE_MAX;
	return most < ICMP_MESSAGE_MIN ? ICMP_MESSAGE_MIN : most;
}

// A buffer with the message; NULL: none is left.
static struct rte_mbuf *write(const struct icmp *icmp, enum icmp_kind kind, struct rte_mbuf *m,
	const struct ip_addr *source)
{
	const struct meta *meta = meta_of(m);
	struct rte_mbuf *answer = inject_alloc(icmp->gateway->dp);
	size_t octets;

	if (!answer)
		return NULL;
	if (rte_pktmbuf_tailroom(answer) < ICMP_MESSAGE_MAX) {
		rte_pktmbuf_free(answer);
		return NULL;
	}
	octets = icmp_message_write(kind, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, source,
		meta->mtu, most_octets(icmp, meta), rte_pktmbuf_mtod(answer, uint8_t *));
	answer->data_len = (uint16_t)octets;
	answer->pkt_len = (uint32_t)octets;
	return answer;
}

static void answer_sender(
	struct icmp *icmp, enum icmp_kind kind, struct rte_mbuf *m, const struct ip_addr *asker)
{
	const struct meta *meta = meta_of(m);
	enum meta_about about = about_of(icmp, meta);
	struct icmp_stats *stats = &icmp->stats[kind];
	struct ip_addr source;
	struct rte_mbuf *answer;

	if (!icmp_source(icmp->gateway, about, meta->tunnel, meta->port, asker, &source)) {
		stats->no_source++;
		return;
	}
	answer = write(icmp, kind, m, &source);
	if (answer) {
		meta_of(answer)->about = (uint8_t)about;
		meta_of(answer)->tunnel = meta->tunnel;
	}
	if (answer && inject(icmp->gateway->dp, answer, META_PACKET, meta->port))
		stats->sent++;
	else
		stats->no_buffer++;
}

// The sender is our own kernel, which takes nothing that comes from one of its own addresses. So it
// is told in the name of who the packet was for, by the interface that it routed the packet to:
// whatever it checks of a source holds for that one.
static void answer_kernel(struct icmp *icmp, enum icmp_kind kind, struct rte_mbuf *m)
{
	const struct meta *meta = meta_of(m);
	struct host_if *host_if = icmp->gateway->host_if[meta->port];
	struct ip_addr source = ip_destination(rte_pktmbuf_mtod(m, const uint8_t *));
	struct icmp_stats *stats = &icmp->stats[kind];
	struct rte_mbuf *answer;

	if (!host_if || ip_addr_is_multicast(&source)) {
		stats->no_source++;
		return;
	}
	answer = write(icmp, kind, m, &source);
	if (!answer || !rte_pktmbuf_prepend(answer, RTE_ETHER_HDR_LEN)) {
		rte_pktmbuf_free(answer);
		stats->no_buffer++;
		return;
	}
	punt_ether(rte_pktmbuf_mtod(answer, uint8_t *), &icmp->gateway->dp->port[meta->port].mac,
		source.family);
	host_if_write(host_if, answer);
	stats->sent++;
}

bool icmp_answer(struct icmp *icmp, struct rte_mbuf *m)
{
	const struct meta *meta = meta_of(m);
	const uint8_t *packet = rte_pktmbuf_mtod(m, const uint8_t *);
	enum icmp_kind kind;
	struct ip_addr asker;

	if (!kind_of(meta->reason, &kind))
		return false;
	if (!icmp_may_answer(kind, packet, m->data_len)) {
		icmp->stats[kind].suppressed++;
		return true;
	}
	asker = ip_source(packet);
	if (!take(kind == ICMP_too_big ? &icmp->too_big : &icmp->others, &asker, limiter_now_ms()))
		icmp->stats[kind].limited++;
	else if (meta->origin == FORWARD_OWN)
		answer_kernel(icmp, kind, m);
	else
		answer_sender(icmp, kind, m, &asker);
	return true;
}

const struct icmp_stats *icmp_stats(const struct icmp *icmp, enum icmp_kind kind)
{
	return &icmp->stats[kind];
}
