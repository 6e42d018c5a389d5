// ESP, sending (RFC 4303 section 3.3): inner datagrams become packets that only lack their
// encryption.
#include "proto/esp/esp.h"
#include "proto/esp/esp_hdr.h"
#include "proto/lane.h"
#include "proto/pkt.h"

// Padding, pad length and next header. What is stored behind their end falls into the ICV's place.
static ALWAYS_INLINE void write_trailer(uint8_t *trailer, uint32_t pad, bool ipv4)
{
	static const uint64_t word[2][ESP_ALIGN] = {
		{ESP_TRAILER_WORD(0, IP_PROTOCOL_IPV6), ESP_TRAILER_WORD(1, IP_PROTOCOL_IPV6),
			ESP_TRAILER_WORD(2, IP_PROTOCOL_IPV6),
			ESP_TRAILER_WORD(3, IP_PROTOCOL_IPV6)},
		{ESP_TRAILER_WORD(0, IP_PROTOCOL_IPV4), ESP_TRAILER_WORD(1, IP_PROTOCOL_IPV4),
			ESP_TRAILER_WORD(2, IP_PROTOCOL_IPV4),
			ESP_TRAILER_WORD(3, IP_PROTOCOL_IPV4)},
	};

	store_le64(trailer, word[ipv4][pad]);
}

static ALWAYS_INLINE enum drop_reason encap_packet(const struct sa_out *sa, struct rte_mbuf *m,
	uint64_t seq, struct aead_op *op, struct aead_scratch *scratch, const bool ipv6,
	const bool esn)
{
	uint8_t *inner = rte_pktmbuf_mtod(m, uint8_t *);
	bool inner_ipv4 = ip_version(inner) == 4;
	uint8_t traffic_class = outer_traffic_class(&sa->outer, inner);
	uint32_t pad = (uint32_t) - (m->data_len + ESP_TRAILER) & (ESP_ALIGN - 1);
	uint32_t plaintext_octets = m->data_len + pad + ESP_TRAILER;
	uint8_t *trailer = inner + m->data_len;
	uint8_t *outer = pkt_wrap(m, (uint16_t)(outer_octets(ipv6) + ESP_PAYLOAD),
		(uint16_t)(pad + ESP_TRAILER + ESP_ICV_OCTETS));
	uint8_t *esp;

	if (unlikely(outer == NULL))
		return DROP_no_room;
	write_trailer(trailer, pad, inner_ipv4);
	esp = outer + outer_octets(ipv6);
	outer_write(&sa->outer, outer, ipv6,
		(uint16_t)(ESP_PAYLOAD + plaintext_octets + ESP_ICV_OCTETS), traffic_class,
		outer_flow_label(sa->spi));
	outer_write_df(&sa->outer, outer, inner, (uint16_t)seq);
	esp_write(esp, sa->spi, seq);
	esp_write_op(op, scratch, sa->key, sa->salt, esp, seq, plaintext_octets, esn);
	return DROP_NONE;
}

static ALWAYS_INLINE void encap(struct sa_out *sa, uint16_t worker, struct burst *b, uint16_t first,
	uint16_t n, struct aead_batch *batch, const bool ipv6, const bool esn)
{
	unsigned end = (unsigned)first + n;
	struct lane_run run = lane_begin(&sa->lane[worker]);
	struct aead_op *op = &batch->op[batch->n];
	struct aead_scratch *scratch = &batch->scratch[batch->n];

	burst_accept(b, first, n);
	for (unsigned i = first; i < end; i++) {
		uint16_t inner_octets = b->m[i]->data_len;
		enum drop_reason reason;

		if (unlikely(!lane_has_number(&run))) {
			b->verdict[i] = lane_refusal(&run);
			continue;
		}
		reason = encap_packet(sa, b->m[i], run.seq, op, scratch, ipv6, esn);
		if (unlikely(reason != DROP_NONE)) {
			b->verdict[i] = (uint16_t)reason;
			continue;
		}
		op++;
		scratch++;
		lane_take(&run, inner_octets);
	}
	batch->n = (unsigned)(op - batch->op);
	lane_end(&run);
}

void esp_encap(struct sa_out *sa, uint16_t worker, struct burst *b, uint16_t first, uint16_t n,
	struct aead_batch *batch)
{
	if (sa->ipv6 && sa->esn)
		encap(sa, worker, b, first, n, batch, true, true);
	else if (sa->ipv6)
		encap(sa, worker, b, first, n, batch, true, false);
	else if (sa->esn)
		encap(sa, worker, b, first, n, batch, false, true);
	else
		encap(sa, worker, b, first, n, batch, false, false);
}
