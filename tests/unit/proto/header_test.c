// IP headers: checksums and their update, TTL, congestion field, the outer header, tunnel MTUs.
#include "unit.h"

#include "fixture.h"
#include "proto/ecn.h"
#include "proto/ip_hdr.h"
#include "proto/outer.h"

static void sums_against_slow(void **state)
{
	struct random r = {4};
	uint8_t data[64];

	(void)state;
	for (unsigned round = 0; round < 200000; round++) {
		uint32_t octets = 20 + 4 * (uint32_t)random_below(&r, 11);

		random_fill(&r, data, octets);
		// Words of all ones and zeros carry most.
		for (unsigned i = 0; i < octets; i += 2) {
			if (random_below(&r, 3) == 0)
				memset(data + i, random_below(&r, 2) ? 0xff : 0, 2);
		}
		data[0] = 0x45;
		write_be(data + 10, slow_checksum(data, octets, 10), 2);
		assert_true(checksum_ipv4_right(data, octets));
		data[random_below(&r, octets)] ^= (uint8_t)(1 << random_below(&r, 8));
		assert_false(checksum_ipv4_right(data, octets));
	}
}

static void long_sums(void **state)
{
	static uint8_t data[65536];

	(void)state;
	memset(data, 0xff, sizeof(data));
	assert_int_equal(checksum_fold(checksum_sum(data, sizeof(data))), 0xffff);
	data[777] = 0xfe;
	assert_int_equal(
		(uint16_t)~checksum_fold(checksum_sum(data, sizeof(data))), htobe16(0x0001));
	assert_int_equal(checksum_fold(UINT32_MAX), 0xffff);
	assert_int_equal(checksum_fold(0x1ffff), 1);
	assert_int_equal(checksum_fold(0), 0);
}

// Every word of random headers by every kind of value, against the sum over all of it.
static void replace_against_slow(void **state)
{
	static const uint16_t odd_values[] = {0, 1, 0xff, 0x100, 0x7fff, 0x8000, 0xfffe, 0xffff};
	struct random r = {5};
	uint8_t data[20];

	(void)state;
	for (unsigned round = 0; round < 300000; round++) {
		unsigned word = (unsigned)random_below(&r, 10);
		uint16_t value = (uint16_t)random_next(&r);

		if (word == 5)
			continue;
		if (round % 3 == 0)
			value = odd_values[random_below(&r, COUNT(odd_values))];
		random_fill(&r, data, sizeof(data));
		if (round % 5 == 0)
			memset(data + 2 * word, round % 2 ? 0xff : 0, 2);
		// One word that stays is never zero, as the version is in a header.
		data[word == 0 ? 2 : 0] |= 0x45;
		write_be(data + 10, slow_checksum(data, 20, 10), 2);
		checksum_replace(data + 10, data + 2 * word, value);
		assert_memory_equal(data + 2 * word, &value, 2);
		assert_int_equal(read_be16(data + 10), slow_checksum(data, 20, 10));
	}
}

static void hop_limits(void **state)
{
	uint8_t data[64];
	uint8_t right[64];

	(void)state;
	for (unsigned ttl = 1; ttl < 256; ttl++) {
		for (unsigned protocol = 0; protocol < 256; protocol++) {
			make_ipv4(data, 64, 0, ttl * 256 + protocol);
			data[8] = (uint8_t)ttl;
			data[9] = (uint8_t)protocol;
			memcpy(right, data, sizeof(right));
			right[8]--;
			write_be(data + 10, slow_checksum(data, 20, 10), 2);
			write_be(right + 10, slow_checksum(right, 20, 10), 2);
			assert_int_equal(ip_hop_limit(data), ttl);
			ip_decrement_hop_limit(data);
			assert_memory_equal(data, right, sizeof(right));
		}
		make_ipv6(data, 64, 0, ttl);
		data[7] = (uint8_t)ttl;
		memcpy(right, data, sizeof(right));
		right[7]--;
		assert_int_equal(ip_hop_limit(data), ttl);
		ip_decrement_hop_limit(data);
		assert_memory_equal(data, right, sizeof(right));
	}
}

static void congestion_fields(void **state)
{
	uint8_t data[64];
	uint8_t right[64];

	(void)state;
	for (unsigned class = 0; class < 256; class ++) {
		for (uint8_t ecn = 0; ecn < 4; ecn++) {
			uint8_t wanted = (uint8_t)((class & 0xfc) | ecn);

			make_ipv4(data, 64, (uint8_t) class, class);
			make_ipv4(right, 64, wanted, class);
			assert_int_equal(ip_traffic_class(data), class);
			ip_set_ecn(data, ecn);
			assert_memory_equal(data, right, sizeof(right));
			make_ipv6(data, 64, (uint8_t) class, class);
			make_ipv6(right, 64, wanted, class);
			assert_int_equal(ip_traffic_class(data), class);
			ip_set_ecn(data, ecn);
			assert_memory_equal(data, right, sizeof(right));
		}
	}
}

static void random_address(struct random *r, uint8_t family, struct ip_addr *addr)
{
	memset(addr, 0, sizeof(*addr));
	addr->family = family;
	random_fill(r, addr->octets, family == IP_V6 ? 16 : 4);
	if (random_below(r, 4) == 0)
		memset(addr->octets, 0xff, 4);
}

static void outer_ipv4(void **state)
{
	struct random r = {6};

	(void)state;
	for (unsigned round = 0; round < 200000; round++) {
		uint16_t octets = (uint16_t)random_below(&r, 65536 - 20);
		uint8_t class = (uint8_t)random_next(&r);
		uint8_t protocol = (uint8_t)random_next(&r);
		struct ip_addr from;
		struct ip_addr to;
		struct outer outer;
		struct outer_class any = {.hop_limit = 0};
		uint8_t at[24] = {0};
		uint8_t right[24] = {0x45, class, 0, 0, 0, 0, 0x40, 0, 0, protocol};

		any.hop_limit = (uint8_t)random_next(&r);
		right[8] = any.hop_limit;
		random_address(&r, IP_V4, &from);
		random_address(&r, IP_V4, &to);
		memcpy(right + 12, from.octets, 4);
		memcpy(right + 16, to.octets, 4);
		write_be(right + 2, 20u + octets, 2);
		write_be(right + 10, slow_checksum(right, 20, 10), 2);
		outer_init(&outer, &from, &to, protocol, &any);
		outer_write(&outer, at, false, octets, class, 0xfffff);
		assert_memory_equal(at, right, sizeof(right));
	}
	assert_int_equal(outer_octets(false), 20);
}

static void outer_ipv6(void **state)
{
	struct random r = {7};

	(void)state;
	for (unsigned round = 0; round < 50000; round++) {
		uint16_t octets = (uint16_t)random_next(&r);
		uint8_t class = (uint8_t)random_next(&r);
		uint32_t label = (uint32_t)random_below(&r, 1 << 20);
		struct ip_addr from;
		struct ip_addr to;
		struct outer outer;
		struct outer_class any = {.hop_limit = 0};
		uint8_t at[44] = {0};
		uint8_t right[44] = {0};

		random_address(&r, IP_V6, &from);
		random_address(&r, IP_V6, &to);
		write_be(right, 6u << 28 | (uint32_t) class << 20 | label, 4);
		write_be(right + 4, octets, 2);
		right[6] = 50;
		any.hop_limit = (uint8_t)random_next(&r);
		right[7] = any.hop_limit;
		memcpy(right + 8, from.octets, 16);
		memcpy(right + 24, to.octets, 16);
		outer_init(&outer, &from, &to, 50, &any);
		outer_write(&outer, at, true, octets, class, label);
		assert_memory_equal(at, right, sizeof(right));
	}
	assert_int_equal(outer_octets(true), 40);
}

// 20 bits, never zero for the ID words that a sender uses, and different for most.
static void flow_labels(void **state)
{
	static bool seen[1 << 20];
	unsigned different = 0;

	(void)state;
	for (uint32_t window_id = 1; window_id < 65536; window_id++) {
		uint32_t label = outer_flow_label(window_id << 16);

		assert_true(label < 1 << 20);
		assert_int_not_equal(label, 0);
		different += !seen[label];
		seen[label] = true;
	}
	assert_true(different > 30000);
}

// Octets of the outer packet that encap really makes of an inner datagram.
static uint32_t outer_packet_octets(struct rig *rig, uint32_t inner_octets)
{
	static uint8_t inner[PACKET_MAX] = {0x45};
	uint32_t octets;

	burst_drop(&rig->burst);
	burst_add(&rig->burst, packet_new(inner, inner_octets, 72, 64), 0);
	rig->batch.n = 0;
	rig->scheme.proto->encap(rig->out, 0, &rig->burst, 0, 1, &rig->batch);
	assert_int_equal(rig->burst.verdict[0], VERDICT_ACCEPT);
	octets = rig->burst.m[0]->data_len;
	burst_drop(&rig->burst);
	return octets;
}

static void tunnel_mtus(unsigned scheme)
{
	static struct rig rig;

	rig_open(&rig, scheme_at(scheme), NULL);
	for (uint32_t mtu = 0; mtu <= 9600; mtu++) {
		uint32_t most = rig.scheme.proto->max_inner(rig.scheme.ipv6, (uint16_t)mtu);
		// Encap looks at two octets of every datagram.
		uint32_t next = most > 0 ? most + 1 : 2;

		if (most >= 2 && outer_packet_octets(&rig, most) > mtu)
			fail_msg("MTU %u: %u octets do not fit", mtu, most);
		if (outer_packet_octets(&rig, next) <= mtu)
			fail_msg("MTU %u: %u octets would fit", mtu, next);
		if (most >= 2 && rig.scheme.proto == &vpe_ops)
			assert_int_equal(outer_packet_octets(&rig, most), mtu);
	}
	rig_close(&rig);
}

static void tunnel_mtus_vpe(void **state)
{
	(void)state;
	tunnel_mtus(0);
	tunnel_mtus(4);
	assert_int_equal(vpe_ops.max_inner(false, 1500), 1448);
	assert_int_equal(vpe_ops.max_inner(true, 1500), 1428);
	assert_int_equal(vpe_ops.max_inner(false, 9000), 8948);
	assert_int_equal(vpe_ops.max_inner(true, 9000), 8928);
	assert_int_equal(vpe_ops.max_inner(false, 52), 0);
	assert_int_equal(vpe_ops.max_inner(false, 53), 1);
	assert_int_equal(vpe_ops.max_inner(true, 72), 0);
	assert_int_equal(vpe_ops.max_inner(true, 73), 1);
	assert_int_equal(vpe_ops.max_inner(true, 65535), 65535 - 72);
}

static void tunnel_mtus_esp(void **state)
{
	(void)state;
	tunnel_mtus(8);
	tunnel_mtus(12);
	assert_int_equal(esp_ops.max_inner(false, 1500), 1446);
	assert_int_equal(esp_ops.max_inner(true, 1500), 1426);
	assert_int_equal(esp_ops.max_inner(false, 55), 0);
	assert_int_equal(esp_ops.max_inner(false, 56), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_against_slow),
		cmocka_unit_test(long_sums),
		cmocka_unit_test(replace_against_slow),
		cmocka_unit_test(hop_limits),
		cmocka_unit_test(congestion_fields),
		cmocka_unit_test(outer_ipv4),
		cmocka_unit_test(outer_ipv6),
		cmocka_unit_test(flow_labels),
		cmocka_unit_test(tunnel_mtus_vpe),
		cmocka_unit_test(tunnel_mtus_esp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
