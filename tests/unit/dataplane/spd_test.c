// Policies against a linear reference: random rules, packets at their borders.
#include "fixture.h"

#include "base/bytes.h"
#include "proto/ip_hdr.h"

#include <errno.h>

#define RULES_MAX 1000

// A packet as the reference sees it, in the direction of its selectors.
struct probe {
	bool ipv6;
	uint8_t protocol;
	bool fragment;
	uint8_t source[16];
	uint8_t destination[16];
	uint16_t source_port;
	uint16_t destination_port;
};

static const uint8_t protocols[] = {IP_PROTOCOL_TCP, IP_PROTOCOL_UDP, IP_PROTOCOL_SCTP,
	IP_PROTOCOL_DCCP, IP_PROTOCOL_UDP_LITE, IP_PROTOCOL_ICMP, IP_PROTOCOL_ICMPV6, 0, 47, 255};

static struct ip_prefix random_prefix(struct random *r, bool ipv6)
{
	struct ip_prefix prefix = {.addr.family = ipv6 ? IP_V6 : IP_V4};
	unsigned bits = ipv6 ? 128 : 32;

	// Few first octets, so that prefixes overlap.
	for (unsigned i = 0; i < bits / 8; i++)
		prefix.addr.octets[i] =
			(uint8_t)(random_below(r, 3) == 0 ? random_next(r) : random_below(r, 2));
	switch (random_below(r, 4)) {
	case 0:
		prefix.length = 0;
		break;
	case 1:
		prefix.length = (uint8_t)bits;
		break;
	default:
		prefix.length = (uint8_t)random_below(r, bits + 1);
	}
	ip_prefix_mask(&prefix);
	return prefix;
}

static struct port_range random_ports(struct random *r)
{
	uint16_t a = (uint16_t)random_next(r);
	uint16_t b = (uint16_t)random_next(r);

	switch (random_below(r, 6)) {
	case 0:
		return (struct port_range){a, a};
	case 1:
		return (struct port_range){0, b};
	case 2:
		return (struct port_range){a, UINT16_MAX};
	case 3:
		return (struct port_range){RTE_MIN(a, b), RTE_MAX(a, b)};
	default:
		return (struct port_range){0, UINT16_MAX};
	}
}

static struct policy random_policy(struct random *r)
{
	bool ipv6 = random_below(r, 2) == 1;
	struct policy policy = {.action = POLICY_BYPASS};
	struct selector *s = &policy.selector;

	s->source = random_prefix(r, ipv6);
	s->destination = random_prefix(r, ipv6);
	s->protocol = random_below(r, 3) == 0 ? SELECTOR_ANY_PROTOCOL
					      : protocols[random_below(r, COUNT(protocols))];
	s->source_port = s->destination_port = (struct port_range){0, UINT16_MAX};
	if (selector_protocol_has_ports(s->protocol)) {
		s->source_port = random_ports(r);
		s->destination_port = random_ports(r);
	}
	return policy;
}

// In the prefix, or just outside it.
static void near_prefix(struct random *r, const struct ip_prefix *prefix, uint8_t addr[16])
{
	unsigned bits = prefix->addr.family == IP_V6 ? 128 : 32;

	memcpy(addr, prefix->addr.octets, 16);
	for (unsigned bit = prefix->length; bit < bits; bit++) {
		if (random_below(r, 2) == 1)
			addr[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	}
	if (prefix->length > 0 && random_below(r, 4) == 0) {
		unsigned bit = prefix->length - 1;

		if (random_below(r, 2) == 1)
			bit = (unsigned)random_below(r, prefix->length);
		addr[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
	}
}

static uint16_t near_range(struct random *r, struct port_range range)
{
	switch (random_below(r, 5)) {
	case 0:
		return range.first;
	case 1:
		return range.last;
	case 2:
		return (uint16_t)(range.first - 1);
	case 3:
		return (uint16_t)(range.last + 1);
	default:
		return (uint16_t)(range.first +
			random_below(r, (uint64_t)range.last - range.first + 1));
	}
}

static struct probe random_probe(struct random *r, const struct policy *policies, unsigned n)
{
	const struct selector *s = &policies[random_below(r, n)].selector;
	struct probe p = {.ipv6 = s->source.addr.family == IP_V6};

	near_prefix(r, &s->source, p.source);
	near_prefix(r, &s->destination, p.destination);
	p.protocol = s->protocol == SELECTOR_ANY_PROTOCOL || random_below(r, 8) == 0
		? protocols[random_below(r, COUNT(protocols))]
		: (uint8_t)s->protocol;
	p.fragment = random_below(r, 6) == 0;
	p.source_port = near_range(r, s->source_port);
	p.destination_port = near_range(r, s->destination_port);
	return p;
}

static bool in_prefix(const struct ip_prefix *prefix, const uint8_t *addr)
{
	for (unsigned bit = 0; bit < prefix->length; bit++) {
		if ((prefix->addr.octets[bit / 8] ^ addr[bit / 8]) & (0x80 >> bit % 8))
			return false;
	}
	return true;
}

static bool in_range(struct port_range range, uint16_t port)
{
	return range.first <= port && port <= range.last;
}

static bool names_ports(const struct selector *s)
{
	return s->source_port.first != 0 || s->source_port.last != 65535 ||
		s->destination_port.first != 0 || s->destination_port.last != 65535;
}

static uint32_t reference(const struct policy *policies, unsigned n, const struct probe *p)
{
	for (unsigned i = 0; i < n; i++) {
		const struct selector *s = &policies[i].selector;

		if ((s->source.addr.family == IP_V6) != p->ipv6 ||
			!in_prefix(&s->source, p->source) ||
			!in_prefix(&s->destination, p->destination) ||
			(s->protocol != SELECTOR_ANY_PROTOCOL && s->protocol != p->protocol))
			continue;
		if (names_ports(s) && p->fragment)
			return (i + 1) | SPD_FRAGMENT;
		if (names_ports(s) &&
			(!in_range(s->source_port, p->source_port) ||
				!in_range(s->destination_port, p->destination_port)))
			continue;
		return i + 1;
	}
	return SPD_NO_MATCH;
}

// The probe as a packet, source and destination exchanged where it comes in.
static void fill(struct burst *b, uint16_t i, const struct probe *p, enum spd_direction direction)
{
	const uint8_t *source = direction == SPD_OUT ? p->source : p->destination;
	const uint8_t *destination = direction == SPD_OUT ? p->destination : p->source;
	uint8_t *at = rte_pktmbuf_mtod(b->m[i], uint8_t *);
	uint16_t l4 = p->ipv6 ? IPV6_HEADER : IPV4_HEADER_MIN;

	memcpy(at + (p->ipv6 ? IPV6_SOURCE : IPV4_SOURCE), source, p->ipv6 ? 16 : 4);
	memcpy(at + (p->ipv6 ? IPV6_DESTINATION : IPV4_DESTINATION), destination, p->ipv6 ? 16 : 4);
	store_be16(at + l4, direction == SPD_OUT ? p->source_port : p->destination_port);
	store_be16(at + l4 + 2, direction == SPD_OUT ? p->destination_port : p->source_port);
	b->packet[i] = (struct packet){.l4 = l4, .protocol = p->protocol};
	b->packet[i].flags =
		(uint8_t)((p->ipv6 ? PACKET_IPV6 : 0) | (p->fragment ? PACKET_FRAGMENT : 0));
}

static void compare(const struct lab *lab, struct random *r, unsigned rules, unsigned packets)
{
	static struct policy policies[RULES_MAX];
	static struct burst b;
	struct error err = {.text = ""};
	unsigned matched = 0;
	struct spd *spd;

	for (unsigned i = 0; i < rules; i++)
		policies[i] = random_policy(r);
	if (spd_build(policies, rules, 1, SOCKET_ID_ANY, &spd, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(spd_policies(spd), rules);
	for (unsigned i = 0; i < BURST_MAX; i++) {
		b.m[i] = rte_pktmbuf_alloc(lab->dp->pool);
		append_zeros(b.m[i], 64);
	}
	for (unsigned done = 0; done < packets; done += b.n) {
		enum spd_direction direction = random_below(r, 2) == 1 ? SPD_IN : SPD_OUT;
		struct probe probe[BURST_MAX];
		uint32_t result[BURST_MAX];

		b.n = (uint16_t)(1 + random_below(r, BURST_MAX));
		for (uint16_t i = 0; i < b.n; i++) {
			probe[i] = random_probe(r, policies, rules);
			fill(&b, i, &probe[i], direction);
		}
		spd_lookup(spd, direction, &b, 0, b.n, result);
		for (uint16_t i = 0; i < b.n; i++) {
			uint32_t expected;

			// Ports of a packet without ports are no ports.
			if (!selector_protocol_has_ports(probe[i].protocol))
				probe[i].source_port = probe[i].destination_port = 0;
			expected = reference(policies, rules, &probe[i]);
			assert_int_equal(result[i], expected);
			matched += expected != SPD_NO_MATCH;
		}
	}
	assert_true(matched > packets / 8);
	for (unsigned i = 0; i < BURST_MAX; i++)
		rte_pktmbuf_free(b.m[i]);
	spd_free(spd);
}

static void random_rules(void **state)
{
	struct random r = {5};
	unsigned sets = full_run() ? 100 : 12;

	for (unsigned i = 0; i < sets; i++) {
		compare(*state, &r, 1, 2000);
		compare(*state, &r, 2 + (unsigned)random_below(&r, 8), 10000);
		compare(*state, &r, 50 + (unsigned)random_below(&r, 100), 10000);
	}
}

static void thousand_rules(void **state)
{
	struct random r = {6};
	unsigned sets = full_run() ? 20 : 3;

	for (unsigned i = 0; i < sets; i++)
		compare(*state, &r, RULES_MAX, 100000);
}

// A burst looked up from its middle gives the same.
static void part_of_a_burst(void **state)
{
	struct lab *lab = *state;
	struct random r = {8};
	struct policy policies[20];
	struct error err = {.text = ""};
	static struct burst b;
	uint32_t all[BURST_MAX];
	uint32_t part[BURST_MAX];
	struct spd *spd;

	for (unsigned i = 0; i < COUNT(policies); i++)
		policies[i] = random_policy(&r);
	assert_int_equal(spd_build(policies, COUNT(policies), 1, SOCKET_ID_ANY, &spd, &err), 0);
	for (uint16_t i = 0; i < BURST_MAX; i++) {
		struct probe probe = random_probe(&r, policies, COUNT(policies));

		b.m[i] = rte_pktmbuf_alloc(lab->dp->pool);
		append_zeros(b.m[i], 64);
		fill(&b, i, &probe, SPD_OUT);
	}
	b.n = BURST_MAX;
	spd_lookup(spd, SPD_OUT, &b, 0, BURST_MAX, all);
	for (uint16_t first = 0; first < BURST_MAX; first++) {
		uint16_t n = (uint16_t)((BURST_MAX - first + 1) / 2);

		spd_lookup(spd, SPD_OUT, &b, first, n, part);
		assert_memory_equal(part, all + first, n * sizeof(part[0]));
	}
	for (uint16_t i = 0; i < BURST_MAX; i++)
		rte_pktmbuf_free(b.m[i]);
	spd_free(spd);
}

// The largest set, and its cost in memory is given back.
static void many_and_none(void **state)
{
	struct policy *policies = calloc(POLICIES_MAX + 1, sizeof(policies[0]));
	struct error err = {.text = ""};
	struct spd *spd = NULL;

	(void)state;
	for (uint32_t i = 0; i <= POLICIES_MAX; i++) {
		struct selector *s = &policies[i].selector;

		s->source = prefix_of("10.0.0.0/8");
		s->destination = (struct ip_prefix){.addr.family = IP_V4, .length = 24};
		store_be32(s->destination.addr.octets, i << 8);
		s->protocol = SELECTOR_ANY_PROTOCOL;
		s->source_port = s->destination_port = (struct port_range){0, UINT16_MAX};
	}
	assert_int_equal(
		spd_build(policies, POLICIES_MAX + 1, 1, SOCKET_ID_ANY, &spd, &err), -E2BIG);
	assert_non_null(strstr(err.text, "65536 policies"));
	assert_int_equal(spd_build(policies, 20000, 1, SOCKET_ID_ANY, &spd, &err), 0);
	spd_free(spd);
	for (unsigned i = 0; i < 50; i++) {
		assert_int_equal(spd_build(NULL, 0, 1, SOCKET_ID_ANY, &spd, &err), 0);
		spd_free(spd);
	}
	spd_free(NULL);
	free(policies);
}

static void hits_per_worker(void **state)
{
	struct policy policies[9];
	struct error err = {.text = ""};
	struct random r = {1};
	struct spd *spd;

	(void)state;
	for (unsigned i = 0; i < COUNT(policies); i++)
		policies[i] = random_policy(&r);
	assert_int_equal(spd_build(policies, COUNT(policies), 3, SOCKET_ID_ANY, &spd, &err), 0);
	for (uint16_t worker = 0; worker < 3; worker++) {
		for (uint32_t i = 1; i <= COUNT(policies); i++)
			spd_hit(spd, worker, i, i * (worker + 1u));
	}
	for (unsigned i = 0; i < COUNT(policies); i++)
		assert_int_equal(spd_hits(spd, i), (i + 1) * 6);
	spd_free(spd);
}

static void selectors_compared(void **state)
{
	struct random r = {21};
	struct probe probe;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		struct policy two[2] = {random_policy(&r), random_policy(&r)};
		bool covers;

		if (random_below(&r, 2) == 1) {
			two[1] = two[0];
			two[1].selector.destination_port = random_ports(&r);
			two[1].selector.source.length = (uint8_t)RTE_MIN(
				two[0].selector.source.length + random_below(&r, 3), 32u);
		}
		covers = selector_covers(&two[0].selector, &two[1].selector);
		assert_true(selector_covers(&two[0].selector, &two[0].selector));
		assert_true(selector_equal(&two[0].selector, &two[0].selector));
		if (selector_equal(&two[0].selector, &two[1].selector))
			assert_true(covers);
		// What the inner one takes, the outer one takes.
		for (unsigned j = 0; covers && j < 20; j++) {
			probe = random_probe(&r, &two[1], 1);
			probe.fragment = false;
			if (reference(&two[1], 1, &probe) != SPD_NO_MATCH)
				assert_int_equal(reference(&two[0], 1, &probe), 1);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(random_rules, NULL),
		LAB_TEST(thousand_rules, NULL),
		LAB_TEST(part_of_a_burst, NULL),
		LAB_TEST(many_and_none, NULL),
		LAB_TEST(hits_per_worker, NULL),
		LAB_TEST(selectors_compared, NULL),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
