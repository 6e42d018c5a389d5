// Routers' words about packets that were too big: messages that scapy made, and everything that is
// none.
#include "unit.h"

#include "proto/ip_upper.h"
#include "proto/too_big.h"

// scapy 2.5.0: IP(src="198.51.100.9", dst="192.0.2.1", id=1, ttl=60) / ICMP(type=3, code=4,
// nexthopmtu=1300) about ESP from 192.0.2.1 to 192.0.2.2 of 1500 octets, 16 behind its IP header.
#define SAID4                                                                      \
	"45000040000100003c01927ec6336409c000020103042bcf00000514450005dc00004000" \
	"3d32b3ecc0000201c0000202c0000001000000070001020304050607"
#define OCTETS4 64
// IPv6(src="2001:db8:9::9", dst="2001:db8::1", hlim=60) / ICMPv6PacketTooBig(mtu=1300) about ESP
// from 2001:db8::1 to 2001:db8::2 of 1500 octets, 17 behind its IP header.
#define SAID6                                                                      \
	"6000000000413a3c20010db800090000000000000000000920010db80000000000000000" \
	"000000010200d56b000005146000000005b4323d20010db8000000000000000000000001" \
	"20010db8000000000000000000000002c000000100000007000102030405060708"
#define OCTETS6 105

static size_t octets_of(const char *hex, uint8_t *octets)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		const char digits[3] = {hex[2 * i], hex[2 * i + 1], 0};

		octets[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return n;
}

static bool parse(const uint8_t *packet, size_t octets, struct too_big *said)
{
	struct packet upper;

	return ip_upper(packet, (uint32_t)octets, &upper) == DROP_NONE &&
		too_big_parse(packet, (uint32_t)octets, &upper, said);
}

static bool intact(const uint8_t *packet, size_t octets)
{
	struct packet upper;

	assert_int_equal(ip_upper(packet, (uint32_t)octets, &upper), DROP_NONE);
	return too_big_intact(packet, (uint32_t)octets, &upper);
}

static void assert_addr(const struct ip_addr *addr, const char *expected)
{
	char text[IP_ADDR_TEXT];

	assert_string_equal(ip_addr_format(addr, text), expected);
}

static void golden(void **state)
{
	uint8_t packet[128];
	struct too_big said;

	(void)state;
	assert_int_equal(octets_of(SAID4, packet), OCTETS4);
	assert_true(parse(packet, OCTETS4, &said) && intact(packet, OCTETS4));
	assert_int_equal(said.mtu, 1300);
	assert_int_equal(said.octets, 1500);
	assert_int_equal(said.protocol, 50);
	assert_addr(&said.source, "192.0.2.1");
	assert_addr(&said.destination, "192.0.2.2");
	assert_int_equal(said.upper_octets, 16);
	assert_int_equal(load_be32(said.upper), 0xc0000001);
	assert_int_equal(octets_of(SAID6, packet), OCTETS6);
	assert_true(parse(packet, OCTETS6, &said) && intact(packet, OCTETS6));
	assert_int_equal(said.mtu, 1300);
	assert_int_equal(said.octets, 1500);
	assert_int_equal(said.protocol, 50);
	assert_addr(&said.source, "2001:db8::1");
	assert_addr(&said.destination, "2001:db8::2");
	assert_int_equal(said.upper_octets, 17);
	assert_int_equal(load_be32(said.upper), 0xc0000001);
}

// Tunnel packets that left in fragments: the first one tells, with its fragment header.
static void quoted_fragments(void **state)
{
	static const uint8_t headers[][8] = {
		{50, 0, 0, 1, 0, 0, 0, 7}, {50, 0, 0, 8, 0, 0, 0, 7}, {17, 0, 0, 1, 0, 0, 0, 7}};
	struct too_big said;
	uint8_t packet[128];

	(void)state;
	octets_of(SAID4, packet);
	packet[34] = 0x60;
	assert_true(parse(packet, OCTETS4, &said));
	assert_int_equal(said.protocol, 50);
	for (unsigned i = 0; i < COUNT(headers); i++) {
		octets_of(SAID6, packet);
		memmove(packet + 96, packet + 88, OCTETS6 - 88);
		memcpy(packet + 88, headers[i], 8);
		packet[54] = 44;
		assert_int_equal(parse(packet, OCTETS6 + 8, &said), i != 1);
		if (i == 1)
			continue;
		assert_int_equal(said.protocol, headers[i][0]);
		assert_int_equal(said.octets, 1500);
		assert_int_equal(said.upper_octets, 17);
		assert_int_equal(load_be32(said.upper), 0xc0000001);
	}
}

// Each length in memory of just that size; what is quoted must reach behind the IP header.
static void every_truncation(void **state)
{
	static const struct {
		const char *hex;
		size_t header;
		size_t least;
	} cases[] = {{SAID4, 20, 20 + 8 + 20 + 8}, {SAID6, 40, 40 + 8 + 40 + 8}};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		uint8_t whole[128];
		size_t n = octets_of(cases[i].hex, whole);

		for (size_t octets = cases[i].header; octets <= n; octets++) {
			uint8_t *cut = malloc(octets);
			struct too_big said;

			memcpy(cut, whole, octets);
			assert_int_equal(parse(cut, octets, &said), octets >= cases[i].least);
			if (octets < n)
				assert_false(intact(cut, octets));
			free(cut);
		}
	}
}

static void every_flipped_octet(void **state)
{
	static const struct {
		const char *hex;
		size_t l4;
	} cases[] = {{SAID4, 20}, {SAID6, 40}};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		uint8_t packet[128];
		size_t n = octets_of(cases[i].hex, packet);

		for (size_t at = cases[i].l4; at < n; at++) {
			packet[at] ^= 0x40;
			assert_false(intact(packet, n));
			packet[at] ^= 0x40;
		}
	}
}

static void what_is_none(void **state)
{
	static const struct {
		const char *hex;
		const char *why;
		uint8_t at;
		uint8_t value;
	} cases[] = {
		{SAID4, "UDP", 9, 17},
		{SAID4, "ICMPv6 in IPv4", 9, 58},
		{SAID4, "first fragment", 6, 0x20},
		{SAID4, "time exceeded", 20, 11},
		{SAID4, "host unreachable", 21, 1},
		{SAID4, "quoted IPv6", 28, 0x65},
		{SAID4, "quoted header of 4 words", 28, 0x44},
		{SAID4, "quoted options beyond the end", 28, 0x48},
		{SAID4, "quoted later fragment", 35, 1},
		{SAID6, "TCP", 6, 6},
		{SAID6, "ICMP in IPv6", 6, 1},
		{SAID6, "unreachable", 40, 1},
		{SAID6, "echo", 40, 128},
		{SAID6, "quoted IPv4", 48, 0x45},
	};
	struct too_big said;
	uint8_t packet[128];

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		size_t n = octets_of(cases[i].hex, packet);

		packet[cases[i].at] = cases[i].value;
		if (parse(packet, n, &said))
			fail_msg("%s", cases[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden),
		cmocka_unit_test(quoted_fragments),
		cmocka_unit_test(every_truncation),
		cmocka_unit_test(every_flipped_octet),
		cmocka_unit_test(what_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
