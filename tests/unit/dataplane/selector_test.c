// Selectors against all packets of a world small enough to be walked: covering and equality are
// what the packets say.
#include "dataplane/spd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

// Eight addresses each side, four protocols, four ports: every boundary that a selector of this
// world can have.
#define ADDRESSES 8
static const uint16_t protocols[] = {1, 6, 17, 132};
static const uint16_t ports[] = {0, 1023, 1024, 65535};

struct traffic {
	uint8_t source, destination;
	uint16_t protocol, source_port, destination_port;
};

static struct ip_addr address(uint8_t family, uint8_t last)
{
	struct ip_addr addr = {.family = family, .octets = {10}};

	addr.octets[family == IP_V4 ? 3 : 15] = last;
	return addr;
}

static bool in_range(struct port_range range, uint16_t port)
{
	return range.first <= port && port <= range.last;
}

static bool selects(const struct selector *selector, const struct traffic *traffic)
{
	uint8_t family = selector->source.addr.family;
	struct ip_addr source = address(family, traffic->source);
	struct ip_addr destination = address(family, traffic->destination);

	return ip_prefix_contains(&selector->source, &source) &&
		ip_prefix_contains(&selector->destination, &destination) &&
		(selector->protocol == SELECTOR_ANY_PROTOCOL ||
			selector->protocol == traffic->protocol) &&
		in_range(selector->source_port, traffic->source_port) &&
		in_range(selector->destination_port, traffic->destination_port);
}

static struct traffic traffic_of(unsigned i)
{
	return (struct traffic){.source = (uint8_t)(i % ADDRESSES),
		.destination = (uint8_t)(i / ADDRESSES % ADDRESSES),
		.protocol = protocols[i / 64 % 4],
		.source_port = ports[i / 256 % 4],
		.destination_port = ports[i / 1024 % 4]};
}

static uint32_t random_next(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state >> 8;
}

static struct ip_prefix random_prefix(uint32_t *random, uint8_t family)
{
	uint8_t bits = family == IP_V4 ? 32 : 128;
	struct ip_prefix prefix = {.addr = address(family, random_next(random) % ADDRESSES),
		.length = (uint8_t)(bits - random_next(random) % 4)};

	ip_prefix_mask(&prefix);
	return prefix;
}

static struct port_range random_range(uint32_t *random)
{
	static const struct port_range ranges[] = {
		{0, 65535}, {0, 65535}, {0, 1023}, {1024, 65535}, {1024, 1024}, {0, 0}};

	return ranges[random_next(random) % 6];
}

static struct selector random_selector(uint32_t *random)
{
	uint8_t family = random_next(random) % 8 ? IP_V4 : IP_V6;
	struct selector selector = {.source = random_prefix(random, family),
		.destination = random_prefix(random, family),
		.protocol = SELECTOR_ANY_PROTOCOL,
		.source_port = {0, 65535},
		.destination_port = {0, 65535}};

	if (random_next(random) % 3)
		selector.protocol = protocols[random_next(random) % 4];
	if (selector_protocol_has_ports(selector.protocol)) {
		selector.source_port = random_range(random);
		selector.destination_port = random_range(random);
	}
	return selector;
}

static void covers(void **state)
{
	uint32_t random = 4301;
	unsigned covered = 0, equal = 0;

	(void)state;
	for (unsigned n = 0; n < 20000; n++) {
		struct selector a = random_selector(&random), b = random_selector(&random);
		bool outer = a.source.addr.family == b.source.addr.family, same = outer;

		for (unsigned i = 0; i < 4096 && outer; i++) {
			struct traffic traffic = traffic_of(i);
			bool in_a = selects(&a, &traffic), in_b = selects(&b, &traffic);

			outer = in_a || !in_b;
			same = same && in_a == in_b;
		}
		same = same && outer;
		assert_int_equal(selector_covers(&a, &b), outer);
		assert_int_equal(selector_equal(&a, &b), same);
		covered += outer;
		equal += same;
	}
	print_message("20000 pairs, %u cover, %u are equal\n", covered, equal);
	assert_true(covered > 100 && equal > 0);
}

static void itself(void **state)
{
	uint32_t random = 8221;

	(void)state;
	for (unsigned n = 0; n < 1000; n++) {
		struct selector a = random_selector(&random);

		assert_true(selector_covers(&a, &a));
		assert_true(selector_equal(&a, &a));
	}
}

static void names_ports(void **state)
{
	struct selector selector = {.source_port = {0, 65535}, .destination_port = {0, 65535}};

	(void)state;
	assert_false(selector_names_ports(&selector));
	selector.source_port.first = 1;
	assert_true(selector_names_ports(&selector));
	selector.source_port.first = 0;
	selector.destination_port.last = 65534;
	assert_true(selector_names_ports(&selector));
}

static void protocol_has_ports(void **state)
{
	(void)state;
	for (uint16_t protocol = 0; protocol <= SELECTOR_ANY_PROTOCOL; protocol++)
		assert_int_equal(selector_protocol_has_ports(protocol),
			protocol == 6 || protocol == 17 || protocol == 33 || protocol == 132 ||
				protocol == 136);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(covers),
		cmocka_unit_test(itself),
		cmocka_unit_test(names_ports),
		cmocka_unit_test(protocol_has_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
