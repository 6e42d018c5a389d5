// What the outer header takes from the inner one: all DSCPs, all ECN fields, both protocols, both
// families inside and outside.
#include "unit.h"

#include "fixture.h"

static struct rig rig;

static uint8_t class_of(const uint8_t *packet)
{
	if (packet[0] >> 4 == 4)
		return packet[1];
	return (uint8_t)(packet[0] << 4 | packet[1] >> 4);
}

static uint8_t hop_limit_of(const uint8_t *packet)
{
	return packet[packet[0] >> 4 == 4 ? 8 : 7];
}

// outer_dscp: by inner, as the class should have it.
static void send_all(const struct outer_class *class, const uint8_t outer_dscp[64], bool compat)
{
	static uint8_t outer[PACKET_MAX];
	uint8_t inner[80];

	for (unsigned s = 0; s < SCHEMES; s++) {
		rig_open(&rig, scheme_at(s), &(struct rig_options){.class = class});
		for (unsigned i = 0; i < 512; i++) {
			uint8_t inner_class = (uint8_t)i;
			uint8_t ecn = compat ? 0 : inner_class & 3;

			if (i < 256)
				make_ipv4(inner, sizeof(inner), inner_class, i);
			else
				make_ipv6(inner, sizeof(inner), inner_class, i);
			rig_send(&rig, 0, inner, sizeof(inner), outer);
			assert_int_equal(class_of(outer), outer_dscp[inner_class >> 2] << 2 | ecn);
			assert_int_equal(hop_limit_of(outer), class->hop_limit);
			if (!rig.scheme.ipv6)
				assert_int_equal(
					slow_checksum(outer, 20, 10), read_be16(outer + 10));
		}
		rig_close(&rig);
	}
}

static void copied(void **state)
{
	struct outer_class class;
	uint8_t dscp[64];

	(void)state;
	outer_class_default(&class);
	for (uint8_t i = 0; i < 64; i++)
		dscp[i] = i;
	assert_int_equal(class.hop_limit, 64);
	send_all(&class, dscp, false);
	class.ecn_mask = 0;
	class.hop_limit = 255;
	send_all(&class, dscp, true);
}

static void any_map(void **state)
{
	struct random r = {1};
	unsigned rounds = full_run() ? 200 : 4;

	(void)state;
	for (unsigned i = 0; i < rounds; i++) {
		struct outer_class class;
		uint8_t dscp[64];

		outer_class_default(&class);
		for (unsigned k = 0; k < 64; k++)
			dscp[k] = class.dscp[k] = (uint8_t)random_below(&r, 64);
		class.hop_limit = (uint8_t)(1 + random_below(&r, 255));
		class.ecn_mask = i % 2 == 0 ? 3 : 0;
		send_all(&class, dscp, i % 2 == 1);
	}
}

#define DF 0x4000
#define MANY 3000 // packets of one lane

// Returns the octets of outer.
static uint32_t send_one(bool ipv6, bool df, uint16_t worker, uint8_t outer[PACKET_MAX])
{
	uint8_t inner[80];
	uint32_t octets;

	if (ipv6) {
		make_ipv6(inner, sizeof(inner), 0, 1);
	} else {
		make_ipv4(inner, sizeof(inner), 0, 1);
		write_be(inner + 6, df ? DF : 0, 2);
		write_be(inner + 10, slow_checksum(inner, 20, 10), 2);
	}
	octets = rig_send(&rig, worker, inner, sizeof(inner), outer);
	if (!rig.scheme.ipv6)
		assert_int_equal(slow_checksum(outer, 20, 10), read_be16(outer + 10));
	return octets;
}

// Set, copied and cleared, by what is inside: DF, no DF, IPv6.
static void dont_fragment(void **state)
{
	static const uint16_t expected[3][3] = {{DF, DF, DF}, {DF, 0, DF}, {0, 0, 0}};
	static uint8_t outer[PACKET_MAX];
	struct outer_class class;

	(void)state;
	outer_class_default(&class);
	assert_int_equal(class.df, OUTER_DF_SET);
	for (class.df = OUTER_DF_SET; class.df <= OUTER_DF_CLEAR; class.df++) {
		for (unsigned s = 0; s < SCHEMES; s++) {
			rig_open(&rig, scheme_at(s), &(struct rig_options){.class = &class});
			for (unsigned i = 0; i < 3; i++) {
				uint32_t octets = send_one(i == 2, i == 0, 0, outer);
				uint16_t field = read_be16(outer + 6);

				// IPv6 has its next header and hop limit there.
				if (rig.scheme.ipv6)
					assert_int_equal(field, 50 << 8 | 64);
				else
					assert_int_equal(field, expected[class.df][i]);
				if (!rig.scheme.ipv6 && field == DF)
					assert_int_equal(read_be16(outer + 4), 0);
				assert_int_equal(
					rig_receive(&rig, 0, outer, octets), VERDICT_ACCEPT);
			}
			rig_close(&rig);
		}
	}
}

// No two packets that routers may split have the same one for a while, whichever workers send them.
static void identification(void **state)
{
	static uint8_t outer[PACKET_MAX];
	static bool seen[65536];
	struct outer_class class;

	(void)state;
	outer_class_default(&class);
	class.df = OUTER_DF_CLEAR;
	for (unsigned s = 0; s < SCHEMES; s++) {
		memset(seen, 0, sizeof(seen));
		rig_open(&rig, scheme_at(s), &(struct rig_options){.class = &class});
		for (unsigned i = 0; !rig.scheme.ipv6 && i < MANY; i++) {
			for (uint16_t w = 0; w < RIG_WORKERS; w++) {
				uint16_t id;

				if (rig.out->owner != SA_NO_OWNER && rig.out->owner != w)
					continue;
				send_one(false, true, w, outer);
				assert_int_equal(read_be16(outer + 6), 0);
				id = read_be16(outer + 4);
				assert_false(seen[id]);
				seen[id] = true;
			}
		}
		rig_close(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copied),
		cmocka_unit_test(any_map),
		cmocka_unit_test(dont_fragment),
		cmocka_unit_test(identification),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
