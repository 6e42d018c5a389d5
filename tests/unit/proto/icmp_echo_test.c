// ICMP echo: what is written is read back, a question becomes its answer, and others are nobody's.
#include "unit.h"

#include "proto/icmp_echo.h"
#include "proto/icmp_enclose.h"
#include "proto/ip_upper.h"

static const struct {
	const char *source;
	const char *destination;
	uint32_t header;
	uint8_t answer;
} families[] = {
	{"10.1.0.1", "10.2.0.1", IPV4_HEADER_MIN, 0}, {"fd00:1::1", "fd00:2::1", IPV6_HEADER, 129}};

static struct icmp_echo question_of(unsigned family)
{
	struct icmp_echo echo = {.question = true, .id = 0x1234, .seq = 0xfffe};

	assert_int_equal(ip_addr_parse(families[family].source, &echo.source), 0);
	assert_int_equal(ip_addr_parse(families[family].destination, &echo.destination), 0);
	for (unsigned i = 0; i < ICMP_ECHO_NONCE; i++)
		echo.nonce[i] = (uint8_t)(0xa0 + i);
	return echo;
}

// The sum over what ICMP's checksum covers is all ones.
static void assert_sums(const uint8_t *packet, uint32_t octets)
{
	bool ipv6 = ip_version(packet) == 6;
	uint32_t header = ipv6 ? IPV6_HEADER : IPV4_HEADER_MIN;
	uint32_t sum = checksum_sum_any(packet + header, octets - header);

	if (ipv6)
		sum += checksum_sum(packet + IPV6_SOURCE, 32) +
			htobe16((uint16_t)(octets - header)) + htobe16(IP_PROTOCOL_ICMPV6);
	else
		assert_true(checksum_ipv4_right(packet, IPV4_HEADER_MIN));
	assert_int_equal(checksum_fold(sum), 0xffff);
}

static void assert_same(const struct icmp_echo *a, const struct icmp_echo *b)
{
	assert_true(ip_addr_equal(&a->source, &b->source));
	assert_true(ip_addr_equal(&a->destination, &b->destination));
	assert_int_equal(a->question, b->question);
	assert_int_equal(a->id, b->id);
	assert_int_equal(a->seq, b->seq);
	assert_memory_equal(a->nonce, b->nonce, sizeof(a->nonce));
}

static void there_and_back(void **state)
{
	(void)state;
	for (unsigned f = 0; f < COUNT(families); f++) {
		const struct icmp_echo echo = question_of(f);
		struct icmp_echo read, expected = echo;
		uint8_t packet[ICMP_ECHO_MAX];
		uint32_t octets = (uint32_t)icmp_echo_write(&echo, packet);

		assert_int_equal(octets, families[f].header + ICMP_HEADER + ICMP_ECHO_NONCE);
		assert_sums(packet, octets);
		assert_true(icmp_echo_read(packet, octets, &read));
		assert_same(&read, &echo);
		assert_true(icmp_echo_turn(packet, octets));
		assert_sums(packet, octets);
		assert_int_equal(packet[families[f].header], families[f].answer);
		assert_true(icmp_echo_read(packet, octets, &read));
		expected.question = false;
		expected.source = echo.destination;
		expected.destination = echo.source;
		assert_same(&read, &expected);
	}
}

// In memory that ends where the packet ends.
static void every_length(void **state)
{
	(void)state;
	for (unsigned f = 0; f < COUNT(families); f++) {
		const struct icmp_echo echo = question_of(f);
		static const uint8_t none[ICMP_ECHO_NONCE];
		uint8_t packet[ICMP_ECHO_MAX];
		uint32_t whole = (uint32_t)icmp_echo_write(&echo, packet);

		for (uint32_t octets = families[f].header; octets < whole; octets++) {
			uint8_t *cut = malloc(octets);
			struct icmp_echo read;

			memcpy(cut, packet, octets);
			assert_int_equal(icmp_echo_read(cut, octets, &read),
				octets >= families[f].header + ICMP_HEADER);
			if (octets >= families[f].header + ICMP_HEADER)
				assert_memory_equal(read.nonce, none, sizeof(none));
			free(cut);
		}
	}
}

static void others(void **state)
{
	const struct icmp_echo echo = question_of(0);
	uint8_t packet[ICMP_ECHO_MAX];
	uint32_t octets = (uint32_t)icmp_echo_write(&echo, packet);
	struct icmp_echo read;

	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		packet[IPV4_HEADER_MIN] = (uint8_t)type;
		assert_int_equal(icmp_echo_read(packet, octets, &read), type == 0 || type == 8);
	}
	packet[IPV4_HEADER_MIN] = 8;
	store_be16(packet + IPV4_FRAGMENT, IPV4_MORE_FRAGMENTS);
	assert_false(icmp_echo_read(packet, octets, &read));
	store_be16(packet + IPV4_FRAGMENT, 1);
	assert_false(icmp_echo_read(packet, octets, &read));
	store_be16(packet + IPV4_FRAGMENT, 0);
	packet[IPV4_PROTOCOL] = IP_PROTOCOL_UDP;
	assert_false(icmp_echo_read(packet, octets, &read));
}

// An answer would have to leave the options out; the kernel knows how.
static void with_options(void **state)
{
	uint8_t packet[64] = {0x46};
	uint8_t before[64];

	(void)state;
	memcpy(before, packet, sizeof(packet));
	assert_false(icmp_echo_turn(packet, sizeof(packet)));
	assert_memory_equal(packet, before, sizeof(packet));
	packet[0] = 0x60;
	packet[IPV6_NEXT_HEADER] = IP_PROTOCOL_DESTINATION;
	memcpy(before, packet, sizeof(packet));
	assert_false(icmp_echo_turn(packet, sizeof(packet)));
	assert_memory_equal(packet, before, sizeof(packet));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(every_length),
		cmocka_unit_test(others),
		cmocka_unit_test(with_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
