// Sets of SAs, packets of theirs and lookups: what the tests of the table of inbound SAs share.
#pragma once

#include "fixture.h"

#include "base/bytes.h"
#include "proto/ip_hdr.h"

// SAs that share one key, with memory of their own: the table looks at nothing else.
struct set {
	unsigned n;
	struct sa_in **sa;
	struct sa_params *params;
};

static const uint16_t index0[1];
static const struct sa_workers workers = {
	.n = 1, .encrypt_n = 1, .encrypt_index = index0, .encrypt = index0};

static inline struct set set_new(unsigned max)
{
	return (struct set){
		.sa = calloc(max, sizeof(struct sa_in *)),
		.params = calloc(max, sizeof(struct sa_params)),
	};
}

static inline void set_add(
	struct set *set, const struct sa_params *params, struct window_pool *pool)
{
	size_t octets = RTE_ALIGN(sa_in_octets(params, &workers), CACHE_LINE);

	set->params[set->n] = *params;
	set->sa[set->n++] =
		sa_in_init(aligned_alloc(CACHE_LINE, octets), params, NULL, &workers, 0, pool);
}

static inline void set_free(struct set *set)
{
	for (unsigned i = 0; i < set->n; i++)
		free(set->sa[i]);
	free(set->sa);
	free(set->params);
}

// Kept from lookup to lookup, for the table built last.
static struct sadb_last last;

static inline struct sadb *build_first(const struct set *set, unsigned n)
{
	struct error err = {.text = ""};
	struct sadb *sadb = NULL;

	last = (struct sadb_last){0};
	if (sadb_build(set->sa, n, &lab_protos, SOCKET_ID_ANY, &sadb, &err) != 0)
		fail_msg("%s", err.text);
	return sadb;
}

// The last ones come later, where there is room for them.
static inline struct sadb *build(const struct set *set)
{
	unsigned first = set->n - set->n / 8;
	struct sadb *sadb = build_first(set, first), *all = NULL;
	struct error err = {.text = ""};

	last = (struct sadb_last){0};
	if (first < set->n && !sadb_has_room(sadb, set->n - first))
		all = build_first(set, set->n);
	else if (sadb_extend(sadb, set->sa + first, set->n - first, SOCKET_ID_ANY, &all, &err) != 0)
		fail_msg("%s", err.text);
	sadb_free(sadb);
	return all;
}

// A packet of this SA as the wire has it, its headers alone.
static inline struct rte_mbuf *packet_of(struct lab *lab, const struct sa_params *p, uint16_t *l4)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(lab->dp->pool);
	bool ipv6 = p->local.family == IP_V6;
	uint8_t *at;

	*l4 = ipv6 ? IPV6_HEADER : IPV4_HEADER_MIN;
	at = append_zeros(m, (uint16_t)(*l4 + 40));
	at[0] = ipv6 ? 0x60 : 0x45;
	memcpy(at + (ipv6 ? IPV6_SOURCE : IPV4_SOURCE), p->remote.octets, ipv6 ? 16 : 4);
	memcpy(at + (ipv6 ? IPV6_DESTINATION : IPV4_DESTINATION), p->local.octets, ipv6 ? 16 : 4);
	if (p->proto == &esp_ops) {
		store_be32(at + *l4, p->spi);
	} else {
		store_le16(at + *l4, p->sender_id);
		store_le16(at + *l4 + 2, (uint16_t)(p->spi % 65535 + 1));
		store_le32(at + *l4 + 12, p->spi);
	}
	return m;
}

// As lookup finds, when asked in another way.
static inline void finds_the_same(const struct sadb *sadb, const struct burst *b,
	struct sa_in *found[], bool one, struct sadb_last *kept, bool plain)
{
	struct sa_in *again[BURST_MAX];
	struct burst copy = *b;

	memset(copy.verdict, 0xff, sizeof(copy.verdict));
	assert_int_equal(sadb_lookup(sadb, &copy, again, kept, plain), one);
	for (uint16_t i = 0; i < b->n; i++) {
		assert_ptr_equal(again[i], found[i]);
		if (found[i] == NULL)
			assert_int_equal(copy.verdict[i], b->verdict[i]);
	}
}

// It is the same whatever was found before, and whether the caller knows that packets are plain.
static inline void lookup(const struct sadb *sadb, struct burst *b, struct sa_in *found[])
{
	struct sadb_last nothing = {0}, other;
	bool plain = true;
	bool one;

	one = sadb_lookup(sadb, b, found, &nothing, false);
	for (uint16_t i = 0; i < b->n; i++) {
		plain &= b->packet[i].l4 == 20 && b->packet[i].flags == 0;
		if (one)
			assert_true(found[i] == found[0] && found[i] != NULL);
	}
	other = last;
	finds_the_same(sadb, b, found, one, &last, false);
	if (!plain)
		return;
	finds_the_same(sadb, b, found, one, &other, true);
	finds_the_same(sadb, b, found, one, &other, true);
	other = (struct sadb_last){0};
	finds_the_same(sadb, b, found, one, &other, true);
}

static inline struct sa_params plain(
	const struct proto_ops *proto, uint32_t spi, uint16_t sender_id)
{
	return (struct sa_params){
		.proto = proto,
		.spi = spi,
		.sender_id = sender_id,
		.replay_window = 64,
		.windows = 1,
		.local = addr_of("192.0.2.1"),
		.remote = addr_of("192.0.2.9"),
	};
}
