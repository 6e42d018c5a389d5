// Sends back what it receives.
#include "bench/traffic/reflector.h"

#include "base/counter.h"
#include "bench/traffic/swap.h"

#include <rte_ethdev.h>

// A full queue is offered the rest a few more times before it is dropped.
#define TX_TRIES 4

static void send_back(struct reflector *r, struct rte_mbuf **m, uint16_t n)
{
	uint16_t sent = 0;

	for (unsigned try = 0; sent < n && try < TX_TRIES; try++)
		sent = (uint16_t)(sent +
			rte_eth_tx_burst(r->device, r->queue, m + sent, (uint16_t)(n - sent)));
	counter_add(&r->counters.reflected, sent);
	if (unlikely(sent < n)) {
		counter_add(&r->counters.full, n - sent);
		rte_pktmbuf_free_bulk(m + sent, n - sent);
	}
}

// What is not sent back.
static void take_other(struct reflector *r, const struct rte_mbuf *m)
{
	uint8_t reply[STATION_FRAME_MAX];
	uint32_t octets =
		station_hear(&r->station, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, reply);
	struct rte_mbuf *answer = octets == 0 ? NULL : rte_pktmbuf_alloc(r->pool);

	if (answer == NULL) {
		counter_add(&r->counters.other, 1);
		return;
	}
	memcpy(rte_pktmbuf_mtod(answer, void *), reply, octets);
	answer->data_len = (uint16_t)octets;
	answer->pkt_len = octets;
	if (rte_eth_tx_burst(r->device, r->queue, &answer, 1) == 1)
		counter_add(&r->counters.answers, 1);
	else
		rte_pktmbuf_free(answer);
}

unsigned reflector_turn(struct reflector *r)
{
	struct rte_mbuf *in[REFLECTOR_BURST];
	struct rte_mbuf *out[REFLECTOR_BURST * FAULT_OUT_MAX];
	uint16_t n = rte_eth_rx_burst(r->device, r->queue, in, REFLECTOR_BURST);
	uint16_t leaving = 0;
	uint64_t octets = 0;

	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = in[i];

		if (i + 4 < n)
			rte_prefetch0(rte_pktmbuf_mtod(in[i + 4], void *));
		octets += m->pkt_len;
		if (unlikely(!swap_frame(
			    r->station.mac, rte_pktmbuf_mtod(m, uint8_t *), m->data_len))) {
			take_other(r, m);
			rte_pktmbuf_free(m);
		} else if (unlikely(r->faulty)) {
			fault_take(&r->fault, m, out, &leaving);
		} else {
			out[leaving++] = m;
		}
	}
	counter_add(&r->counters.received, n);
	counter_add(&r->counters.octets, octets);
	if (leaving > 0)
		send_back(r, out, leaving);
	return n;
}
