// The table of inbound SAs: what is found of a packet is the same whatever stands beside it.
#include "sadb_sets.h"

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
		LAB_TEST(neighbours, NULL),
		LAB_TEST(trains, NULL),
		LAB_TEST(empty_burst, NULL),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
