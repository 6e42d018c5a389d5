// Headers that come back in somebody's ICMP error: which of them a packet of this SA's could have
// had a moment ago.
#include "unit.h"

#include "fixture.h"
#include "proto/esp/esp_hdr.h"
#include "proto/lane.h"
#include "proto/vpe/vpe_hdr.h"

#define SENT 3

static const struct rig_options options = {.first = UINT64_C(0x1fffffffe)};

static bool lately(const struct rig *rig, const uint8_t *header, uint32_t octets)
{
	return rig->scheme.proto->sent_lately(rig->out, RIG_WORKERS, header, octets);
}

// Sends some packets and copies their headers; across the place where the lower half of the number
// begins anew.
static void open_and_send(struct rig *rig, struct scheme scheme, uint8_t header[SENT][VPE_HEADER])
{
	uint8_t inner[100], outer[PACKET_MAX];

	rig_open(rig, scheme, &options);
	make_ipv4(inner, sizeof(inner), 0, 1);
	for (unsigned i = 0; i < SENT; i++) {
		uint16_t worker = rig->out->owner == SA_NO_OWNER ? 1 : rig->out->owner;

		rig_send(rig, worker, inner, sizeof(inner), outer);
		memcpy(header[i], outer + rig_l4(rig), VPE_HEADER);
	}
}

static bool is_vpe(const struct rig *rig)
{
	return rig->scheme.proto == &vpe_ops;
}

// As much as any router quotes: whatever was sent is known again.
static void what_was_sent(void **state)
{
	(void)state;
	for (unsigned s = 0; s < SCHEMES; s++) {
		struct scheme scheme = scheme_at(s);
		uint8_t header[SENT][VPE_HEADER];
		struct rig rig;

		if (scheme.proto == &esp_ops && !scheme.esn)
			continue; // its numbers end at 32 bits
		open_and_send(&rig, scheme, header);
		for (unsigned i = 0; i < SENT; i++) {
			for (uint32_t octets = 8; octets <= VPE_HEADER; octets++)
				if (!lately(&rig, header[i], octets))
					fail_msg("%s: packet %u, %u octets", scheme_name(&scheme),
						i, octets);
		}
		rig_close(&rig);
	}
}

// Changes one octet of a header that was sent.
static void assert_unknown(
	const struct rig *rig, const uint8_t *sent, unsigned at, uint8_t with, uint32_t octets)
{
	uint8_t header[VPE_HEADER];

	memcpy(header, sent, sizeof(header));
	header[at] ^= with;
	if (lately(rig, header, octets))
		fail_msg("%s: octet %u, %u quoted", scheme_name(&rig->scheme), at, octets);
}

static void what_was_not(void **state)
{
	(void)state;
	for (unsigned s = 0; s < SCHEMES; s++) {
		struct scheme scheme = scheme_at(s);
		uint8_t header[SENT][VPE_HEADER];
		struct rig rig;

		if (scheme.proto == &esp_ops && !scheme.esn)
			continue;
		open_and_send(&rig, scheme, header);
		// SPI; then Sender, Window and number of VPE, as far as they are quoted.
		for (unsigned at = 0; at < (is_vpe(&rig) ? 12 : 8); at++)
			assert_unknown(&rig, header[0], at, 0x80, VPE_HEADER);
		for (unsigned at = VPE_SPI; is_vpe(&rig) && at < VPE_SPI + 4; at++)
			assert_unknown(&rig, header[0], at, 1, VPE_SPI + 4);
		for (unsigned at = 0; at < 8; at++)
			assert_unknown(&rig, header[0], at, 0x80, 8);
		rig_close(&rig);
	}
}

static void store_number(const struct rig *rig, uint8_t *header, uint64_t seq)
{
	if (is_vpe(rig))
		store_le64(header + VPE_SEQUENCE, seq);
	else
		store_be32(header + ESP_SEQUENCE, (uint32_t)seq);
}

// Numbers of the future, from before the SA, and from long ago.
static void numbers(void **state)
{
	(void)state;
	for (unsigned s = 0; s < SCHEMES; s++) {
		struct scheme scheme = scheme_at(s);
		uint8_t header[SENT][VPE_HEADER];
		struct sa_out_lane *lane;
		struct rig rig;

		if (scheme.proto == &esp_ops && !scheme.esn)
			continue;
		open_and_send(&rig, scheme, header);
		lane = &rig.out->lane[rig.out->owner == SA_NO_OWNER ? 1 : rig.out->owner];
		for (unsigned octets = 8; octets <= 16; octets += 4) {
			store_number(&rig, header[0], lane->next);
			assert_false(lately(&rig, header[0], octets));
			store_number(&rig, header[0], lane->next + 1000000);
			assert_false(lately(&rig, header[0], octets));
			store_number(&rig, header[0], options.first - 1);
			assert_false(lately(&rig, header[0], octets));
			store_number(&rig, header[0], options.first);
			assert_true(lately(&rig, header[0], octets));
		}
		lane->next += UINT64_C(1) << 31;
		lane->packets += UINT64_C(1) << 31;
		for (unsigned octets = 8; octets <= 16; octets += 4) {
			// An SPI cannot be guessed, VPE's lies behind the number.
			bool spi = !is_vpe(&rig) || octets == 16;
			uint64_t most = spi ? LANE_LATELY : LANE_JUST_NOW;

			store_number(&rig, header[0], options.first);
			assert_false(lately(&rig, header[0], octets));
			store_number(&rig, header[0], lane->next - most);
			assert_true(lately(&rig, header[0], octets));
			store_number(&rig, header[0], lane->next - most - 1);
			assert_false(lately(&rig, header[0], octets));
		}
		rig_close(&rig);
	}
}

// Workers that do not encrypt have no window of their own, whatever a header says.
static void windows_of_nobody(void **state)
{
	uint8_t header[SENT][VPE_HEADER];
	struct rig rig;

	(void)state;
	open_and_send(&rig, (struct scheme){.proto = &vpe_ops}, header);
	for (uint16_t id = 0; id <= RIG_WORKERS + 1; id++) {
		store_le16(header[0] + VPE_WINDOW_ID, id);
		assert_int_equal(lately(&rig, header[0], 8), id == rig.out->lane[1].window_id);
	}
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_sent),
		cmocka_unit_test(what_was_not),
		cmocka_unit_test(numbers),
		cmocka_unit_test(windows_of_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
