// ESP, receiving (RFC 4303 section 3.4), in order: length, sequence number, replay check; then (the
// packet is authentic) replay commit, trailer, inner checks. The SA was found by the caller.
#include "proto/esp/esp.h"
#include "proto/esp/esp_hdr.h"
#include "proto/inner.h"

// octets: of ESP, header to ICV.
static ALWAYS_INLINE enum drop_reason check_length(uint32_t octets)
{
	static_assert((ESP_ALIGN & (ESP_ALIGN - 1)) == 0, "a mask tells whole words");
	// As one comparison: not below zero, and whole words.
	if (likely(((octets - ESP_MIN) & (1u << 31 | (ESP_ALIGN - 1))) == 0))
		return DROP_NONE;
	return octets < ESP_MIN ? DROP_runt : DROP_esp_length;
}

// mine: the window, if it is this worker's, else NULL and nothing is ahead of it.
static ALWAYS_INLINE enum drop_reason check_seq(
	struct window_slot *mine, struct window_ahead ahead, uint64_t seq)
{
	if (window_is_ahead(ahead, seq))
		return DROP_NONE;
	if (unlikely(seq == 0))
		return DROP_seq_zero;
	return mine == NULL ? DROP_NONE : window_check(mine, seq);
}

static ALWAYS_INLINE void decap(struct sa_in *sa, uint16_t worker, struct burst *b, uint16_t first,
	uint16_t n, struct aead_batch *batch, const bool esn)
{
	unsigned end = (unsigned)first + n;
	struct window_ahead ahead;
	struct window_slot *mine =
		window_mine(window_find(sa->windows, ESP_WINDOW), worker, &ahead);
	uint64_t told_top =
		esn ? atomic_load_explicit(&sa->windows->told_top, memory_order_relaxed) : 0;
	uint32_t window_size = sa->windows->window_size;
	struct aead_op *op = &batch->op[batch->n];
	struct aead_scratch *scratch = &batch->scratch[batch->n];

	burst_accept(b, first, n);
	for (unsigned i = first; i < end; i++) {
		struct rte_mbuf *m = b->m[i];
		uint8_t *esp = rte_pktmbuf_mtod_offset(m, uint8_t *, b->packet[i].l4);
		uint32_t octets = (uint32_t)m->data_len - b->packet[i].l4;
		enum drop_reason reason = check_length(octets);
		uint64_t seq;

		if (likely(reason == DROP_NONE)) {
			seq = load_be32(esp + ESP_SEQUENCE);
			if (esn)
				seq = esp_guess_seq(told_top, window_size, (uint32_t)seq);
			b->seq[i] = seq;
			reason = check_seq(mine, ahead, seq);
		}
		if (unlikely(reason != DROP_NONE)) {
			b->verdict[i] = (uint16_t)reason;
			continue;
		}
		esp_write_op(op++, scratch++, sa->key, sa->salt, esp, seq,
			octets - ESP_PAYLOAD - ESP_ICV_OCTETS, esn);
	}
	batch->n = (unsigned)(op - batch->op);
}

void esp_decap(struct sa_in *sa, uint16_t worker, struct burst *b, uint16_t first, uint16_t n,
	struct aead_batch *batch)
{
	if (sa->esn)
		decap(sa, worker, b, first, n, batch, true);
	else
		decap(sa, worker, b, first, n, batch, false);
}

// Four octets may be read: the ICV stands behind.
static ALWAYS_INLINE bool is_padding(const uint8_t *padding, uint32_t pad)
{
	if (likely(pad < ESP_ALIGN))
		return ((load_le32(padding) ^ ESP_PADDING) & ((1u << 8 * pad) - 1)) == 0;
	for (uint32_t i = 0; i < pad; i++) {
		if (padding[i] != i + 1)
			return false;
	}
	return true;
}

// Checks the trailer at the end of octets of plaintext and takes it off (RFC 4303 sections 2.4
// to 2.6).
static ALWAYS_INLINE enum drop_reason check_trailer(const uint8_t *plaintext, uint32_t *octets)
{
	uint8_t pad = plaintext[*octets - 2];
	uint8_t next_header = plaintext[*octets - 1];

	if (unlikely((uint32_t)pad + ESP_TRAILER > *octets))
		return DROP_esp_pad_length;
	*octets -= (uint32_t)pad + ESP_TRAILER;
	if (unlikely(!is_padding(plaintext + *octets, pad)))
		return DROP_esp_padding;
	if (unlikely(next_header == IP_PROTOCOL_NONE))
		return DROP_dummy;
	if (*octets > 0 &&
		next_header != (ip_version(plaintext) == 4 ? IP_PROTOCOL_IPV4 : IP_PROTOCOL_IPV6))
		return DROP_esp_next_header;
	return DROP_NONE;
}

// The packet's number was accepted.
static ALWAYS_INLINE uint16_t release(
	struct rte_mbuf *m, struct packet *packet, bool *plain, const bool ipv6)
{
	const uint8_t *outer = rte_pktmbuf_mtod(m, const uint8_t *);
	uint16_t head = (uint16_t)(packet->l4 + ESP_PAYLOAD);
	uint32_t octets = (uint32_t)m->data_len - head - ESP_ICV_OCTETS;
	uint16_t verdict = (uint16_t)check_trailer(outer + head, &octets);

	if (likely(verdict == VERDICT_ACCEPT))
		return (uint16_t)inner_release(
			m, head, octets, ip_class_of(outer, ipv6), packet, plain);
	*plain = false;
	return verdict;
}

// As check_trailer, of plaintexts that end at `end`, for less than ESP_ALIGN octets of padding
// behind IPv4: zero where nothing is wrong. *octets: of the trailers.
static ALWAYS_INLINE four check_trailer_four(const uint8_t *const end[4], four *octets)
{
	four before, trailer;
	four_load_two(end, -8, &before, &trailer);
	four padding = trailer << 16 | before >> 16; // its last octet above all others
	four pad = (trailer >> 16) & 0xff;
	// What the octets of the padding are, counted down from the last one; zero: there are none.
	four wanted =
		(four)_mm_subs_epu8((__m128i)(pad * 0x01010101), (__m128i)four_same(0x00010203));
	four outside = (four)_mm_cmpeq_epi8((__m128i)wanted, _mm_setzero_si128());

	*octets = pad + ESP_TRAILER;
	return ((padding ^ wanted) & ~outside) | ((trailer >> 24) ^ IP_PROTOCOL_IPV4) |
		(pad & ~(ESP_ALIGN - 1u));
}

// As release, of four. False: one of them is not as nearly all are, and nothing has changed.
static ALWAYS_INLINE bool release_four(
	struct rte_mbuf *const m[4], struct packet packet[4], const bool ipv6)
{
	const uint16_t front = outer_octets(ipv6) + ESP_PAYLOAD;
	four octets = pkt_four_octets(m) - (front + ESP_ICV_OCTETS);
	const uint8_t *outer[4], *end[4];
	four trailer;

	pkt_four_begin(m, outer);
	for (unsigned i = 0; i < 4; i++)
		end[i] = outer[i] + m[i]->pkt_len - ESP_ICV_OCTETS;
	return inner_four_bare(outer, packet, ipv6) &&
		likely(!four_any(check_trailer_four(end, &trailer))) &&
		inner_release_four(m, outer, front, octets - trailer, packet);
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

static ALWAYS_INLINE void tell_top(struct sa_in *sa, const struct window_slot *slot)
{
	const struct replay_window *w = atomic_load_explicit(&slot->window, memory_order_relaxed);

	// While there is none, the guess is by what control knew of another life.
	if (sa->esn && w->top != 0)
		atomic_store_explicit(&sa->windows->told_top, w->top, memory_order_relaxed);
}

// The verdict on every authentic packet of the run, if its window is not the worker's, who claims
// it where nobody has.
static uint16_t find_owner(struct sa_in *sa, uint16_t worker, struct window_slot **slot)
{
	enum drop_reason reason = DROP_NONE;

	if (*slot == NULL)
		reason = window_claim(sa->windows, sa->pool, ESP_WINDOW, worker, slot);
	if (reason != DROP_NONE)
		return (uint16_t)reason;
	return window_owner(*slot) == worker ? VERDICT_ACCEPT : VERDICT_OWNER | window_owner(*slot);
}

static ALWAYS_INLINE bool finish(struct sa_in *sa, uint16_t worker, struct burst *b, uint16_t first,
	uint16_t n, const bool ipv6)
{
	unsigned end = (unsigned)first + n;
	struct window_slot *slot = window_find(sa->windows, ESP_WINDOW);
	bool mine = slot != NULL && window_owner(slot) == worker;
	bool plain = true;
	unsigned i = first;

	while (i < end) {
		unsigned accepted;

		if (likely(b->verdict[i] == VERDICT_ACCEPT) && unlikely(!mine)) {
			b->verdict[i] = find_owner(sa, worker, &slot);
			mine = b->verdict[i] == VERDICT_ACCEPT;
		}
		if (unlikely(b->verdict[i] != VERDICT_ACCEPT)) {
			plain = false;
			i++;
			continue;
		}
		accepted = i + window_commit_next(slot, &b->verdict[i], &b->seq[i], end - i);
		if (unlikely(accepted == i)) {
			b->verdict[i] = commit_packet(
				b->m[i], &b->packet[i], slot, b->seq[i], &plain, ipv6);
			i++;
			continue;
		}
		inner_release_run(b, i, accepted, release, release_four, &plain, ipv6);
		i = accepted;
	}
	if (mine)
		tell_top(sa, slot);
	return plain;
}

bool esp_finish(struct sa_in *sa, uint16_t worker, struct burst *b, uint16_t first, uint16_t n)
{
	if (sa->local.family == IP_V6)
		return finish(sa, worker, b, first, n, true);
	return finish(sa, worker, b, first, n, false);
}

void esp_commit(struct sa_in *sa, uint16_t worker, struct burst *b, uint16_t first, uint16_t n)
{
	unsigned end = (unsigned)first + n;
	struct window_slot *slot = window_find(sa->windows, ESP_WINDOW);
	bool plain;

	(void)worker;
	for (unsigned i = first; i < end; i++)
		b->verdict[i] = commit_packet(
			b->m[i], &b->packet[i], slot, b->seq[i], &plain, sa->local.family == IP_V6);
	tell_top(sa, slot);
}
