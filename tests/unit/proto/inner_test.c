// Checks of the inner datagram: every condition and their order, on memory that ends where it says.
#include "unit.h"

#include "fixture.h"
#include "proto/inner.h"

// The text of section 10.5 of docs/vpe-protocol.md, in its order.
static enum drop_reason slow_check(const uint8_t *p, uint32_t octets, uint32_t *datagram)
{
	uint32_t length;

	if (octets == 0 || (p[0] >> 4 != 4 && p[0] >> 4 != 6))
		return DROP_inner_version;
	if (p[0] >> 4 == 6) {
		if (octets < 40)
			return DROP_inner_runt;
		length = read_be16(p + 4);
		if (length == 0 && p[6] == 0)
			return DROP_inner_jumbogram;
		if (40 + length > octets)
			return DROP_inner_length;
		*datagram = 40 + length;
		return DROP_NONE;
	}
	if (octets < 20)
		return DROP_inner_runt;
	if ((p[0] & 15) < 5)
		return DROP_inner_ihl;
	length = read_be16(p + 2);
	if (length < 4u * (p[0] & 15))
		return DROP_inner_length_short;
	if (length > octets)
		return DROP_inner_length;
	if (slow_checksum(p, 4u * (p[0] & 15), 10) != read_be16(p + 10))
		return DROP_inner_checksum;
	*datagram = length;
	return DROP_NONE;
}

static enum drop_reason check_exact(const uint8_t *data, uint32_t octets)
{
	uint8_t *p = malloc(octets);
	uint32_t right_octets = 0xeeee;
	uint32_t datagram = 0xeeee;
	enum drop_reason right;
	enum drop_reason reason;

	assert_true(p != NULL || octets == 0);
	memcpy(p, data, octets);
	right = slow_check(p, octets, &right_octets);
	reason = inner_check(p, octets, &datagram);
	free(p);
	if (reason != right)
		fail_msg("%u octets of %02x...: %s, right is %s", octets, data[0],
			drop_name(reason), drop_name(right));
	if (right == DROP_NONE)
		assert_int_equal(datagram, right_octets);
	return reason;
}

static void ipv4_lengths(void **state)
{
	bool met[DROP_REASONS] = {false};
	uint8_t data[96];

	(void)state;
	for (uint32_t octets = 0; octets <= 80; octets++) {
		for (unsigned ihl = 0; ihl < 16; ihl++) {
			for (uint32_t total = 0; total <= 84; total++) {
				make_ipv4(data, 90, 0, 9);
				data[0] = (uint8_t)(0x40 | ihl);
				write_be(data + 2, total, 2);
				if (ihl >= 5)
					write_be(data + 10, slow_checksum(data, 4 * ihl, 10), 2);
				met[check_exact(data, octets)] = true;
				data[19] ^= 0x10;
				met[check_exact(data, octets)] = true;
			}
		}
	}
	assert_true(met[DROP_NONE] && met[DROP_inner_runt] && met[DROP_inner_ihl] &&
		met[DROP_inner_length_short] && met[DROP_inner_length] &&
		met[DROP_inner_checksum] && met[DROP_inner_version]);
}

static void ipv4_large(void **state)
{
	static const uint32_t lengths[] = {9000, 32767, 32768, 65534, 65535};
	static uint8_t data[65600];

	(void)state;
	for (unsigned i = 0; i < COUNT(lengths); i++) {
		make_ipv4(data, lengths[i], 0, i);
		assert_int_equal(check_exact(data, lengths[i]), DROP_NONE);
		assert_int_equal(check_exact(data, lengths[i] + 1), DROP_NONE);
		assert_int_equal(check_exact(data, lengths[i] - 1), DROP_inner_length);
	}
}

static void ipv4_checksum_sees_every_bit(void **state)
{
	uint8_t data[64];

	(void)state;
	for (unsigned bit = 0; bit < 160; bit++) {
		make_ipv4(data, 64, 0x28, 5);
		data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (data[0] >> 4 == 6)
			continue; // which has no checksum
		if (bit / 8 == 0 || bit / 8 == 2 || bit / 8 == 3)
			assert_int_not_equal(check_exact(data, 64), DROP_NONE);
		else
			assert_int_equal(check_exact(data, 64), DROP_inner_checksum);
	}
}

static void ipv6_lengths(void **state)
{
	static const uint8_t next_headers[] = {0, 1, 17, 59};
	static uint8_t data[65600];

	(void)state;
	for (uint32_t octets = 0; octets <= 80; octets++) {
		for (uint32_t payload = 0; payload <= 50; payload++) {
			for (unsigned i = 0; i < COUNT(next_headers); i++) {
				make_ipv6(data, 80, 0, 9);
				write_be(data + 4, payload, 2);
				data[6] = next_headers[i];
				check_exact(data, octets);
			}
		}
	}
	make_ipv6(data, 40, 0, 0);
	assert_int_equal(check_exact(data, 40), DROP_NONE);
	assert_int_equal(check_exact(data, 39), DROP_inner_runt);
	data[6] = 0;
	assert_int_equal(check_exact(data, 40), DROP_inner_jumbogram);
	assert_int_equal(check_exact(data, 39), DROP_inner_runt);
	data[5] = 1;
	assert_int_equal(check_exact(data, 40), DROP_inner_length);
	assert_int_equal(check_exact(data, 41), DROP_NONE);
	make_ipv6(data, 65575, 0, 0);
	assert_int_equal(check_exact(data, 65575), DROP_NONE);
	assert_int_equal(check_exact(data, 65574), DROP_inner_length);
}

static void versions(void **state)
{
	uint8_t data[64];

	(void)state;
	for (unsigned first = 0; first < 256; first++) {
		make_ipv6(data, 64, 0, 0);
		data[0] = (uint8_t)first;
		if (first >> 4 != 4 && first >> 4 != 6) {
			assert_int_equal(check_exact(data, 64), DROP_inner_version);
			assert_int_equal(check_exact(data, 1), DROP_inner_version);
		} else {
			assert_int_equal(check_exact(data, 1), DROP_inner_runt);
		}
	}
	assert_int_equal(check_exact(data, 0), DROP_inner_version);
}

// RFC 6040 figure 4, by [inner][outer] with the code points as they stand: 00 Not-ECT, 01 ECT(1),
// 10 ECT(0), 11 CE. 4: dropped.
static const uint8_t ecn_right[4][4] = {
	{0, 0, 0, 4},
	{1, 1, 1, 3},
	{2, 1, 2, 3},
	{3, 3, 3, 3},
};

static void assert_released(struct rte_mbuf *m, const uint8_t *right, uint32_t octets)
{
	assert_int_equal(m->data_len, octets);
	assert_int_equal(m->pkt_len, octets);
	assert_memory_equal(rte_pktmbuf_mtod(m, uint8_t *), right, octets);
}

// Plain packets, and only those, are described too.
static enum drop_reason release(
	struct rte_mbuf *m, uint16_t head, uint32_t octets, uint8_t outer_class)
{
	struct packet packet = {.port = 7};
	bool plain = true;
	enum drop_reason reason = inner_release(m, head, octets, outer_class, &packet, &plain);
	bool described = packet.l4 == 20 && packet.protocol == 17;

	assert_int_equal(packet.port, 7);
	assert_true(described == plain);
	assert_true(!plain || reason == DROP_NONE);
	return reason;
}

static void release_one(bool ipv6, uint8_t inner_class, uint8_t outer_class, uint32_t padding)
{
	uint8_t right = ecn_right[inner_class & 3][outer_class & 3];
	uint8_t data[7 + 100 + 32 + 5] = {0};
	uint8_t wanted[100];
	struct rte_mbuf *m;
	enum drop_reason reason;

	(ipv6 ? make_ipv6 : make_ipv4)(data + 7, 100, inner_class, inner_class);
	(ipv6 ? make_ipv6 : make_ipv4)(
		wanted, 100, (uint8_t)((inner_class & 0xfc) | (right & 3)), inner_class);
	m = packet_new(data, 7 + 100 + padding + 5, 3, 2);
	reason = release(m, 7, 100 + padding, outer_class);
	assert_int_equal(reason, right == 4 ? DROP_ecn_not_ect_ce : DROP_NONE);
	if (reason == DROP_NONE)
		assert_released(m, wanted, 100);
	packet_free(m);
}

// All classes of both headers, so that no DSCP bit leaks; IPv4's checksum is right afterwards,
// because the wanted header's is computed.
static void congestion_marks(void **state)
{
	(void)state;
	for (unsigned inner = 0; inner < 256; inner++) {
		for (unsigned outer = 0; outer < 256; outer++) {
			release_one(false, (uint8_t)inner, (uint8_t)outer, outer % 33);
			release_one(true, (uint8_t)inner, (uint8_t)outer, inner % 33);
		}
	}
}

// inner_release gives inner_check's reasons, before it looks at congestion.
static void release_refuses(void **state)
{
	uint8_t data[64];
	struct rte_mbuf *m;

	(void)state;
	make_ipv4(data, 40, 0, 0);
	m = packet_new(data, 64, 0, 0);
	assert_int_equal(release(m, 0, 39, 3), DROP_inner_length);
	assert_int_equal(release(m, 0, 40, 3), DROP_ecn_not_ect_ce);
	assert_int_equal(release(m, 1, 40, 3), DROP_inner_version);
	assert_released(m, data, 64);
	assert_int_equal(release(m, 0, 64, 0), DROP_NONE);
	assert_released(m, data, 40);
	packet_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4_lengths),
		cmocka_unit_test(ipv4_large),
		cmocka_unit_test(ipv4_checksum_sees_every_bit),
		cmocka_unit_test(ipv6_lengths),
		cmocka_unit_test(versions),
		cmocka_unit_test(congestion_marks),
		cmocka_unit_test(release_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
