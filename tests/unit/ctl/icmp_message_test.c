// ICMP errors: octets that scapy made from the same packets, and the rules for keeping quiet.
#include "ctl/icmp_message.h"

#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define UDP4 "45000029123440003f11157e0a0100090a0200070fa0138800158c7a030a11181f262d343b42495057"
#define UDP6                                                                               \
	"600000000015113f20010db800010000000000000000000920010db8000200000000000000000007" \
	"0fa0138800154508030a11181f262d343b42495057"

static size_t octets_of(const char *hex, uint8_t *octets)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		const char digits[3] = {hex[2 * i], hex[2 * i + 1], 0};

		octets[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return n;
}

static struct ip_addr addr_of(const char *text)
{
	struct ip_addr addr;

	assert_int_equal(ip_addr_parse(text, &addr), 0);
	return addr;
}

// Made with scapy 2.5.0: IP(tos=0xc0, id=0, flags="DF") / ICMP(...), IPv6(tc=0xc0) /
// ICMPv6PacketTooBig(...) and its like, from 10.1.0.1 and 2001:db8:1::1. Where the packet is longer
// than its hex, the rest is (7 i + 3) mod 256, i from 0 behind the UDP header; of the answer the
// head is given.
#define FROM4 "10.1.0.1"
#define FROM6 "2001:db8:1::1"
#define HEAD4 "45c0004500004000400125ed0a0100010a010009"
#define HEAD6 "6c00000000453a4020010db800010000000000000000000120010db8000100000000000000000009"
static const struct {
	enum icmp_kind kind;
	const char *packet;
	size_t packet_octets;
	const char *source;
	uint32_t mtu;
	const char *answer;
	size_t answer_octets;
} golden[] = {
	{ICMP_too_big, UDP4, 41, FROM4, 1400, HEAD4 "03040bbd00000578" UDP4, 69},
	{ICMP_too_big, UDP6, 61, FROM6, 1380, HEAD6 "02002b7000000564" UDP6, 109},
	{ICMP_too_big, "450005dc123440003f110fcb0a0100090a0200070fa0138805c8d013", 1500, FROM4,
		1400, "45c0024000004000400123f20a0100010a01000903041e8300000578", 576},
	{ICMP_too_big,
		"6000000005b4113f20010db800010000000000000000000920010db80002000000000000"
		"000000070fa0138805b429b1",
		1500, FROM6, 1380,
		"6c00000004d83a4020010db800010000000000000000000120010db80001000000000000"
		"0000000902008dee00000564",
		1280},
	{ICMP_time_exceeded, UDP4, 41, FROM4, 0, HEAD4 "0b00093900000000" UDP4, 69},
	{ICMP_time_exceeded, UDP6, 61, FROM6, 0, HEAD6 "03002fd400000000" UDP6, 109},
	{ICMP_no_route, UDP4, 41, FROM4, 0, HEAD4 "0300113900000000" UDP4, 69},
	{ICMP_no_route, UDP6, 61, FROM6, 0, HEAD6 "010031d400000000" UDP6, 109},
	{ICMP_route_unreachable, UDP4, 41, FROM4, 0, HEAD4 "0301113800000000" UDP4, 69},
	{ICMP_route_unreachable, UDP6, 61, FROM6, 0, HEAD6 "010031d400000000" UDP6, 109},
	{ICMP_route_prohibit, UDP4, 41, FROM4, 0, HEAD4 "030d112c00000000" UDP4, 69},
	{ICMP_route_prohibit, UDP6, 61, FROM6, 0, HEAD6 "010131d300000000" UDP6, 109},
	{ICMP_host_unreachable, UDP4, 41, FROM4, 0, HEAD4 "0301113800000000" UDP4, 69},
	{ICMP_host_unreachable, UDP6, 61, FROM6, 0, HEAD6 "010331d100000000" UDP6, 109},
	{ICMP_policy_refusal, UDP4, 41, FROM4, 0, HEAD4 "030d112c00000000" UDP4, 69},
	{ICMP_policy_refusal, UDP6, 61, FROM6, 0, HEAD6 "010131d300000000" UDP6, 109},
};

static size_t build(const char *hex, size_t octets, uint8_t *packet)
{
	size_t n = octets_of(hex, packet);

	for (size_t i = 0; n < octets; n++, i++)
		packet[n] = (uint8_t)(7 * i + 3);
	return n;
}

static void golden_octets(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
		struct ip_addr source = addr_of(golden[i].source);
		uint8_t packet[2048], expected[2048], answer[ICMP_MESSAGE_MAX];
		size_t n = build(golden[i].packet, golden[i].packet_octets, packet);
		size_t head = octets_of(golden[i].answer, expected);
		size_t quoted = source.family == IP_V4 ? 28 : 48;
		size_t got;

		assert_true(icmp_may_answer(golden[i].kind, packet, n));
		got = icmp_message_write(golden[i].kind, packet, n, &source, golden[i].mtu,
			ICMP_MESSAGE_MAX, answer);
		assert_int_equal(got, golden[i].answer_octets);
		assert_memory_equal(answer, expected, head);
		assert_memory_equal(answer + quoted, packet, got - quoted);
	}
}

// Octets behind the packet's own end (Ethernet padding) are nobody's business.
static void padding_is_not_quoted(void **state)
{
	struct ip_addr source = addr_of("10.1.0.1");
	uint8_t packet[64] = {0}, answer[ICMP_MESSAGE_MAX];

	(void)state;
	build(UDP4, 60, packet);
	assert_int_equal(icmp_message_write(
				 ICMP_too_big, packet, 60, &source, 1400, ICMP_MESSAGE_MAX, answer),
		69);
}

static void never_below_the_least_mtu(void **state)
{
	struct ip_addr source4 = addr_of("10.1.0.1"), source6 = addr_of("2001:db8:1::1");
	uint8_t packet[64], answer[ICMP_MESSAGE_MAX];

	(void)state;
	build(UDP4, 41, packet);
	icmp_message_write(ICMP_too_big, packet, 41, &source4, 20, ICMP_MESSAGE_MAX, answer);
	assert_int_equal(load_be32(answer + 24), 68);
	build(UDP6, 61, packet);
	icmp_message_write(ICMP_too_big, packet, 61, &source6, 1000, ICMP_MESSAGE_MAX, answer);
	assert_int_equal(load_be32(answer + 44), 1280);
}

// Through a narrow tunnel less is quoted, and the rest stays right.
static void fits_where_it_must_go(void **state)
{
	static const char *const packets[] = {UDP4, UDP6};
	static const size_t most[] = {ICMP_MESSAGE_MIN, 570, 576, 577, 1240, ICMP_MESSAGE_MAX};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(most) / sizeof(most[0]); i++) {
		struct ip_addr source = addr_of(i % 2 ? FROM6 : FROM4);
		uint8_t packet[2048], answer[ICMP_MESSAGE_MAX];
		size_t n = build(packets[i % 2], 1500, packet);
		size_t expected = most[i / 2] > 576 && i % 2 == 0 ? 576 : most[i / 2];

		store_be16(packet + (i % 2 ? 4 : 2), (uint16_t)(i % 2 ? n - 40 : n));
		assert_int_equal(icmp_message_write(ICMP_time_exceeded, packet, n, &source, 0,
					 most[i / 2], answer),
			expected);
		assert_int_equal(
			load_be16(answer + (i % 2 ? 4 : 2)), i % 2 ? expected - 40 : expected);
	}
}

// Only path MTU discovery works for IPv6 multicast (RFC 4443 section 2.4 (e.3)).
static void multicast_is_not_told(void **state)
{
	uint8_t packet[64];
	size_t n = build(UDP6, 0, packet);

	(void)state;
	packet[24] = 0xff;
	for (enum icmp_kind kind = 0; kind < ICMP_KIND_COUNT; kind++)
		assert_int_equal(icmp_may_answer(kind, packet, n), kind == ICMP_too_big);
}

// One change to a packet that may be answered.
struct change {
	const char *why;
	bool ipv6;
	bool answered;
	size_t octets; // cut to this; 0: all
	struct {
		uint8_t at;
		uint8_t value;
	} set[6];
};

static const struct change changes[] = {
	{"UDP", false, true, 0, {{0, 0x45}}},
	{"echo request", false, true, 0, {{9, 1}, {20, 8}}},
	{"echo reply", false, true, 0, {{9, 1}, {20, 0}}},
	{"timestamp", false, true, 0, {{9, 1}, {20, 13}}},
	{"destination unreachable", false, false, 0, {{9, 1}, {20, 3}}},
	{"source quench", false, false, 0, {{9, 1}, {20, 4}}},
	{"redirect", false, false, 0, {{9, 1}, {20, 5}}},
	{"time exceeded", false, false, 0, {{9, 1}, {20, 11}}},
	{"parameter problem", false, false, 0, {{9, 1}, {20, 12}}},
	{"unknown ICMP", false, false, 0, {{9, 1}, {20, 200}}},
	{"ICMP without a type", false, false, 20, {{9, 1}}},
	{"first fragment", false, true, 0, {{6, 0x20}, {7, 0}}},
	{"second fragment", false, false, 0, {{6, 0x20}, {7, 1}}},
	{"last fragment", false, false, 0, {{6, 0x00}, {7, 185}}},
	{"from 0.0.0.0", false, false, 0, {{12, 0}, {13, 0}, {14, 0}, {15, 0}}},
	{"from loopback", false, false, 0, {{12, 127}}},
	{"from multicast", false, false, 0, {{12, 224}}},
	{"from class E", false, false, 0, {{12, 240}}},
	{"from broadcast", false, false, 0, {{12, 255}, {13, 255}, {14, 255}, {15, 255}}},
	{"to multicast", false, false, 0, {{16, 239}}},
	{"to broadcast", false, false, 0, {{16, 255}, {17, 255}, {18, 255}, {19, 255}}},
	{"header cut", false, false, 19, {{0, 0x45}}},
	{"options cut", false, false, 23, {{0, 0x46}}},
	{"header of 4 words", false, false, 0, {{0, 0x44}}},
	{"version 5", false, false, 0, {{0, 0x55}}},
	{"UDP", true, true, 0, {{0, 0x60}}},
	{"echo request", true, true, 0, {{6, 58}, {40, 128}}},
	{"neighbour solicitation", true, true, 0, {{6, 58}, {40, 135}}},
	{"destination unreachable", true, false, 0, {{6, 58}, {40, 1}}},
	{"packet too big", true, false, 0, {{6, 58}, {40, 2}}},
	{"private error", true, false, 0, {{6, 58}, {40, 127}}},
	{"redirect", true, false, 0, {{6, 58}, {40, 137}}},
	{"ICMPv6 without a type", true, false, 40, {{6, 58}}},
	{"error behind options", true, false, 0, {{6, 60}, {40, 58}, {41, 0}, {48, 3}}},
	{"echo behind options", true, true, 0, {{6, 60}, {40, 58}, {41, 0}, {48, 129}}},
	{"error behind AH", true, false, 0, {{6, 51}, {40, 58}, {41, 0}, {48, 4}}},
	{"options cut", true, false, 44, {{6, 0}}},
	{"options longer than the packet", true, false, 0, {{6, 60}, {40, 58}, {41, 9}}},
	{"first fragment", true, true, 0, {{6, 44}, {40, 17}, {42, 0}, {43, 1}}},
	{"later fragment", true, false, 0, {{6, 44}, {40, 17}, {42, 1}, {43, 0}}},
	{"fragmented error", true, false, 0, {{6, 44}, {40, 58}, {42, 0}, {43, 1}, {48, 1}}},
	{"ESP", true, true, 0, {{6, 50}}},
	{"from multicast", true, false, 0, {{8, 0xff}}},
	// RFC 4443 section 2.4 (e.3): path MTU discovery works for multicast too.
	{"to multicast", true, true, 0, {{24, 0xff}}},
	{"header cut", true, false, 39, {{0, 0x60}}},
};

static void keeps_quiet(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		const struct change *change = &changes[i];
		uint8_t packet[64];
		size_t n = build(change->ipv6 ? UDP6 : UDP4, 0, packet);

		for (size_t j = 0; j < 6; j++)
			if (j == 0 || change->set[j].at != 0)
				packet[change->set[j].at] = change->set[j].value;
		if (change->octets)
			n = change->octets;
		if (icmp_may_answer(ICMP_too_big, packet, n) != change->answered)
			fail_msg("%s, IPv%d: %s", change->why, change->ipv6 ? 6 : 4,
				change->answered ? "not answered" : "answered");
	}
}

static void keeps_quiet_to_nobody(void **state)
{
	uint8_t packet[64];
	size_t n = build(UDP6, 0, packet);

	(void)state;
	memset(packet + 8, 0, 16);
	assert_false(icmp_may_answer(ICMP_too_big, packet, n));
	packet[23] = 1;
	assert_false(icmp_may_answer(ICMP_too_big, packet, n));
	packet[23] = 2;
	assert_true(icmp_may_answer(ICMP_too_big, packet, n));
	assert_false(icmp_may_answer(ICMP_too_big, packet, 0));
}

// Nothing outside the packet is read: each length in memory of just that size.
static void every_truncation(void **state)
{
	static const char *const packets[] = {UDP4, UDP6};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		uint8_t whole[64];
		size_t n = build(packets[i], 0, whole);

		for (size_t octets = 1; octets <= n; octets++) {
			struct ip_addr source = addr_of(i ? "2001:db8:1::1" : "10.1.0.1");
			uint8_t *cut = malloc(octets);
			uint8_t answer[ICMP_MESSAGE_MAX];

			memcpy(cut, whole, octets);
			if (icmp_may_answer(ICMP_too_big, cut, octets))
				assert_int_equal(icmp_message_write(ICMP_too_big, cut, octets,
							 &source, 1400, ICMP_MESSAGE_MAX, answer),
					(i ? 48 : 28) + octets);
			free(cut);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_octets),
		cmocka_unit_test(padding_is_not_quoted),
		cmocka_unit_test(never_below_the_least_mtu),
		cmocka_unit_test(fits_where_it_must_go),
		cmocka_unit_test(multicast_is_not_told),
		cmocka_unit_test(keeps_quiet),
		cmocka_unit_test(keeps_quiet_to_nobody),
		cmocka_unit_test(every_truncation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
