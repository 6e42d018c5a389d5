// What an ICMP error quotes, in memory that ends where the message ends.
#include "unit.h"

#include "proto/icmp_quote.h"
#include "proto/ip_upper.h"

#define QUOTED 48 // octets; IPv6's has a header of options in front of UDP's

static const struct {
	uint8_t version;
	uint8_t error;
	uint32_t header;
	uint32_t quoted_l4;
} families[] = {{4, 11, IPV4_HEADER_MIN, IPV4_HEADER_MIN}, {6, 3, IPV6_HEADER, IPV6_HEADER + 8}};

static void header_make(uint8_t *at, uint8_t version, uint8_t protocol, uint32_t octets)
{
	memset(at, 0, version == 4 ? IPV4_HEADER_MIN : IPV6_HEADER);
	if (version == 4) {
		at[0] = 0x45;
		at[IPV4_PROTOCOL] = protocol;
		store_be16(at + IPV4_TOTAL_LENGTH, (uint16_t)octets);
		return;
	}
	at[0] = 0x60;
	at[IPV6_NEXT_HEADER] = protocol;
	store_be16(at + IPV6_PAYLOAD_LENGTH, (uint16_t)(octets - IPV6_HEADER));
}

// An error of the family about a UDP packet of 1000 octets. Returns its octets.
static uint32_t error_make(unsigned family, uint8_t *packet)
{
	uint8_t version = families[family].version;
	uint32_t header = families[family].header;
	uint8_t *quoted = packet + header + ICMP_HEADER;
	uint32_t octets = header + ICMP_HEADER + families[family].quoted_l4 + QUOTED;

	memset(packet, 0, octets);
	header_make(packet, version, version == 4 ? IP_PROTOCOL_ICMP : IP_PROTOCOL_ICMPV6, octets);
	packet[header] = families[family].error;
	header_make(
		quoted, version, version == 4 ? IP_PROTOCOL_UDP : IP_PROTOCOL_DESTINATION, 1000);
	if (version == 6)
		quoted[IPV6_HEADER] = IP_PROTOCOL_UDP;
	return octets;
}

static bool read_quote(const uint8_t *packet, uint32_t octets, struct icmp_quote *quote)
{
	struct packet upper;

	assert_int_equal(ip_upper(packet, octets, &upper), DROP_NONE);
	return icmp_is_error(packet, octets, &upper) &&
		icmp_quote_read(packet, octets, &upper, quote);
}

// As soon as the quoted packet's IP headers are whole.
static void every_length(void **state)
{
	(void)state;
	for (unsigned f = 0; f < COUNT(families); f++) {
		uint32_t before = families[f].header + ICMP_HEADER;
		uint8_t packet[256];
		uint32_t whole = error_make(f, packet);

		for (uint32_t octets = families[f].header; octets <= whole; octets++) {
			bool readable = octets >= before + families[f].quoted_l4;
			uint8_t *cut = malloc(octets);
			struct icmp_quote quote;

			memcpy(cut, packet, octets);
			assert_int_equal(read_quote(cut, octets, &quote), readable);
			if (readable) {
				assert_ptr_equal(quote.header, cut + before);
				assert_int_equal(quote.octets, octets - before);
				assert_int_equal(quote.packet.l4, families[f].quoted_l4);
				assert_int_equal(quote.packet.protocol, IP_PROTOCOL_UDP);
			}
			free(cut);
		}
	}
}

// Errors, each number once (RFC 792, RFC 4443 section 2.1); a redirect of IPv6 is one that quotes
// elsewhere (RFC 4861 section 4.5).
static void every_type(void **state)
{
	(void)state;
	for (unsigned f = 0; f < COUNT(families); f++) {
		for (unsigned type = 0; type < 256; type++) {
			bool error4 =
				type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
			bool error = f == 0 ? error4 : type < 128 || type == 137;
			struct icmp_quote quote;
			struct packet upper;
			uint8_t packet[256];
			uint32_t octets = error_make(f, packet);

			packet[families[f].header] = (uint8_t)type;
			ip_upper(packet, octets, &upper);
			assert_int_equal(icmp_is_error(packet, octets, &upper), error);
			assert_int_equal(read_quote(packet, octets, &quote), error && type != 137);
		}
	}
}

static void what_is_none(void **state)
{
	static const struct {
		const char *why;
		unsigned family;
		uint8_t at;
		uint8_t value;
	} cases[] = {
		{"UDP", 0, IPV4_PROTOCOL, IP_PROTOCOL_UDP},
		{"ICMPv6 in IPv4", 0, IPV4_PROTOCOL, IP_PROTOCOL_ICMPV6},
		{"first fragment", 0, IPV4_FRAGMENT, 0x20},
		{"later fragment", 0, IPV4_FRAGMENT + 1, 1},
		{"quoted IPv6", 0, IPV4_HEADER_MIN + ICMP_HEADER, 0x65},
		{"quoted header of 4 words", 0, IPV4_HEADER_MIN + ICMP_HEADER, 0x44},
		{"ICMP in IPv6", 1, IPV6_NEXT_HEADER, IP_PROTOCOL_ICMP},
		{"quoted IPv4", 1, IPV6_HEADER + ICMP_HEADER, 0x45},
		{"quoted options beyond the end", 1, 2 * IPV6_HEADER + ICMP_HEADER + 1, 200},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct icmp_quote quote;
		uint8_t packet[256];
		uint32_t octets = error_make(cases[i].family, packet);

		packet[cases[i].at] = cases[i].value;
		if (read_quote(packet, octets, &quote))
			fail_msg("%s", cases[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length),
		cmocka_unit_test(every_type),
		cmocka_unit_test(what_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
