// VPE, receiving, in the order of docs/vpe-protocol.md: length, Sender and window, replay check;
// then (the packet is authentic) replay commit, strip, inner checks. The SA was found by the
// caller.
#include "proto/inner.h"
#include "proto/vpe/vpe.h"
#include "proto/vpe/vpe_hdr.h"

// The window that the packet before was of, which the next one mostly is of too.
struct last {
	uint64_t id_word; // above 32 bits: none
	struct window_slot *slot;
	struct window_slot *mine; // NULL: the window is another worker's, or nobody's
	struct window_ahead ahead;
};

// The header of a packet of another window than the one before, or with a number that never is.
static enum drop_reason check_other(
	struct sa_in *sa, uint16_t worker, uint32_t id_word, uint64_t seq, struct last *last)
{
	if (id_word == 0)
		return DROP_vpe_id_zero;
	if (seq == 0)
		return DROP_seq_zero;
	if (seq == VPE_SEQ_MAX)
		return DROP_seq_max;
	if ((id_word & 0xffff) != sa->sender_id)
		return DROP_sender_unknown;
	last->id_word = id_word;
	last->slot = window_find(sa->windows, id_word);
	last->mine = window_mine(last->slot, worker, &last->ahead);
	return DROP_NONE;
}

static ALWAYS_INLINE enum drop_reason check_header(struct sa_in *sa, uint16_t worker,
	const uint8_t *vpe, uint32_t octets, uint64_t *seq, struct last *last)
{
	enum drop_reason reason = DROP_NONE;
	uint32_t id_word;

	if (unlikely(octets < VPE_MIN))
		return DROP_runt;
	id_word = load_le32(vpe);
	*seq = load_le64(vpe + VPE_SEQUENCE);
	if (likely(id_word == last->id_word) && window_is_ahead(last->ahead, *seq))
		return DROP_NONE;
	// The two numbers that never are stand side by side.
	if (unlikely(id_word != last->id_word || *seq + 1 <= 1))
		reason = check_other(sa, worker, id_word, *seq, last);
	if (unlikely(reason != DROP_NONE || last->mine == NULL))
		return reason;
	return window_check(last->mine, *seq);
}

void vpe_decap(struct sa_in *sa, uint16_t worker, struct burst *b, uint16_t first, uint16_t n,
	struct aead_batch *batch)
{
	unsigned end = (unsigned)first + n;
	struct last last = {.id_word = UINT64_MAX};
	struct aead_op *op = &batch->op[batch->n];

	burst_accept(b, first, n);
	for (unsigned i = first; i < end; i++) {
		struct rte_mbuf *m = b->m[i];
		uint8_t *vpe = rte_pktmbuf_mtod_offset(m, uint8_t *, b->packet[i].l4);
		uint32_t octets = (uint32_t)m->data_len - b->packet[i].l4;
		enum drop_reason reason;

		reason = check_header(sa, worker, vpe, octets, &b->seq[i], &last);
		if (unlikely(reason != DROP_NONE)) {
			b->verdict[i] = (uint16_t)reason;
			continue;
		}
		b->slot[i] = last.slot;
		aead_op_write(op++, sa->key, vpe + VPE_NONCE, 0, vpe + VPE_HEADER,
			octets - VPE_HEADER, vpe + VPE_ICV);
	}
	batch->n = (unsigned)(op - batch->op);
}

// The packet's number was accepted.
static ALWAYS_INLINE uint16_t release(
	struct rte_mbuf *m, struct packet *packet, bool *plain, const bool ipv6)
{
	const uint8_t *outer = rte_pktmbuf_mtod(m, const uint8_t *);
	uint16_t head = (uint16_t)(packet->l4 + VPE_HEADER);

	if (likely(outer[head] != 0))
		return (uint16_t)inner_release(m, head, (uint32_t)m->data_len - head,
			ip_class_of(outer, ipv6), packet, plain);
	*plain = false;
	return DROP_fill;
}

// The same of four. False: one of them is not as nearly all are, and nothing has changed.
static ALWAYS_INLINE bool release_four(
	struct rte_mbuf *const m[4], struct packet packet[4], const bool ipv6)
{
	const uint16_t front = outer_octets(ipv6) + VPE_HEADER;
	const uint8_t *outer[4];

	pkt_four_begin(m, outer);
	return inner_four_bare(outer, packet, ipv6) &&
		inner_release_four(m, outer, front, pkt_four_octets(m) - front, packet);
}

static ALWAYS_INLINE uint16_t commit_packet(struct rte_mbuf *m, struct packet *packet,
	struct window_slot *slot, uint64_t seq, bool *plain, const bool ipv6)
{
	uint16_t verdict = window_commit(slot, seq);

	if (likely(verdict == VERDICT_ACCEPT))
		return release(m, packet, plain, ipv6);
	*plain = false;
	return verdict;
}

static uint32_t id_word_of(struct rte_mbuf *m, uint16_t l4)
{
	return load_le32(rte_pktmbuf_mtod_offset(m, const uint8_t *, l4));
}

// The verdict on packet i, authentic, if its window is not the worker's, who claims it where nobody
// has.
static uint16_t find_owner(struct sa_in *sa, uint16_t worker, struct burst *b, unsigned i)
{
	uint16_t owner;

	if (b->slot[i] == NULL) {
		enum drop_reason reason = window_claim(sa->windows, sa->pool,
			id_word_of(b->m[i], b->packet[i].l4), worker, &b->slot[i]);

		if (reason != DROP_NONE)
			return (uint16_t)reason;
	}
	owner = window_owner(b->slot[i]);
	return owner == worker ? VERDICT_ACCEPT : VERDICT_OWNER | owner;
}

static ALWAYS_INLINE unsigned window_end(const struct burst *b, unsigned i, unsigned end)
{
	const struct window_slot *slot = b->slot[i];

	while (i < end && b->slot[i] == slot)
		i++;
	return i;
}

// Packet i has a verdict, and its window is the worker's if that is to accept it.
static ALWAYS_INLINE bool is_mine(struct sa_in *sa, uint16_t worker, struct burst *b, unsigned i,
	const struct window_slot *mine)
{
	if (likely(b->verdict[i] == VERDICT_ACCEPT) &&
		(unlikely(b->slot[i] != mine) || unlikely(mine == NULL)))
		b->verdict[i] = find_owner(sa, worker, b, i);
	return likely(b->verdict[i] == VERDICT_ACCEPT);
}

static ALWAYS_INLINE bool finish(struct sa_in *sa, uint16_t worker, struct burst *b, uint16_t first,
	uint16_t n, const bool ipv6)
{
	unsigned end = (unsigned)first + n;
	struct window_slot *mine = NULL; // the one before, mostly this one too
	bool plain = true;
	unsigned i = first;

	while (i < end) {
		unsigned accepted;

		if (unlikely(!is_mine(sa, worker, b, i, mine))) {
			plain = false;
			i++;
			continue;
		}
		mine = b->slot[i];
		accepted = i +
			window_commit_next(
				mine, &b->verdict[i], &b->seq[i], window_end(b, i, end) - i);
		if (unlikely(accepted == i)) {
			b->verdict[i] = commit_packet(
				b->m[i], &b->packet[i], mine, b->seq[i], &plain, ipv6);
			i++;
			continue;
		}
		inner_release_run(b, i, accepted, release, release_four, &plain, ipv6);
		i = accepted;
	}
	return plain;
}

bool vpe_finish(struct sa_in *sa, uint16_t worker, struct burst *b, uint16_t first, uint16_t n)
{
	if (sa->local.family == IP_V6)
		return finish(sa, worker, b, first, n, true);
	return finish(sa, worker, b, first, n, false);
}

void vpe_commit(struct sa_in *sa, uint16_t worker, struct burst *b, uint16_t first, uint16_t n)
{
	unsigned end = (unsigned)first + n;
	bool plain;

	(void)worker;
	for (unsigned i = first; i < end; i++) {
		struct window_slot *slot =
			window_find(sa->windows, id_word_of(b->m[i], b->packet[i].l4));

		b->verdict[i] = commit_packet(
			b->m[i], &b->packet[i], slot, b->seq[i], &plain, sa->local.family == IP_V6);
	}
}
