// The table of inbound SAs: sizes, shared SPIs, and the split of VPE from ESP by value.
#include "fixture.h"

#include "base/bytes.h"
#include "proto/ip_hdr.h"

#include <errno.h>

// SAs that share one key, with memory of their own: the table looks at nothing else.
struct set {
	unsigned n;
	struct sa_in **sa;
	struct sa_params *params;
};

static const uint16_t index0[1];
static const struct sa_workers workers = {
	.n = 1, .encrypt_n = 1, .encrypt_index = index0, .encrypt = index0};

static struct set set_new(unsigned max)
{
	return (struct set){
		.sa = calloc(max, sizeof(struct sa_in *)),
		.params = calloc(max, sizeof(struct sa_params)),
	};
}

static void set_add(struct set *set, const struct sa_params *params, struct window_pool *pool)
{
	size_t octets = RTE_ALIGN(sa_in_octets(params, &workers), CACHE_LINE);

	set->params[set->n] = *params;
	set->sa[set->n++] =
		sa_in_init(aligned_alloc(CACHE_LINE, octets), params, NULL, &workers, 0, pool);
}

static void set_free(struct set *set)
{
	for (unsigned i = 0; i < set->n; i++)
		free(set->sa[i]);
	free(set->sa);
	free(set->params);
}

// Kept from lookup to lookup, for the table built last.
static struct sadb_last last;

static struct sadb *build_first(const struct set *set, unsigned n)
{
	struct error err = {.text = ""};
	struct sadb *sadb = NULL;

	last = (struct sadb_last){0};
	if (sadb_build(set->sa, n, &lab_protos, SOCKET_ID_ANY, &sadb, &err) != 0)
		fail_msg("%s", err.text);
	return sadb;
}

// The last ones come later, where there is room for them.
static struct sadb *build(const struct set *set)
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
static struct rte_mbuf *packet_of(struct lab *lab, const struct sa_params *p, uint16_t *l4)
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
static void finds_the_same(const struct sadb *sadb, const struct burst *b, struct sa_in *found[],
	bool one, struct sadb_last *kept, bool plain)
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
static void lookup(const struct sadb *sadb, struct burst *b, struct sa_in *found[])
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

static struct sa_in *look(
	struct lab *lab, const struct sadb *sadb, const struct sa_params *p, uint16_t *verdict)
{
	static struct burst b;
	struct sa_in *found;
	uint16_t l4;

	b.n = 1;
	b.m[0] = packet_of(lab, p, &l4);
	b.packet[0] = (struct packet){.l4 = l4, .protocol = IP_PROTOCOL_ESP};
	lookup(sadb, &b, &found);
	*verdict = b.verdict[0];
	rte_pktmbuf_free(b.m[0]);
	return found;
}

// The addresses of an SA, and others that differ in one octet.
static void look_for_peer(struct lab *lab, const struct sadb *sadb, const struct sa_params *p)
{
	struct sa_params other = *p;
	uint16_t l4;
	struct rte_mbuf *m = packet_of(lab, p, &l4);

	assert_true(sadb_has_peer(sadb, rte_pktmbuf_mtod(m, const uint8_t *)));
	rte_pktmbuf_free(m);
	// Remotes begin with 10 and 11 or with zeros.
	other.remote.octets[0] ^= 0x80;
	m = packet_of(lab, &other, &l4);
	assert_false(sadb_has_peer(sadb, rte_pktmbuf_mtod(m, const uint8_t *)));
	rte_pktmbuf_free(m);
	other = *p;
	other.local.octets[1] ^= 1;
	m = packet_of(lab, &other, &l4);
	assert_false(sadb_has_peer(sadb, rte_pktmbuf_mtod(m, const uint8_t *)));
	rte_pktmbuf_free(m);
}

static struct sa_params random_params(struct random *r, unsigned i)
{
	struct sa_params p = {
		.proto = random_below(r, 2) == 1 ? &esp_ops : &vpe_ops,
		.spi = (uint32_t)random_next(r),
		.replay_window = 64,
		.windows = 1,
	};
	bool ipv6 = random_below(r, 4) == 0;

	p.local.family = p.remote.family = ipv6 ? IP_V6 : IP_V4;
	p.local.octets[0] = 10;
	p.local.octets[ipv6 ? 15 : 3] = (uint8_t)random_below(r, 4);
	store_be32(p.remote.octets + (ipv6 ? 12 : 0), 0x0b000000 + i);
	// ESP beside Sender IDs 0, 1, 0x0203 and 0xffff: blocks 0, 0x0100, 0x0302 and 0xffff.
	if (p.proto == &esp_ops &&
		(p.spi < SA_ESP_SPI_MIN || p.spi >> 16 == 0x0100 || p.spi >> 16 == 0x0302 ||
			p.spi >> 16 == 0xffff))
		p.spi = 0x77000000 | i;
	if (p.proto == &vpe_ops)
		p.sender_id = (uint16_t[]){0, 1, 0x0203, 0xffff}[random_below(r, 4)];
	return p;
}

static bool taken(const struct set *set, const struct sa_params *p)
{
	for (unsigned i = set->n; i-- > 0;) {
		const struct sa_params *q = &set->params[i];

		if (q->spi == p->spi && q->proto == p->proto && ip_addr_equal(&q->local, &p->local))
			return true;
	}
	return false;
}

static void sizes(void **state)
{
	static const unsigned all[] = {0, 1, 2, 7, 8, 9, 1000, 65536};
	struct lab *lab = *state;
	struct random r = {2};

	for (unsigned k = 0; k < COUNT(all); k++) {
		struct set set = set_new(all[k]);
		struct sadb *sadb;
		uint16_t verdict;

		while (set.n < all[k]) {
			struct sa_params p = random_params(&r, set.n);

			// Some share an SPI.
			if (set.n > 0 && random_below(&r, 4) == 0)
				p.spi = set.params[random_below(&r, set.n)].spi;
			if (p.proto == &esp_ops &&
				(p.spi < SA_ESP_SPI_MIN || p.spi >> 16 == 0x0100 ||
					p.spi >> 16 == 0x0302 || p.spi >> 16 == 0xffff))
				continue;
			if (all[k] > 10000 ? false : taken(&set, &p))
				continue;
			if (all[k] > 10000) {
				// Unique by construction, too many to compare.
				p.spi = p.proto == &esp_ops ? 0x40000000 + set.n / 3
							    : set.n / 3 * 0x10001;
				p.local.octets[3] = (uint8_t)(set.n % 3);
				p.local.octets[15] =
					p.local.family == IP_V6 ? (uint8_t)(set.n % 3) : 0;
			}
			set_add(&set, &p, &lab->dp->windows);
		}
		sadb = build(&set);
		for (unsigned i = 0; i < set.n; i++) {
			struct sa_params p = set.params[i];

			assert_ptr_equal(look(lab, sadb, &p, &verdict), set.sa[i]);
			assert_int_equal(verdict, DROP_NONE);
			look_for_peer(lab, sadb, &p);
			p.remote.octets[0] ^= 0x80;
			assert_null(look(lab, sadb, &p, &verdict));
			assert_int_equal(verdict, DROP_sa_outer_address);
		}
		for (unsigned i = 0; i < 1000; i++) {
			struct sa_params p = random_params(&r, i);

			if (p.proto == &esp_ops)
				p.spi = 0x51000000 | (uint32_t)random_below(&r, 1 << 16);
			else
				p.spi = 0xf0000000 | (uint32_t)random_next(&r);
			if (all[k] < 10000 && taken(&set, &p))
				continue;
			if (look(lab, sadb, &p, &verdict) == NULL)
				assert_true(
					verdict == DROP_no_sa || verdict == DROP_sa_outer_address);
			else
				assert_int_equal(verdict, DROP_NONE);
		}
		sadb_free(sadb);
		set_free(&set);
	}
}

static struct sa_params plain(const struct proto_ops *proto, uint32_t spi, uint16_t sender_id)
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

// Every first word whose upper half is a Sender ID's block is VPE's, as is Sender 0's whether or
// not an SA has it (which of VPE's Sender IDs an SA accepts is decap's business); all others are
// ESP's.
static void split_by_block(void **state)
{
	struct lab *lab = *state;
	static const uint16_t senders[] = {0, 1, 0x0100, 0x1234, 0xffff};

	for (unsigned s = 0; s < COUNT(senders); s++) {
		struct sa_params vpe = plain(&vpe_ops, 0x5555, senders[s]);
		uint16_t block = __builtin_bswap16(senders[s]);
		struct set set = set_new(4);
		struct sadb *sadb;
		struct rte_mbuf *m;
		struct burst b = {.n = 1};
		uint8_t *first;
		uint16_t l4;

		set_add(&set, &vpe, &lab->dp->windows);
		sadb = build(&set);
		m = packet_of(lab, &vpe, &l4);
		first = rte_pktmbuf_mtod_offset(m, uint8_t *, l4);
		b.m[0] = m;
		b.packet[0] = (struct packet){.l4 = l4};
		for (uint32_t upper = 0; upper <= UINT16_MAX; upper++) {
			struct sa_in *found;

			store_be16(first, (uint16_t)upper);
			lookup(sadb, &b, &found);
			assert_int_equal(found != NULL, upper == block || upper == 0);
		}
		rte_pktmbuf_free(m);
		sadb_free(sadb);
		set_free(&set);
	}
}

// One SPI in both protocols and at two addresses: four SAs, each found.
static void same_spi_everywhere(void **state)
{
	struct lab *lab = *state;
	struct set set = set_new(4);
	struct error err = {.text = ""};
	struct sadb *sadb;
	uint16_t verdict;

	for (unsigned i = 0; i < 4; i++) {
		struct sa_params p = plain(i < 2 ? &vpe_ops : &esp_ops, 0xc0ffee00, 0);

		if (i % 2 == 1)
			p.local = addr_of("192.0.2.2");
		set_add(&set, &p, &lab->dp->windows);
	}
	sadb = build(&set);
	for (unsigned i = 0; i < 4; i++)
		assert_ptr_equal(look(lab, sadb, &set.params[i], &verdict), set.sa[i]);
	sadb_free(sadb);
	// A fifth that differs in nothing but its peer.
	set.params[0].remote = addr_of("192.0.2.77");
	set.sa[3]->remote = addr_of("192.0.2.77");
	set.sa[3]->local = set.sa[2]->local;
	assert_int_equal(sadb_build(set.sa, 4, &lab_protos, SOCKET_ID_ANY, &sadb, &err), -EEXIST);
	assert_non_null(strstr(err.text, "0xc0ffee00"));
	set_free(&set);
}

// Cut short at every length: never a read beyond, runt until the SPI is whole.
static void cut_short(void **state)
{
	struct lab *lab = *state;
	struct set set = set_new(2);
	struct sa_params p[2] = {plain(&vpe_ops, 7, 0), plain(&esp_ops, 0xc0000001, 0)};
	struct sadb *sadb;

	for (unsigned i = 0; i < 2; i++)
		set_add(&set, &p[i], &lab->dp->windows);
	sadb = build(&set);
	for (unsigned i = 0; i < 2; i++) {
		for (uint16_t octets = 0; octets <= 40; octets++) {
			struct burst b = {.n = 1};
			struct sa_in *found;
			uint16_t l4;

			b.m[0] = packet_of(lab, &p[i], &l4);
			b.packet[0] = (struct packet){.l4 = l4};
			rte_pktmbuf_trim(b.m[0], (uint16_t)(40 - octets));
			lookup(sadb, &b, &found);
			if (octets < (i == 0 ? 16 : 4))
				assert_int_equal(b.verdict[0], DROP_runt);
			else
				assert_ptr_equal(found, set.sa[i]);
			rte_pktmbuf_free(b.m[0]);
		}
	}
	sadb_free(sadb);
	set_free(&set);
}

enum kind {
	ESP_HERE,
	ESP_THERE,     // the same SPI at another address
	ESP_LIKE_VPE,  // ESP_HERE, VPE's SPI where VPE has it
	ESP_OTHER_SPI, // which nobody has
	ESP_OTHER_PEER,
	ESP_CUT, // ESP_HERE, the last octet of the SPI missing
	VPE_HERE,
	VPE_CUT, // the same
	// SPIs that differ in one octet, in the order of the octets: nobody has them.
	ESP_SPI_0,
	ESP_SPI_1,
	ESP_SPI_2,
	ESP_SPI_3,
	VPE_SPI_0,
	VPE_SPI_1,
	VPE_SPI_2,
	VPE_SPI_3,
	IPV6_LIKE, // the addresses of ESP_HERE where IPv4 has them, and no SA
	KINDS
};

static struct rte_mbuf *packet_of_kind(
	struct lab *lab, const struct set *set, enum kind kind, struct packet *packet)
{
	bool is_vpe =
		kind == VPE_HERE || kind == VPE_CUT || (kind >= VPE_SPI_0 && kind <= VPE_SPI_3);
	struct sa_params p = set->params[is_vpe ? 2 : kind == ESP_THERE];
	struct rte_mbuf *m;
	uint8_t *header;
	uint16_t l4;

	if (kind == ESP_OTHER_SPI)
		p.spi++;
	if (kind >= ESP_SPI_0 && kind <= ESP_SPI_3)
		p.spi ^= 1u << 8 * (kind - ESP_SPI_0);
	if (kind >= VPE_SPI_0 && kind <= VPE_SPI_3)
		p.spi ^= 1u << 8 * (kind - VPE_SPI_0);
	if (kind == ESP_OTHER_PEER)
		p.remote.octets[3]++;
	if (kind == IPV6_LIKE)
		p.local.family = p.remote.family = IP_V6;
	m = packet_of(lab, &p, &l4);
	header = rte_pktmbuf_mtod(m, uint8_t *);
	if (kind == ESP_LIKE_VPE)
		store_le32(header + l4 + 12, set->params[2].spi);
	if (kind == IPV6_LIKE) {
		memcpy(header + IPV4_SOURCE, p.remote.octets, 4);
		memcpy(header + IPV4_DESTINATION, p.local.octets, 4);
	}
	if (kind == ESP_CUT)
		rte_pktmbuf_trim(m, 40 - 3);
	if (kind == VPE_CUT)
		rte_pktmbuf_trim(m, 40 - 15);
	*packet = (struct packet){.l4 = l4, .flags = kind == IPV6_LIKE ? PACKET_IPV6 : 0};
	return m;
}

// Two of ESP with one SPI and two addresses, and one of VPE.
static struct set three_sas(struct lab *lab)
{
	struct set set = set_new(3);

	for (unsigned i = 0; i < 3; i++) {
		struct sa_params p = plain(i < 2 ? &esp_ops : &vpe_ops, 0xc0ffee00 + i / 2, 0);

		if (i == 1)
			p.local = addr_of("192.0.2.2");
		set_add(&set, &p, &lab->dp->windows);
	}
	return set;
}

static bool has_sa(enum kind kind)
{
	return kind == ESP_HERE || kind == ESP_THERE || kind == ESP_LIKE_VPE || kind == VPE_HERE;
}

// What is found does not depend on the packet before, whichever two they are.
static void neighbours(void **state)
{
	struct lab *lab = *state;
	struct set set = three_sas(lab);
	struct sadb *sadb = build(&set);

	for (unsigned i = 0; i < KINDS * KINDS; i++) {
		struct burst alone = {.n = 1};
		struct burst both = {.n = 2};
		struct sa_in *expected;
		struct sa_in *found[2];

		alone.m[0] = packet_of_kind(lab, &set, i % KINDS, &alone.packet[0]);
		both.m[0] = packet_of_kind(lab, &set, i / KINDS, &both.packet[0]);
		both.m[1] = packet_of_kind(lab, &set, i % KINDS, &both.packet[1]);
		lookup(sadb, &alone, &expected);
		lookup(sadb, &both, found);
		assert_ptr_equal(found[1], expected);
		if (expected == NULL)
			assert_int_equal(both.verdict[1], alone.verdict[0]);
		assert_int_equal(expected == NULL, !has_sa((enum kind)(i % KINDS)));
		rte_pktmbuf_free(alone.m[0]);
		rte_pktmbuf_free_bulk(both.m, 2);
	}
	sadb_free(sadb);
	set_free(&set);
}

// Nine of one kind, but for one of another kind, which is `octets` long if it has as many.
static void one_among_nine(struct lab *lab, const struct set *set, const struct sadb *sadb,
	enum kind kind, unsigned at, enum kind other, uint16_t octets)
{
	struct burst b = {.n = 9};
	struct sa_in *found[9];

	for (unsigned i = 0; i < 9; i++)
		b.m[i] = packet_of_kind(lab, set, i == at ? other : kind, &b.packet[i]);
	if (b.m[at]->data_len > octets)
		rte_pktmbuf_trim(b.m[at], (uint16_t)(b.m[at]->data_len - octets));
	lookup(sadb, &b, found);
	for (unsigned i = 0; i < 9; i++) {
		struct burst alone = {.n = 1, .m = {b.m[i]}, .packet = {b.packet[i]}};
		struct sa_in *expected;

		lookup(sadb, &alone, &expected);
		assert_ptr_equal(found[i], expected);
		if (expected == NULL)
			assert_int_equal(b.verdict[i], alone.verdict[0]);
	}
	assert_non_null(found[at == 0]);
	rte_pktmbuf_free_bulk(b.m, 9);
}

// A train ends where another kind comes, whichever place of four it has.
static void trains(void **state)
{
	static const enum kind kinds[] = {ESP_HERE, VPE_HERE};
	static const uint16_t octets[] = {23, 24, 27, 28, 35, 36, UINT16_MAX};
	struct lab *lab = *state;
	struct set set = three_sas(lab);
	struct sadb *sadb = build(&set);

	for (unsigned i = 0; i < 2 * 9 * KINDS; i++) {
		for (unsigned k = 0; k < COUNT(octets); k++)
			one_among_nine(lab, &set, sadb, kinds[i % 2], i / 2 % 9,
				(enum kind)(i / 18), octets[k]);
	}
	sadb_free(sadb);
	set_free(&set);
}

// Nothing is found, whatever stands where results go.
static void empty_burst(void **state)
{
	struct lab *lab = *state;
	struct set set = three_sas(lab);
	struct sadb *sadb = build(&set);
	struct sa_in *found = set.sa[0];
	struct burst none = {.n = 0};

	assert_false(sadb_lookup(sadb, &none, &found, &last, false));
	assert_false(sadb_lookup(sadb, &none, &found, &last, true));
	sadb_free(sadb);
	set_free(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(sizes, NULL),
		LAB_TEST(split_by_block, NULL),
		LAB_TEST(same_spi_everywhere, NULL),
		LAB_TEST(cut_short, NULL),
		LAB_TEST(neighbours, NULL),
		LAB_TEST(trains, NULL),
		LAB_TEST(empty_burst, NULL),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
