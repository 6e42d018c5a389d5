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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copied),
		cmocka_unit_test(any_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
