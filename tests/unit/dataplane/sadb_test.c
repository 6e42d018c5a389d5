// The table of inbound SAs: sizes, shared SPIs, and the split of VPE from ESP by value.
#include "sadb_sets.h"

#include <errno.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(sizes, NULL),
		LAB_TEST(split_by_block, NULL),
		LAB_TEST(same_spi_everywhere, NULL),
		LAB_TEST(cut_short, NULL),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
