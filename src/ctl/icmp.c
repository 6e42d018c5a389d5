// ICMP errors on their way: rules, limits, source address, and down to the workers.
#include "ctl/icmp.h"

#include "ctl/limiter.h"
#include "ctl/mirror.h"
#include "dataplane/punt.h"

#include <errno.h>
#include <stdlib.h>

#define SETS 1024

struct icmp {
	struct dataplane *dp;
	struct mirror *mirror;
	struct limiter *senders;
	struct limiter *total;
	struct icmp_stats stats[ICMP_KIND_COUNT];
};

// The one bucket of all.
static const struct ip_addr everybody = {.family = IP_V4};

int icmp_create(struct dataplane *dp, struct mirror *mirror, struct icmp **created)
{
	struct icmp *icmp = calloc(1, sizeof(*icmp));
	int ret;

	if (!icmp)
		return -ENOMEM;
	icmp->dp = dp;
	icmp->mirror = mirror;
	ret = limiter_create(SETS, ICMP_BURST, ICMP_INTERVAL_MS, &icmp->senders);
	if (ret == 0)
		ret = limiter_create(1, ICMP_TOTAL_BURST, ICMP_TOTAL_INTERVAL_MS, &icmp->total);
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
	limiter_destroy(icmp->senders);
	limiter_destroy(icmp->total);
	free(icmp);
}

static bool send(struct icmp *icmp, enum icmp_kind kind, const struct rte_mbuf *m, uint8_t port,
	const struct ip_addr *source, uint32_t mtu)
{
	struct rte_mbuf *answer = inject_alloc(icmp->dp);
	uint16_t octets;

	if (!answer)
		return false;
	if (rte_pktmbuf_tailroom(answer) < ICMP_MESSAGE_MAX) {
		rte_pktmbuf_free(answer);
		return false;
	}
	octets = (uint16_t)icmp_message_write(kind, rte_pktmbuf_mtod(m, const uint8_t *),
		m->data_len, source, mtu, rte_pktmbuf_mtod(answer, uint8_t *));
	answer->data_len = octets;
	answer->pkt_len = octets;
	return inject(icmp->dp, answer, META_PACKET, port);
}

void icmp_answer(struct icmp *icmp, enum icmp_kind kind, const struct rte_mbuf *m, uint8_t port,
	uint32_t mtu)
{
	const uint8_t *packet = rte_pktmbuf_mtod(m, const uint8_t *);
	struct icmp_stats *stats = &icmp->stats[kind];
	uint64_t now_ms = limiter_now_ms();
	struct ip_addr asker, source;

	if (!icmp_may_answer(kind, packet, m->data_len)) {
		stats->suppressed++;
		return;
	}
	asker = icmp_asker(packet);
	// The sender's own limit first: who asks too much uses up nobody else's.
	if (!limiter_take(icmp->senders, &asker, 0, now_ms) ||
		!limiter_take(icmp->total, &everybody, 0, now_ms)) {
		stats->limited++;
		return;
	}
	if (!mirror_source(icmp->mirror, port, &asker, &source)) {
		stats->no_source++;
		return;
	}
	if (send(icmp, kind, m, port, &source, mtu))
		stats->sent++;
	else
		stats->no_buffer++;
}

const struct icmp_stats *icmp_stats(const struct icmp *icmp, enum icmp_kind kind)
{
	return &icmp->stats[kind];
}
