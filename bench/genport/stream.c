// Streams. Every flow has a template, made before the first packet; a packet is a copy of its
// flow's template and what changes: the sequence number and all that follows from it.
//
// VPE's sequence number is the nonce, so each packet is sealed. ESP's is only associated data as
// long as the explicit IV stays the same (a sender may choose it; here it never changes, which no
// gateway may do: whoever sees two packets of a key and IV knows what they have in common, and
// more). AES-GCM's tag is then an affine function of the sequence number's bits, so going on from
// one number to the next is one exclusive-or of 16 octets, from a table of 32 for each SA that is
// taken from sealed packets.
#include "bench/genport/stream.h"

#include "base/bytes.h"
#include "bench/genport/frame.h"
#include "bench/genport/memory.h"
#include "crypto/engines.h"

#include <errno.h>
#include <rte_byteorder.h>
#include <rte_prefetch.h>
#include <rte_vect.h>
#include <stdlib.h>

// What a plain packet's headers fill; the rest of the buffer is whatever it held before.
#define PLAIN_COPY_OCTETS 64

struct esp_counter {
	alignas(CACHE_LINE) rte_xmm_t tag; // of the sequence number, less that of number 0
	uint32_t seq;
	uint32_t copies_left;
	rte_xmm_t step[32]; // [k]: from a number to the next, whose lowest set bit is k
};

struct vpe_counter {
	uint64_t seq;
	uint32_t copies_left;
};

struct stream {
	struct stream_params params;
	uint16_t octets; // of a frame
	uint16_t stride;
	uint32_t templates;
	uint8_t *frame; // [templates][stride]
	uint32_t *sa;	// [templates]: index into the counters and keys
	uint32_t next;
	uint32_t state; // of the generator of flows at random
	struct esp_counter *esp;
	struct vpe_counter *vpe;
	uint32_t sas;
	struct aead_key **key;
	struct aead_ctx *aead;
	struct aead_op op[STREAM_BURST_MAX];
};

static enum aead_algorithm algorithm(const struct stream *s)
{
	switch (s->params.key_octets) {
	case 24:
		return AEAD_AES_192_GCM;
	case 32:
		return AEAD_AES_256_GCM;
	default:
		return AEAD_AES_128_GCM;
	}
}

static int create_keys(struct stream *s)
{
	const struct aead_engine *engine = aead_choose(&engines_all, algorithm(s), NULL);
	uint8_t key[AEAD_KEY_MAX];
	int rc;

	s->sas = s->params.sas;
	s->key = calloc(s->sas, sizeof(*s->key));
	if (s->key == NULL || engine == NULL)
		return engine == NULL ? -ENOTSUP : -ENOMEM;
	rc = aead_ctx_create(&engines_all, &s->aead);
	for (uint32_t i = 0; i < s->sas && rc == 0; i++) {
		frame_key(&s->params, i, key);
		rc = aead_key_create(engine, algorithm(s), key, &s->key[i]);
	}
	return rc;
}

// Encrypts an ESP template with a sequence number; its tag goes behind it, or to tag.
static void seal_esp(struct stream *s, uint8_t *frame, uint32_t sa, uint32_t seq, uint8_t *tag)
{
	uint8_t nonce[AEAD_NONCE_OCTETS];
	struct aead_op op = {
		.key = s->key[sa],
		.nonce = nonce,
		.aad = frame + TUNNEL_AT,
		.aad_octets = 8,
		.data = frame + TUNNEL_AT + ESP_HEADER_OCTETS,
		.octets = frame_sealed_octets(&s->params),
		.tag = tag,
	};

	if (s->params.clear)
		return;
	memcpy(nonce, frame_salt, sizeof(frame_salt));
	memcpy(nonce + sizeof(frame_salt), frame + ESP_IV_AT, 8);
	store_be32(frame + ESP_SEQ_AT, seq);
	aead_seal_burst(s->aead, &op, 1);
}

// The tags of one packet with numbers 0, 1, 2, 4, ...: what each bit adds.
static void fill_steps(struct stream *s, const uint8_t *clear, uint32_t sa, uint8_t *scratch)
{
	struct esp_counter *counter = &s->esp[sa];
	uint8_t zero[16] = {0}, tag[16] = {0};
	rte_xmm_t sum = {.u64 = {0, 0}};

	memcpy(scratch, clear, s->octets);
	seal_esp(s, scratch, sa, 0, zero);
	for (unsigned bit = 0; bit < 32; bit++) {
		memcpy(scratch, clear, s->octets);
		seal_esp(s, scratch, sa, UINT32_C(1) << bit, tag);
		for (unsigned i = 0; i < sizeof(tag); i++)
			sum.u8[i] ^= tag[i] ^ zero[i];
		counter->step[bit] = sum;
	}
}

static int prepare_esp(struct stream *s)
{
	uint8_t *scratch = calloc(1, s->stride);

	s->esp = memory_create(s->sas * sizeof(*s->esp));
	if (s->esp == NULL || scratch == NULL) {
		free(scratch);
		return -ENOMEM;
	}
	for (uint32_t t = 0; t < s->templates; t++) {
		uint8_t *frame = s->frame + (size_t)t * s->stride;
		uint32_t sa = s->sa[t];

		if (s->esp[sa].copies_left == 0) {
			fill_steps(s, frame, sa, scratch);
			s->esp[sa].copies_left = 1;
		}
		seal_esp(s, frame, sa, 0, frame + s->octets - AEAD_TAG_OCTETS);
	}
	free(scratch);
	return 0;
}

static int prepare_vpe(struct stream *s)
{
	s->vpe = memory_create(s->sas * sizeof(*s->vpe));
	if (s->vpe == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->sas; i++)
		s->vpe[i].copies_left = 1;
	return 0;
}

static bool is_of_queue(const struct stream *s, uint32_t flow, uint16_t queue)
{
	uint32_t spread_by = s->params.kind == STREAM_ESP ? flow % s->params.sas : flow;

	return spread_by % s->params.queues == queue;
}

static int create_templates(struct stream *s, uint16_t queue)
{
	uint32_t t = 0;

	for (uint32_t flow = 0; flow < s->params.flows; flow++)
		s->templates += is_of_queue(s, flow, queue);
	if (s->templates == 0)
		return 0;
	s->octets = frame_octets_on_wire(&s->params);
	s->stride = (uint16_t)((s->octets + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
	if (s->params.kind == STREAM_PLAIN && s->params.frame_octets > PLAIN_COPY_OCTETS)
		s->stride = PLAIN_COPY_OCTETS;
	s->frame = memory_create((size_t)s->templates * s->stride);
	s->sa = calloc(s->templates, sizeof(*s->sa));
	if (s->frame == NULL || s->sa == NULL)
		return -ENOMEM;
	for (uint32_t flow = 0; flow < s->params.flows; flow++) {
		uint8_t frame[RTE_MBUF_DEFAULT_BUF_SIZE];

		if (!is_of_queue(s, flow, queue))
			continue;
		frame_write(&s->params, flow, (uint16_t)(queue + 1), frame);
		memcpy(s->frame + (size_t)t * s->stride, frame, RTE_MIN(s->octets, s->stride));
		s->sa[t++] = flow % s->params.sas;
	}
	return 0;
}

int stream_create(const struct stream_params *params, uint16_t queue, struct stream **created)
{
	struct stream *s = memory_create(sizeof(*s)); // on lines of its own
	int rc;

	if (s == NULL)
		return -ENOMEM;
	s->params = *params;
	s->state = 0x9e3779b9u + queue;
	rc = params->kind == STREAM_NONE ? 0 : create_templates(s, queue);
	if (rc == 0 && s->templates > 0 && params->kind != STREAM_PLAIN)
		rc = create_keys(s);
	if (rc == 0 && s->templates > 0 && params->kind == STREAM_ESP)
		rc = prepare_esp(s);
	if (rc == 0 && s->templates > 0 && params->kind == STREAM_VPE)
		rc = prepare_vpe(s);
	if (rc != 0) {
		stream_destroy(s);
		return rc;
	}
	*created = s;
	return 0;
}

void stream_destroy(struct stream *s)
{
	if (s == NULL)
		return;
	for (uint32_t i = 0; i < s->sas && s->key != NULL; i++)
		aead_key_destroy(s->key[i]);
	aead_ctx_destroy(s->aead);
	free(s->key);
	free(s->vpe);
	free(s->esp);
	free(s->sa);
	free(s->frame);
	free(s);
}

bool stream_is_empty(const struct stream *s)
{
	return s->templates == 0;
}

uint16_t stream_frame_octets(const struct stream *s)
{
	return s->octets;
}

uint32_t stream_packet_type(const struct stream *s)
{
	if (s->params.kind != STREAM_PLAIN)
		return RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 | RTE_PTYPE_TUNNEL_ESP;
	return RTE_PTYPE_L2_ETHER | RTE_PTYPE_L4_UDP |
		(s->params.family == 4 ? RTE_PTYPE_L3_IPV4 : RTE_PTYPE_L3_IPV6);
}

static uint32_t next_template(struct stream *s)
{
	if (s->params.random) { // xorshift32 (Marsaglia 2003)
		s->state ^= s->state << 13;
		s->state ^= s->state >> 17;
		s->state ^= s->state << 5;
		return (uint32_t)((uint64_t)s->state * s->templates >> 32);
	}
	if (s->next == s->templates)
		s->next = 0;
	return s->next++;
}

static uint8_t *frame_of(struct rte_mbuf *m)
{
	return (uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM;
}

static void write_esp(struct stream *s, uint32_t t, uint8_t *frame)
{
	struct esp_counter *counter = &s->esp[s->sa[t]];
	rte_xmm_t tag;

	if (--counter->copies_left == 0) {
		counter->copies_left = s->params.copies;
		counter->seq++;
		counter->tag.x =
			_mm_xor_si128(counter->tag.x, counter->step[rte_bsf32(counter->seq)].x);
	}
	memcpy(frame, s->frame + (size_t)t * s->stride, s->octets);
	store_be32(frame + ESP_SEQ_AT, counter->seq);
	frame += s->octets - AEAD_TAG_OCTETS;
	memcpy(&tag, frame, sizeof(tag));
	tag.x = _mm_xor_si128(tag.x, counter->tag.x);
	memcpy(frame, &tag, sizeof(tag));
}

static void write_vpe(struct stream *s, uint32_t t, uint8_t *frame, struct aead_op *op)
{
	struct vpe_counter *counter = &s->vpe[s->sa[t]];
	uint64_t seq_le;

	if (--counter->copies_left == 0) {
		counter->copies_left = s->params.copies;
		counter->seq++;
	}
	seq_le = htole64(counter->seq);
	memcpy(frame, s->frame + (size_t)t * s->stride, s->octets);
	memcpy(frame + VPE_SEQ_AT, &seq_le, sizeof(seq_le));
	op->key = s->key[s->sa[t]];
	op->nonce = frame + TUNNEL_AT;
	op->data = frame + TUNNEL_AT + VPE_HEADER_OCTETS;
	op->tag = frame + VPE_ICV_AT;
	op->octets = (uint32_t)(s->octets - TUNNEL_AT - VPE_HEADER_OCTETS);
}

static void prefetch(const struct stream *s, uint32_t t)
{
	const uint8_t *frame = s->frame + (size_t)t * s->stride;

	rte_prefetch0(frame);
	if (s->params.kind == STREAM_PLAIN)
		return;
	rte_prefetch0(frame + CACHE_LINE);
	if (s->params.kind == STREAM_ESP)
		rte_prefetch0(&s->esp[s->sa[t]]);
	else
		rte_prefetch0(&s->vpe[s->sa[t]]);
}

void stream_write(struct stream *s, struct rte_mbuf *const m[], uint16_t n)
{
	uint32_t t[STREAM_BURST_MAX];

	for (uint16_t i = 0; i < n; i++) {
		rte_prefetch0(&m[i]->buf_addr);
		t[i] = next_template(s);
		prefetch(s, t[i]);
	}
	switch (s->params.kind) {
	case STREAM_PLAIN:
		for (uint16_t i = 0; i < n; i++)
			memcpy(frame_of(m[i]), s->frame + (size_t)t[i] * s->stride,
				PLAIN_COPY_OCTETS);
		break;
	case STREAM_ESP:
		for (uint16_t i = 0; i < n; i++)
			write_esp(s, t[i], frame_of(m[i]));
		break;
	default:
		for (uint16_t i = 0; i < n; i++)
			write_vpe(s, t[i], frame_of(m[i]), &s->op[i]);
		if (!s->params.clear)
			aead_seal_burst(s->aead, s->op, n);
	}
}
