// VPE, receiving, in the order of docs/vpe-protocol.md: length, Sender and window, replay check;
// then (the packet is authentic) replay commit, strip, inner checks. The SA was found by the
// caller.
#include "proto/inner.h"
#include "proto/vpe/vpe.h"
#include "proto/vpe/vpe_hdr.h"

// The window that the packet before was of, which the next one mostly is of too.
struct last {
	uint32_t id_word; // 0: none
	bool mine;
	struct window_slot *slot;
};

static ALWAYS_INLINE enum drop_reason check_header(struct sa_in *sa, uint16_t worker,
	const uint8_t *vpe, uint32_t octets, uint64_t *seq, struct last *last)
{
	uint32_t id_word;

	if (unlikely(octets < VPE_MIN))
		return DROP_runt;
	id_word = load_le32(vpe);
	if (unlikely(id_word == 0))
		return DROP_vpe_id_zero;
	*seq = load_le64(vpe + VPE_SEQUENCE);
	if (unlikely(*seq == 0))
		return DROP_seq_zero;
	if (unlikely(*seq == VPE_SEQ_MAX))
		return DROP_seq_max;
	if (unlikely(load_le16(vpe + VPE_SENDER_ID) != sa->sender_id))
		return DROP_sender_unknown;
	if (unlikely(id_word != last->id_word)) {
		last->id_word = id_word;
		last->slot = window_find(sa->windows, id_word);
		last->mine = last->slot != NULL && window_owner(last->slot) == worker;
	}
	return last->mine ? window_check(last->slot, *seq) : DROP_NONE;
}

void vpe_decap(struct sa_in *sa, uint16_t worker, struct burst *b, uint16_t first, uint16_t n,
	struct aead_batch *batch)
{
	struct last last = {0};
	unsigned ops = batch->n;

	for (uint16_t i = first; i < first + n; i++) {
		struct rte_mbuf *m = b->m[i];
		uint8_t *vpe = rte_pktmbuf_mtod_offset(m, uint8_t *, b->packet[i].l4);
		uint32_t octets = (uint32_t)m->data_len - b->packet[i].l4;

		b->verdict[i] = (uint16_t)check_header(sa, worker, vpe, octets, &b->seq[i], &last);
		if (unlikely(b->verdict[i] != VERDICT_ACCEPT))
			continue;
		b->slot[i] = last.slot;
		batch->op[ops] = (struct aead_op){
			.key = sa->key,
			.nonce = vpe + VPE_NONCE,
			.data = vpe + VPE_HEADER,
			.octets = octets - VPE_HEADER,
			.tag = vpe + VPE_ICV,
		};
		batch->packet[ops++] = i;
	}
	batch->n = ops;
}

static ALWAYS_INLINE uint16_t commit_packet(
	struct rte_mbuf *m, uint16_t l4, struct window_slot *slot, uint64_t seq)
{
	const uint8_t *outer = rte_pktmbuf_mtod(m, const uint8_t *);
	const uint8_t *plaintext = outer + l4 + VPE_HEADER;
	uint16_t verdict = window_commit(slot, seq);

	if (unlikely(verdict != VERDICT_ACCEPT))
		return verdict;
	if (unlikely(plaintext[0] == 0))
		return DROP_fill;
	return (uint16_t)inner_release(m, (uint16_t)(l4 + VPE_HEADER),
		(uint32_t)m->data_len - l4 - VPE_HEADER, ip_traffic_class(outer));
}

static uint32_t id_word_of(struct rte_mbuf *m, uint16_t l4)
{
	return load_le32(rte_pktmbuf_mtod_offset(m, const uint8_t *, l4));
}

void vpe_finish(struct sa_in *sa, uint16_t worker, struct burst *b, uint16_t first, uint16_t n)
{
	for (uint16_t i = first; i < first + n; i++) {
		uint16_t l4 = b->packet[i].l4;

		if (unlikely(b->verdict[i] != VERDICT_ACCEPT))
			continue;
		if (unlikely(b->slot[i] == NULL))
			b->verdict[i] = (uint16_t)window_claim(sa->windows, sa->pool,
				id_word_of(b->m[i], l4), worker, &b->slot[i]);
		if (unlikely(b->verdict[i] != VERDICT_ACCEPT))
			continue;
		if (unlikely(window_owner(b->slot[i]) != worker))
			b->verdict[i] = VERDICT_OWNER | window_owner(b->slot[i]);
		else
			b->verdict[i] = commit_packet(b->m[i], l4, b->slot[i], b->seq[i]);
	}
}

void vpe_commit(struct sa_in *sa, uint16_t worker, struct burst *b, uint16_t first, uint16_t n)
{
	(void)worker;
	for (uint16_t i = first; i < first + n; i++) {
		uint16_t l4 = b->packet[i].l4;
		struct window_slot *slot = window_find(sa->windows, id_word_of(b->m[i], l4));

		b->verdict[i] = commit_packet(b->m[i], l4, slot, b->seq[i]);
	}
}
