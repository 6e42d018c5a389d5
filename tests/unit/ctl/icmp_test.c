// ICMP errors: octets that scapy made from the same packets, the rules for keeping quiet, limits.
#include "ctl/icmp.h"

#include "ctl/mirror.h"
#include "dataplane/punt.h"
#include "proto/ip_hdr.h"

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

// Made with scapy 2.5.0: IP(tos=0xc0, id=0, flags="DF") / ICMP(type=3, code=4, nexthopmtu=1400),
// IPv6(tc=0xc0) / ICMPv6PacketTooBig(mtu=1380), from 10.1.0.1 and 2001:db8:1::1. Where the packet
// is longer than its hex, the rest is (7 i + 3) mod 256, i from 0 behind the UDP header; of the
// answer the head is given.
static const struct {
	const char *packet;
	size_t packet_octets;
	const char *source;
	uint32_t mtu;
	const char *answer;
	size_t answer_octets;
} golden[] = {
	{UDP4, 41, "10.1.0.1", 1400,
		"45c0004500004000400125ed0a0100010a01000903040bbd00000578" UDP4, 69},
	{UDP6, 61, "2001:db8:1::1", 1380,
		"6c00000000453a4020010db800010000000000000000000120010db80001000000000000"
		"0000000902002b7000000564" UDP6,
		109},
	{"450005dc123440003f110fcb0a0100090a0200070fa0138805c8d013", 1500, "10.1.0.1", 1400,
		"45c0024000004000400123f20a0100010a01000903041e8300000578", 576},
	{"6000000005b4113f20010db800010000000000000000000920010db80002000000000000"
	 "000000070fa0138805b429b1",
		1500, "2001:db8:1::1", 1380,
		"6c00000004d83a4020010db800010000000000000000000120010db80001000000000000"
		"0000000902008dee00000564",
		1280},
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

		assert_true(icmp_may_answer(ICMP_too_big, packet, n));
		got = icmp_message_write(ICMP_too_big, packet, n, &source, golden[i].mtu, answer);
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
	assert_int_equal(icmp_message_write(ICMP_too_big, packet, 60, &source, 1400, answer), 69);
}

static void never_below_the_least_mtu(void **state)
{
	struct ip_addr source4 = addr_of("10.1.0.1"), source6 = addr_of("2001:db8:1::1");
	uint8_t packet[64], answer[ICMP_MESSAGE_MAX];

	(void)state;
	build(UDP4, 41, packet);
	icmp_message_write(ICMP_too_big, packet, 41, &source4, 20, answer);
	assert_int_equal(load_be32(answer + 24), 68);
	build(UDP6, 61, packet);
	icmp_message_write(ICMP_too_big, packet, 61, &source6, 1000, answer);
	assert_int_equal(load_be32(answer + 44), 1280);
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
							 &source, 1400, answer),
					(i ? 48 : 28) + octets);
			free(cut);
		}
	}
}

// What icmp.c stands on, in place of the data plane and the mirror.
static uint8_t room[2048];
static struct rte_mbuf buffer;
static bool no_buffer, no_source, full;
static unsigned injected;

struct rte_mbuf *inject_alloc(struct dataplane *dp)
{
	(void)dp;
	buffer = (struct rte_mbuf){
		.buf_addr = room, .buf_len = sizeof(room), .data_off = 128, .nb_segs = 1};
	return no_buffer ? NULL : &buffer;
}

bool inject(struct dataplane *dp, struct rte_mbuf *m, enum meta_kind kind, uint8_t port)
{
	(void)dp;
	assert_ptr_equal(m, &buffer);
	assert_int_equal(kind, META_PACKET);
	assert_int_equal(port, 3);
	injected++;
	return !full;
}

bool mirror_source(const struct mirror *mirror, uint8_t port, const struct ip_addr *near,
	struct ip_addr *source)
{
	(void)mirror;
	assert_int_equal(port, 3);
	*source = addr_of(near->family == IP_V4 ? "10.1.0.1" : "2001:db8:1::1");
	return !no_source;
}

static unsigned ask(struct icmp *icmp, uint8_t last_octet, unsigned n)
{
	uint8_t packet[64];
	struct rte_mbuf m = {.buf_addr = packet, .nb_segs = 1};
	unsigned before = injected;

	m.data_len = (uint16_t)build(UDP4, 0, packet);
	packet[15] = last_octet;
	for (unsigned i = 0; i < n; i++)
		icmp_answer(icmp, ICMP_too_big, &m, 3, 1400);
	return injected - before;
}

static void limits_and_counts(void **state)
{
	const struct icmp_stats *stats;
	struct icmp *icmp;
	unsigned sent, all = 0;

	(void)state;
	injected = 0;
	assert_int_equal(icmp_create(NULL, NULL, &icmp), 0);
	stats = icmp_stats(icmp, ICMP_too_big);
	sent = ask(icmp, 9, 1000);
	assert_in_range(sent, ICMP_BURST, ICMP_BURST + 2);
	assert_int_equal(stats->sent, sent);
	assert_int_equal(stats->limited, 1000 - sent);
	assert_int_equal(buffer.data_len, 69);
	// Another sender is not the worse for it.
	assert_int_equal(ask(icmp, 10, 1), 1);
	for (unsigned i = 11; i < 211; i++)
		all += ask(icmp, (uint8_t)i, 10);
	assert_in_range(all, 1, ICMP_TOTAL_BURST + 200);
	icmp_destroy(icmp);
}

static void counts_what_fails(void **state)
{
	const struct icmp_stats *stats;
	struct icmp *icmp;

	(void)state;
	assert_int_equal(icmp_create(NULL, NULL, &icmp), 0);
	stats = icmp_stats(icmp, ICMP_too_big);
	no_source = true;
	assert_int_equal(ask(icmp, 9, 1), 0);
	assert_int_equal(stats->no_source, 1);
	no_source = false;
	no_buffer = true;
	assert_int_equal(ask(icmp, 9, 1), 0);
	assert_int_equal(stats->no_buffer, 1);
	no_buffer = false;
	full = true;
	ask(icmp, 9, 1);
	assert_int_equal(stats->no_buffer, 2);
	full = false;
	assert_int_equal(stats->sent, 0);
	assert_int_equal(stats->suppressed, 0);
	icmp_destroy(icmp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_octets),
		cmocka_unit_test(padding_is_not_quoted),
		cmocka_unit_test(never_below_the_least_mtu),
		cmocka_unit_test(keeps_quiet),
		cmocka_unit_test(keeps_quiet_to_nobody),
		cmocka_unit_test(every_truncation),
		cmocka_unit_test(limits_and_counts),
		cmocka_unit_test(counts_what_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
