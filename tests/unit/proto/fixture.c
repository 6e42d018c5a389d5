// SAs, keys and packet buffers for the tests of the protocols.
#include "fixture.h"

#include "unit.h"

#include "base/addr.h"
#include "proto/pkt.h"

#include <stdio.h>

static const uint16_t worker_index[RIG_WORKERS] = {0, 1, 2, 3};
static const struct sa_workers workers = {
	.n = RIG_WORKERS,
	.encrypt_n = RIG_WORKERS,
	.encrypt_index = worker_index,
	.encrypt = worker_index,
};

struct scheme scheme_at(unsigned i)
{
	struct scheme scheme = {
		.proto = i < 8 ? &vpe_ops : &esp_ops,
		.algorithm = (enum aead_algorithm)(i % 4),
		.ipv6 = i / 4 % 2 == 1,
		.esn = i >= 16,
	};

	return scheme;
}

const char *scheme_name(const struct scheme *scheme)
{
	static char name[80];

	snprintf(name, sizeof(name), "%s %s%s outer IPv%c", scheme->proto->name,
		aead_name(scheme->algorithm), scheme->esn ? " ESN" : "", scheme->ipv6 ? '6' : '4');
	return name;
}

// Exact (sizes of runtime parts are multiples of the line), so that a write beyond is seen.
static void *line_alloc(size_t octets)
{
	void *memory = aligned_alloc(CACHE_LINE, octets);

	assert_non_null(memory);
	memset(memory, 0xee, octets);
	return memory;
}

static void fill_params(struct rig *rig, const struct rig_options *o)
{
	static const uint8_t salt[SA_SALT_OCTETS] = {0xa0, 0xa1, 0xa2, 0xa3};
	const char *local = rig->scheme.ipv6 ? "2001:db8:1::1" : "192.0.2.1";
	const char *remote = rig->scheme.ipv6 ? "2001:db8:2::1" : "198.51.100.1";
	struct sa_params *p = &rig->params;

	if (o->class != NULL)
		p->class = *o->class;
	else
		outer_class_default(&p->class);
	p->proto = rig->scheme.proto;
	p->algorithm = rig->scheme.algorithm;
	p->esn = rig->scheme.esn;
	p->spi = o->spi ? o->spi : RIG_SPI;
	p->sender_id = o->sender_id;
	p->replay_window = o->replay_window ? o->replay_window : 64;
	p->windows = o->windows ? o->windows : 8;
	p->first = o->first ? o->first : 1;
	memcpy(p->salt, o->salt ? o->salt : salt, sizeof(p->salt));
	assert_int_equal(ip_addr_parse(o->local ? o->local : local, &p->local), 0);
	assert_int_equal(ip_addr_parse(o->remote ? o->remote : remote, &p->remote), 0);
}

static void make_key(struct rig *rig, const struct rig_options *o)
{
	const struct aead_engine *engine =
		aead_choose(&engines_all, rig->scheme.algorithm, o->engine);
	uint8_t key[AEAD_KEY_MAX];

	assert_non_null(engine);
	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(0x11 * i + 7);
	assert_int_equal(
		aead_key_create(engine, rig->scheme.algorithm, o->key ? o->key : key, &rig->key),
		0);
}

void rig_open(struct rig *rig, struct scheme scheme, const struct rig_options *options)
{
	static const struct rig_options none;
	const struct rig_options *o = options ? options : &none;
	uint32_t pool_windows;
	size_t octets;

	memset(rig, 0, sizeof(*rig));
	rig->scheme = scheme;
	fill_params(rig, o);
	make_key(rig, o);
	assert_int_equal(aead_ctx_create(&engines_all, &rig->ctx), 0);
	pool_windows = o->pool_windows ? o->pool_windows : rig->params.windows + RIG_WORKERS;
	rig->pool_octets = pool_windows * window_octets(rig->params.replay_window);
	rig->pool_memory = line_alloc(rig->pool_octets);
	window_pool_init(&rig->pool, rig->pool_memory, rig->pool_octets);
	octets = sa_out_octets(&workers);
	rig->out = sa_out_init(
		line_alloc(octets), &rig->params, rig->key, &workers, o->mtu ? o->mtu : 9600);
	// Any lane may send here; which of them have leases of their own is the SA test's.
	for (unsigned i = 0; i < RIG_WORKERS; i++)
		rig->out->lane[i].lease_end = rig->scheme.proto->last_seq(rig->params.esn) + 1;
	octets = sa_in_octets(&rig->params, &workers);
	rig->in = sa_in_init(line_alloc(octets), &rig->params, rig->key, &workers, 3, &rig->pool);
}

void rig_close(struct rig *rig)
{
	burst_drop(&rig->burst);
	sa_in_fini(rig->in);
	assert_int_equal(window_pool_used(&rig->pool), 0);
	free(rig->in);
	free(rig->out);
	free(rig->pool_memory);
	aead_key_destroy(rig->key);
	aead_ctx_destroy(rig->ctx);
}

uint16_t rig_l4(const struct rig *rig)
{
	return rig->scheme.ipv6 ? 40 : 20;
}

struct rte_mbuf *packet_new(const uint8_t *data, uint32_t octets, uint32_t head, uint32_t tail)
{
	struct rte_mbuf *m = aligned_alloc(CACHE_LINE, sizeof(*m));

	assert_non_null(m);
	memset(m, 0, sizeof(*m));
	m->buf_addr = malloc(head + octets + tail);
	m->buf_len = (uint16_t)(head + octets + tail);
	m->data_off = (uint16_t)head;
	m->data_len = (uint16_t)octets;
	m->pkt_len = octets;
	m->nb_segs = 1;
	memcpy(rte_pktmbuf_mtod(m, void *), data, octets);
	pkt_fence(m);
	return m;
}

void packet_free(struct rte_mbuf *m)
{
	pkt_unfence(m);
	free(m->buf_addr);
	free(m);
}

void burst_add(struct burst *b, struct rte_mbuf *m, uint16_t l4)
{
	uint16_t i = b->n++;

	assert_true(i < BURST_MAX);
	b->m[i] = m;
	b->packet[i] = (struct packet){.l4 = l4, .protocol = 50};
	b->verdict[i] = VERDICT_ACCEPT;
	b->seq[i] = 0;
	b->slot[i] = NULL;
}

void burst_drop(struct burst *b)
{
	for (uint16_t i = 0; i < b->n; i++)
		packet_free(b->m[i]);
	b->n = 0;
}

void rig_arrive(struct rig *rig, const uint8_t *outer, uint32_t octets)
{
	burst_add(&rig->burst, packet_new(outer, octets, 0, 0), rig_l4(rig));
}

void rig_encap(struct rig *rig, uint16_t worker)
{
	rig->batch.n = 0;
	rig->scheme.proto->encap(rig->out, worker, &rig->burst, 0, rig->burst.n, &rig->batch);
	aead_seal_burst(rig->ctx, rig->batch.op, rig->batch.n);
}

void assert_operation(const struct rig *rig, unsigned op, unsigned i)
{
	const struct rte_mbuf *m = rig->burst.m[i];
	const uint8_t *data = rig->batch.op[op].data;

	assert_true(data > rte_pktmbuf_mtod(m, const uint8_t *));
	assert_true(data < rte_pktmbuf_mtod_offset(m, const uint8_t *, m->data_len));
}

void rig_decap(struct rig *rig, uint16_t worker)
{
	rig->batch.n = 0;
	rig->scheme.proto->decap(rig->in, worker, &rig->burst, 0, rig->burst.n, &rig->batch);
	if (!aead_open_burst(rig->ctx, rig->batch.op, rig->batch.n))
		aead_batch_judge(&rig->batch, &rig->burst);
}

void rig_finish(struct rig *rig, uint16_t worker)
{
	rig->scheme.proto->finish(rig->in, worker, &rig->burst, 0, rig->burst.n);
}

void rig_commit(struct rig *rig, uint16_t worker)
{
	rig->scheme.proto->commit(rig->in, worker, &rig->burst, 0, rig->burst.n);
}

uint32_t rig_send(
	struct rig *rig, uint16_t worker, const uint8_t *inner, uint32_t octets, uint8_t *outer)
{
	struct rte_mbuf *m = packet_new(inner, octets, 128, 64);

	burst_drop(&rig->burst);
	burst_add(&rig->burst, m, 0);
	rig_encap(rig, worker);
	assert_int_equal(rig->burst.verdict[0], VERDICT_ACCEPT);
	assert_int_equal(rig->batch.n, 1);
	octets = m->data_len;
	assert_int_equal(m->pkt_len, octets);
	memcpy(outer, rte_pktmbuf_mtod(m, void *), octets);
	burst_drop(&rig->burst);
	return octets;
}

uint16_t rig_receive(struct rig *rig, uint16_t worker, const uint8_t *outer, uint32_t octets)
{
	struct outcome *o = &rig->outcome;

	burst_drop(&rig->burst);
	rig_arrive(rig, outer, octets);
	rig_decap(rig, worker);
	rig_finish(rig, worker);
	o->verdict = rig->burst.verdict[0];
	o->octets = rig->burst.m[0]->data_len;
	assert_int_equal(rig->burst.m[0]->pkt_len, o->octets);
	memcpy(o->datagram, rte_pktmbuf_mtod(rig->burst.m[0], void *), o->octets);
	burst_drop(&rig->burst);
	return o->verdict;
}
