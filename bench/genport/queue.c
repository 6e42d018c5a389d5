// Receive and transmit queues.
#include "bench/genport/queue.h"

#include "bench/genport/memory.h"

#include <errno.h>
#include <rte_ethdev.h>
#include <stdlib.h>

static uint64_t rearm_word(uint16_t port)
{
	struct rte_mbuf m = {.data_off = RTE_PKTMBUF_HEADROOM, .nb_segs = 1, .port = port};
	uint64_t word;

	rte_mbuf_refcnt_set(&m, 1);
	memcpy(&word, &m.rearm_data, sizeof(word));
	return word;
}

static int fill_ring(struct rx_queue *q)
{
	uint32_t n = q->mask + 1;

	for (uint32_t i = 0; i < n; i += STREAM_BURST_MAX) {
		uint16_t part = (uint16_t)RTE_MIN(n - i, (uint32_t)STREAM_BURST_MAX);

		if (rte_mempool_get_bulk(q->pool, (void **)&q->ring[i], part) != 0)
			return -ENOBUFS;
		stream_write(q->stream, &q->ring[i], part);
	}
	return 0;
}

int rx_queue_start(struct rx_queue *q, const struct stream_params *stream,
	const struct meter_params *meter, uint16_t queue, uint16_t port, uint16_t descriptors)
{
	int rc = stream_create(stream, queue, &q->stream);

	if (rc != 0)
		return rc;
	q->empty = stream_is_empty(q->stream);
	if (q->empty)
		return 0;
	q->mask = rte_align32pow2(descriptors) - 1;
	q->ring = memory_create((q->mask + 1) * sizeof(*q->ring));
	q->packet_type = stream_packet_type(q->stream);
	q->octets = stream_frame_octets(q->stream);
	q->rearm = rearm_word(port);
	if (rte_pktmbuf_data_room_size(q->pool) < RTE_PKTMBUF_HEADROOM + q->octets)
		rc = -EMSGSIZE;
	else
		rc = q->ring == NULL ? -ENOMEM : meter_create(meter, queue, &q->meter);
	if (rc == 0)
		rc = fill_ring(q);
	if (rc != 0)
		rx_queue_stop(q);
	return rc;
}

void rx_queue_stop(struct rx_queue *q)
{
	for (uint32_t i = 0; q->ring != NULL && i <= q->mask; i++) {
		if (q->ring[i] != NULL)
			rte_mempool_put(q->pool, q->ring[i]);
	}
	free(q->ring);
	q->ring = NULL;
	meter_destroy(q->meter);
	q->meter = NULL;
	stream_destroy(q->stream);
	q->stream = NULL;
}

static void hand_out(const struct rx_queue *q, struct rte_mbuf *m)
{
	memcpy(&m->rearm_data, &q->rearm, sizeof(q->rearm));
	m->ol_flags = q->ol_flags;
	m->packet_type = q->packet_type;
	m->pkt_len = q->octets;
	m->data_len = q->octets;
	m->next = NULL;
}

// At most to the ring's end.
static uint16_t take(struct rx_queue *q, struct rte_mbuf **m, uint16_t n)
{
	uint32_t at = q->head & q->mask;
	struct rte_mbuf *fresh[STREAM_BURST_MAX];

	n = (uint16_t)RTE_MIN((uint32_t)n, q->mask + 1 - at);
	if (unlikely(rte_mempool_get_bulk(q->pool, (void **)fresh, n) != 0)) {
		q->no_buffer++;
		return 0;
	}
	for (uint16_t i = 0; i < n; i++) {
		rte_prefetch0(q->ring[(q->head + n + i) & q->mask]);
		m[i] = q->ring[at + i];
		hand_out(q, m[i]);
		q->ring[at + i] = fresh[i];
	}
	stream_write(q->stream, fresh, n);
	q->head += n;
	q->received += n;
	return n;
}

// Between two receive calls. false: nothing to receive now.
static bool measure(struct rx_queue *q)
{
	bool more = meter_turn(q->meter, q->received);

	q->received_until = meter_next(q->meter);
	if (meter_is_done(q->meter) && !q->reported) {
		q->reported = true;
		q->measured();
	}
	return more;
}

uint16_t rx_queue_burst(void *queue, struct rte_mbuf **m, uint16_t n)
{
	struct rx_queue *q = queue;

	if (q->empty)
		return 0;
	if (unlikely(q->received >= q->received_until) && !measure(q))
		return 0;
	return take(q, m, RTE_MIN(n, STREAM_BURST_MAX));
}

int tx_queue_start(struct tx_queue *q, uint16_t descriptors, bool whole_pool, unsigned captures)
{
	q->mask = rte_align32pow2(descriptors) - 1;
	q->ring = memory_create((q->mask + 1) * sizeof(*q->ring));
	q->whole_pool = whole_pool;
	q->captures = captures;
	if (captures > 0)
		q->capture = calloc(captures, sizeof(*q->capture));
	if (q->ring == NULL || (captures > 0 && q->capture == NULL)) {
		tx_queue_stop(q);
		return -ENOMEM;
	}
	return 0;
}

static void give_back(struct tx_queue *q, uint32_t at, uint32_t n)
{
	if (q->whole_pool)
		rte_mempool_put_bulk(q->ring[at]->pool, (void *const *)&q->ring[at], n);
	else
		rte_pktmbuf_free_bulk(&q->ring[at], n);
}

// The oldest n.
static void reclaim(struct tx_queue *q, uint32_t n)
{
	uint32_t at = (q->head - q->used) & q->mask;
	uint32_t first = RTE_MIN(n, q->mask + 1 - at);

	give_back(q, at, first);
	if (n > first)
		give_back(q, 0, n - first);
	q->used -= n;
}

void tx_queue_stop(struct tx_queue *q)
{
	if (q->used > 0)
		reclaim(q, q->used);
	free(q->ring);
	q->ring = NULL;
	free(q->capture);
	q->capture = NULL;
}

static void capture(struct tx_queue *q, struct rte_mbuf *m)
{
	struct capture *c = &q->capture[q->captured++];
	const void *frame;

	q->captures--;
	c->octets = (uint16_t)RTE_MIN(m->pkt_len, sizeof(c->frame));
	frame = rte_pktmbuf_read(m, 0, c->octets, c->frame);
	if (frame != c->frame)
		memcpy(c->frame, frame, c->octets);
}

uint16_t tx_queue_burst(void *queue, struct rte_mbuf **m, uint16_t n)
{
	struct tx_queue *q = queue;
	uint32_t room = q->mask + 1 - q->used;

	n = (uint16_t)RTE_MIN((uint32_t)n, q->mask + 1);
	if (room < n)
		reclaim(q, n - room);
	for (uint16_t i = 0; i < n; i++) {
		q->octets += m[i]->pkt_len;
		if (unlikely(q->captures > 0))
			capture(q, m[i]);
		q->ring[q->head++ & q->mask] = m[i];
	}
	q->used += n;
	q->sent += n;
	meter_sent += n;
	return n;
}

void rx_queue_print(const struct rx_queue *q, const char *before, FILE *to)
{
	fprintf(to,
		"%s{\"received\": %lu, \"no_buffer\": %lu, \"octets\": %u, \"bursts\": ", before,
		q->received, q->no_buffer, q->octets);
	if (q->empty)
		fputs("[]", to);
	else
		meter_print(q->meter, to);
	fputc('}', to);
}

void tx_queue_print(const struct tx_queue *q, const char *before, FILE *to)
{
	fprintf(to, "%s{\"sent\": %lu, \"octets\": %lu, \"captured\": [", before, q->sent,
		q->octets);
	for (unsigned i = 0; i < q->captured; i++) {
		fputs(i == 0 ? "\"" : ",\n  \"", to);
		for (uint16_t k = 0; k < q->capture[i].octets; k++)
			fprintf(to, "%02x", q->capture[i].frame[k]);
		fputc('"', to);
	}
	fputs("]}", to);
}
