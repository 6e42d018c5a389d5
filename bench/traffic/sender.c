// Sends measuring packets: a burst is written when it is due, and stamped again whenever the port
// had no room for it.
#include "bench/traffic/sender.h"

#include "base/counter.h"

#include <errno.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <stdlib.h>

int sender_create_flows(
	struct sender *sender, const struct flow_plan *plan, uint32_t first, uint32_t step)
{
	sender->flows = (plan->flows - first + step - 1) / step;
	sender->flow = calloc(sender->flows, sizeof(*sender->flow));
	if (sender->flow == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < sender->flows; i++) {
		struct flow *flow = &sender->flow[i];

		flow_init(flow, plan, first + i * step);
		// Neighbours begin at different places of the mix, so that no size belongs to some
		// flows.
		flow->slot = (uint16_t)(flow->index % sender->sizes->n);
	}
	return 0;
}

static void offload_checksums(struct rte_mbuf *m, bool v6)
{
	m->l2_len = FLOW_ETHER;
	m->l3_len = v6 ? IPV6_HEADER : IPV4_HEADER_MIN;
	m->ol_flags |= RTE_MBUF_F_TX_UDP_CKSUM |
		(v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM);
}

static void write_at(struct sender *s, uint16_t i, uint64_t now)
{
	struct rte_mbuf *m = s->m[i];
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);

	if (s->v6)
		flow_write(s->owner[i], true, s->offload, frame, m->data_len, s->number[i], now);
	else
		flow_write(s->owner[i], false, s->offload, frame, m->data_len, s->number[i], now);
}

static void write_next(struct sender *s, uint64_t now)
{
	struct flow *flow = &s->flow[s->at];
	uint16_t octets = s->sizes->value[flow->slot];
	struct rte_mbuf *m = s->m[s->written];

	s->at = s->at + 1 == s->flows ? 0 : s->at + 1;
	flow->slot = flow->slot + 1u == s->sizes->n ? 0 : (uint16_t)(flow->slot + 1);
	m->data_len = octets;
	m->pkt_len = octets;
	if (s->offload)
		offload_checksums(m, s->v6);
	s->owner[s->written] = flow;
	s->number[s->written] = flow->number++;
	write_at(s, s->written++, now);
	pace_take(&s->pace, octets - FLOW_ETHER);
	s->left--;
}

static void compose(struct sender *s, uint64_t now)
{
	pace_catch_up(&s->pace, now, s->catch_up);
	if (s->left == 0 || !pace_due(&s->pace, now))
		return;
	if (s->sent == s->filled) {
		s->sent = s->written = s->filled = 0;
		if (rte_pktmbuf_alloc_bulk(s->pool, s->m, s->burst) != 0) {
			counter_add(&s->counters.no_buffer, 1);
			return;
		}
		s->filled = s->burst;
	}
	while (s->written < s->filled && s->left > 0 && pace_due(&s->pace, now))
		write_next(s, now);
}

unsigned sender_turn(struct sender *s)
{
	uint64_t now = rte_rdtsc();
	uint64_t octets = 0;
	uint16_t lengths[SENDER_BURST_MAX];
	uint16_t n;

	if (s->sent == s->written) {
		compose(s, now);
	} else {
		for (uint16_t i = s->sent; i < s->written; i++)
			write_at(s, i, now);
	}
	if (s->sent == s->written)
		return 0;
	// The port may free what it takes.
	for (uint16_t i = s->sent; i < s->written; i++)
		lengths[i] = s->m[i]->data_len;
	n = rte_eth_tx_burst(s->device, s->queue, s->m + s->sent, s->written - s->sent);
	for (uint16_t i = s->sent; i < s->sent + n; i++)
		octets += lengths[i] - (uint64_t)FLOW_ETHER;
	s->sent = (uint16_t)(s->sent + n);
	counter_add(&s->counters.packets, n);
	counter_add(&s->counters.ip_octets, octets);
	if (s->sent < s->written)
		counter_add(&s->counters.full, 1);
	return n;
}

bool sender_done(const struct sender *s)
{
	return s->left == 0 && s->sent == s->written;
}

void sender_stop(struct sender *s)
{
	for (uint16_t i = s->sent; i < s->written; i++)
		s->owner[i]->number--;
	rte_pktmbuf_free_bulk(s->m + s->sent, s->filled - s->sent);
	s->sent = s->written = s->filled = 0;
	s->left = 0;
}

void sender_destroy(struct sender *s)
{
	free(s->flow);
	s->flow = NULL;
}
