// VPE, sending: inner datagrams become packets that only lack their encryption.
#include "proto/lane.h"
#include "proto/pkt.h"
#include "proto/vpe/vpe.h"
#include "proto/vpe/vpe_hdr.h"

// Each lane counts by itself: their numbers, interleaved, are an identification that no two packets
// of late have.
static ALWAYS_INLINE uint16_t ip_id(const struct sa_out *sa, uint32_t id_word, uint64_t seq)
{
	return (uint16_t)(seq * sa->lanes_used + vpe_window_id(id_word));
}

static ALWAYS_INLINE enum drop_reason encap_packet(const struct sa_out *sa, struct rte_mbuf *m,
	uint32_t id_word, uint64_t seq, struct aead_op *op, const bool ipv6)
{
	uint8_t *inner = rte_pktmbuf_mtod(m, uint8_t *);
	uint8_t traffic_class = outer_traffic_class(&sa->outer, inner);
	uint16_t octets = m->data_len;
	uint8_t *outer = pkt_prepend(m, (uint16_t)(outer_octets(ipv6) + VPE_HEADER));
	uint8_t *vpe;

	if (unlikely(outer == NULL))
		return DROP_no_room;
	vpe = outer + outer_octets(ipv6);
	outer_write(&sa->outer, outer, ipv6, (uint16_t)(VPE_HEADER + octets), traffic_class,
		outer_flow_label(id_word));
	outer_write_df(&sa->outer, outer, inner, ip_id(sa, id_word, seq));
	vpe_write(vpe, id_word, seq, sa->spi);
	aead_op_write(op, sa->key, vpe + VPE_NONCE, 0, inner, octets, vpe + VPE_ICV);
	return DROP_NONE;
}

static ALWAYS_INLINE void encap(struct sa_out *sa, uint16_t worker, struct burst *b, uint16_t first,
	uint16_t n, struct aead_batch *batch, const bool ipv6)
{
	unsigned end = (unsigned)first + n;
	struct lane_run run = lane_begin(&sa->lane[worker]);
	uint32_t id_word = vpe_id_word(sa->sender_id, run.lane->window_id);
	struct aead_op *op = &batch->op[batch->n];

	burst_accept(b, first, n);
	for (unsigned i = first; i < end; i++) {
		uint16_t inner_octets = b->m[i]->data_len;
		enum drop_reason reason;

		if (unlikely(!lane_has_number(&run))) {
			b->verdict[i] = lane_refusal(&run);
			continue;
		}
		reason = encap_packet(sa, b->m[i], id_word, run.seq, op, ipv6);
		if (unlikely(reason != DROP_NONE)) {
			b->verdict[i] = (uint16_t)reason;
			continue;
		}
		op++;
		lane_take(&run, inner_octets);
	}
	batch->n = (unsigned)(op - batch->op);
	lane_end(&run);
}

void vpe_encap(struct sa_out *sa, uint16_t worker, struct burst *b, uint16_t first, uint16_t n,
	struct aead_batch *batch)
{
	if (sa->ipv6)
		encap(sa, worker, b, first, n, batch, true);
	else
		encap(sa, worker, b, first, n, batch, false);
}
