// Measuring packets against scapy's, octet by octet, and their checksums at every size.
#include "unit.h"
#include "vectors.h"

#include "bench/number.h"
#include "bench/traffic/flow.h"

#define FRAME_MOST 9614

static json_t *vectors;

static struct ip_addr addr_of(const json_t *object, const char *key)
{
	struct ip_addr addr;

	assert_int_equal(ip_addr_parse(text_of(object, key), &addr), 0);
	return addr;
}

static struct flow_plan plan_of(const json_t *vector, struct mix *dscp)
{
	struct flow_plan plan = {
		.flows = FLOWS_MAX,
		.source = addr_of(vector, "source"),
		.destination = addr_of(vector, "destination"),
		.sources = (uint32_t)number_of(vector, "sources"),
		.destinations = (uint32_t)number_of(vector, "destinations"),
		.destination_port = (uint16_t)number_of(vector, "destination_port"),
		.dscp = dscp,
		.tag = (uint16_t)number_of(vector, "tag"),
	};

	*dscp = (struct mix){.n = 1, .value = {(uint16_t)number_of(vector, "dscp")}};
	assert_int_equal(number_parse_mac(text_of(vector, "source_mac"), plan.source_mac), 0);
	assert_int_equal(
		number_parse_mac(text_of(vector, "destination_mac"), plan.destination_mac), 0);
	return plan;
}

static void golden(void **state)
{
	static struct mix dscp;
	static uint8_t wanted[FRAME_MOST];
	static uint8_t frame[FRAME_MOST + 1];
	size_t i;
	json_t *vector;

	(void)state;
	assert_true(json_array_size(json_object_get(vectors, "flows")) > 5);
	json_array_foreach(json_object_get(vectors, "flows"), i, vector)
	{
		struct flow_plan plan = plan_of(vector, &dscp);
		uint32_t octets = octets_of(vector, "frame", wanted, FRAME_MOST);
		struct flow flow;

		memset(frame, 0, sizeof(frame));
		frame[octets] = 0x5a;
		flow_init(&flow, &plan, (uint32_t)number_of(vector, "flow"));
		flow_write(&flow, plan.source.family == IP_V6, false, frame, (uint16_t)octets,
			number_of(vector, "number"), number_of(vector, "time"));
		if (memcmp(frame, wanted, octets) != 0)
			fail_msg("%s: not as scapy has it", text_of(vector, "name"));
		assert_int_equal(frame[octets], 0x5a);
	}
}

// With the checksum in it, the pseudo header in front.
static uint16_t udp_sum(const uint8_t *frame, uint32_t octets, bool v6)
{
	static uint8_t message[40 + FRAME_MOST];
	uint32_t udp = flow_headers(v6) - FLOW_UDP;
	uint32_t addresses = v6 ? 32 : 8;

	memset(message, 0, sizeof(message));
	memcpy(message, frame + (v6 ? 14 + 8 : 14 + 12), addresses);
	write_be(message + addresses, octets - udp, 4);
	message[addresses + 7] = 17;
	memcpy(message + addresses + 8, frame + udp, octets - udp);
	return slow_checksum(message, addresses + 8 + octets - udp + octets % 2, SIZE_MAX);
}

static struct flow_plan random_plan(struct random *r, bool v6, const struct mix *dscp)
{
	struct flow_plan plan = {.flows = FLOWS_MAX, .sources = 1000, .destinations = 1000};

	plan.source.family = plan.destination.family = v6 ? IP_V6 : IP_V4;
	random_fill(r, plan.source.octets, v6 ? 16 : 4);
	random_fill(r, plan.destination.octets, v6 ? 16 : 4);
	random_fill(r, &plan.destination_port, 2);
	random_fill(r, &plan.tag, 2);
	plan.dscp = dscp;
	return plan;
}

static void checksums(void **state)
{
	static const struct mix dscp = {.n = 3, .value = {0, 46, 63}};
	static uint8_t frame[FRAME_MOST + 1];
	struct random r = {3};

	(void)state;
	for (unsigned i = 0; i < (full_run() ? 2000000 : 20000); i++) {
		bool v6 = i % 2;
		struct flow_plan plan = random_plan(&r, v6, &dscp);
		uint32_t octets = flow_frame_min(v6) + (uint32_t)random_below(&r, 200);
		struct flow flow;

		if (i % 64 == 0)
			octets = FRAME_MOST - (uint32_t)random_below(&r, 4);
		memset(frame, 0, octets + 1);
		flow_init(&flow, &plan, (uint32_t)random_below(&r, FLOWS_MAX));
		flow_write(&flow, v6, false, frame, (uint16_t)octets,
			random_next(&r) & STAMP_48_BITS, random_next(&r));
		assert_int_equal(udp_sum(frame, octets, v6), 0);
		assert_int_not_equal(read_be16(frame + flow_headers(v6) - 2), 0);
		if (!v6)
			assert_int_equal(slow_checksum(frame + 14, 20, SIZE_MAX), 0);
	}
}

// A sum of zero is sent as its other form: zero means that there is none (RFC 768).
static void never_without_checksum(void **state)
{
	static const struct mix dscp = {.n = 1};
	uint8_t frame[60] = {0};
	struct random r = {4};
	struct flow_plan plan = random_plan(&r, false, &dscp);
	struct flow flow;
	uint16_t sum;

	(void)state;
	flow_init(&flow, &plan, 0);
	flow_write(&flow, false, false, frame, 60, 0, 0);
	sum = read_be16(frame + flow_headers(false) - 2);
	// Adding the checksum itself makes all ones, whose complement is zero.
	flow_write(&flow, false, false, frame, 60, sum, 0);
	assert_int_equal(read_be16(frame + flow_headers(false) - 2), 0xffff);
	assert_int_equal(udp_sum(frame, 60, false), 0);
}

// The port adds what the packet has behind the pseudo header's sum, and puts the complement there.
static void offload(void **state)
{
	static const struct mix dscp = {.n = 1};
	static uint8_t frame[2][1514];
	struct random r = {5};

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		bool v6 = i % 2;
		struct flow_plan plan = random_plan(&r, v6, &dscp);
		uint32_t udp = flow_headers(v6) - FLOW_UDP;
		struct flow flow;

		flow_init(&flow, &plan, 5);
		memset(frame, 0, sizeof(frame));
		for (unsigned port = 0; port < 2; port++)
			flow_write(&flow, v6, port, frame[port], 1514, i, 99);
		if (!v6) {
			assert_int_equal(read_be16(frame[1] + 14 + 10), 0);
			write_be(frame[1] + 14 + 10, slow_checksum(frame[1] + 14, 20, SIZE_MAX), 2);
		}
		write_be(
			frame[1] + udp + 6, slow_checksum(frame[1] + udp, 1514 - udp, SIZE_MAX), 2);
		assert_memory_equal(frame[0], frame[1], 1514);
	}
}

static void all_flows_differ(void **state)
{
	static const struct mix dscp = {.n = 1};
	static uint8_t seen[3][2][1 << 16];
	struct flow_plan plan = {.sources = 3,
		.destinations = 2,
		.source = {.family = IP_V4, .octets = {10, 0, 0, 255}},
		.destination = {.family = IP_V4, .octets = {10, 255, 255, 255}},
		.dscp = &dscp};

	(void)state;
	for (uint32_t i = 0; i < 6 * FLOW_PORTS; i++) {
		struct flow flow;
		uint32_t source, destination;

		flow_init(&flow, &plan, i);
		source = load_be32(flow.template + 26) - 0x0a0000ff;
		destination = load_be32(flow.template + 30) - 0x0affffff;
		assert_true(source < 3 && destination < 2);
		seen[source][destination][read_be16(flow.template + 34)]++;
	}
	for (unsigned i = 0; i < 6; i++) {
		for (uint32_t port = 0; port <= UINT16_MAX; port++)
			assert_int_equal(seen[i / 2][i % 2][port], port >= 1024);
	}
}

static void probe(void **state)
{
	static const struct mix dscp = {.n = 1};
	uint8_t frame[80] = {0};
	struct random r = {6};

	(void)state;
	for (unsigned v6 = 0; v6 < 2; v6++) {
		struct flow_plan plan = random_plan(&r, v6, &dscp);
		struct flow flow;
		struct stamp stamp;

		flow_init_probe(&flow, &plan);
		flow_write(&flow, v6, false, frame, (uint16_t)flow_frame_min(v6), 7, 0);
		stamp = stamp_load(frame + flow_headers(v6));
		assert_true(stamp.flow == STAMP_PROBE && stamp.number == 7);
		assert_int_equal(stamp.tag, plan.tag);
		assert_int_equal(udp_sum(frame, flow_frame_min(v6), v6), 0);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden),
		cmocka_unit_test(checksums),
		cmocka_unit_test(never_without_checksum),
		cmocka_unit_test(offload),
		cmocka_unit_test(all_flows_differ),
		cmocka_unit_test(probe),
	};
	int failed;

	vectors = vectors_load(argc > 1 ? argv[1] : NULL, "traffic/packets.json");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	json_decref(vectors);
	return failed;
}
