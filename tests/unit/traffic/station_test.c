// ARP, neighbour discovery and turned packets against scapy's, octet by octet.
#include "unit.h"
#include "vectors.h"

#include "bench/number.h"
#include "bench/traffic/station.h"
#include "bench/traffic/swap.h"

#define FRAME_MOST 256

static const uint8_t ours[6] = {2, 0, 0, 0, 0, 10};
static json_t *vectors;

static struct ip_addr addr(const char *text)
{
	struct ip_addr parsed;

	assert_int_equal(ip_addr_parse(text, &parsed), 0);
	return parsed;
}

static struct station station(const char *asked)
{
	struct station s = {
		.ranges = 2,
		.range = {{addr("10.1.0.2"), 4}, {addr("fd00:1::2"), 4}},
		.asked = addr(asked),
	};

	memcpy(s.mac, ours, 6);
	return s;
}

// A frame in memory of exactly its size, so that a sanitizer sees every look beyond it.
static uint32_t hear(
	struct station *s, const uint8_t *frame, uint32_t octets, uint8_t reply[STATION_FRAME_MAX])
{
	uint8_t *exact = malloc(octets == 0 ? 1 : octets);
	uint32_t n;

	assert_non_null(exact);
	memcpy(exact, frame, octets);
	n = station_hear(s, exact, octets, reply);
	free(exact);
	return n;
}

static void check_answer(const json_t *vector)
{
	uint8_t heard[FRAME_MOST], answer[FRAME_MOST], reply[STATION_FRAME_MAX], mac[6];
	uint32_t octets = octets_of(vector, "heard", heard, FRAME_MOST);
	uint32_t wanted = octets_of(vector, "answer", answer, FRAME_MOST);
	const char *learned = text_of(vector, "learned");
	bool v6 = heard[12] == 0x86;
	struct station s = station(v6 ? "fd00:1::1" : "10.1.0.1");

	if (hear(&s, heard, octets, reply) != wanted || memcmp(reply, answer, wanted) != 0)
		fail_msg("%s: another answer than scapy's", text_of(vector, "name"));
	assert_int_equal(s.found, learned[0] != '\0');
	if (s.found) {
		assert_int_equal(number_parse_mac(learned, mac), 0);
		assert_memory_equal(s.found_mac, mac, 6);
	}
	// Nobody was asked.
	s.asked.family = IP_NONE;
	s.found = false;
	hear(&s, heard, octets, reply);
	assert_false(s.found);
}

static void answers(void **state)
{
	size_t i;
	json_t *vector;

	(void)state;
	assert_true(json_array_size(json_object_get(vectors, "stations")) > 10);
	json_array_foreach(json_object_get(vectors, "stations"), i, vector)
	{
		check_answer(vector);
	}
}

// Cut anywhere, or with any bit flipped: nothing is read beyond the end.
static void broken_frames(void **state)
{
	size_t i;
	json_t *vector;

	(void)state;
	json_array_foreach(json_object_get(vectors, "stations"), i, vector)
	{
		uint8_t heard[FRAME_MOST], reply[STATION_FRAME_MAX];
		uint32_t octets = octets_of(vector, "heard", heard, FRAME_MOST);
		struct station s = station("10.1.0.1");

		for (uint32_t n = 0; n < octets; n++) {
			assert_true(hear(&s, heard, n, reply) <= STATION_FRAME_MAX);
			if (n < 42)
				assert_int_equal(hear(&s, heard, n, reply), 0);
		}
		for (uint32_t bit = 0; bit < octets * 8; bit++) {
			heard[bit / 8] ^= (uint8_t)(1 << bit % 8);
			hear(&s, heard, octets, reply);
			heard[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

static void asks(void **state)
{
	size_t i;
	json_t *vector;

	(void)state;
	assert_int_equal(json_array_size(json_object_get(vectors, "questions")), 2);
	json_array_foreach(json_object_get(vectors, "questions"), i, vector)
	{
		struct ip_addr own = addr(text_of(vector, "own"));
		struct ip_addr wanted = addr(text_of(vector, "wanted"));
		uint8_t frame[STATION_FRAME_MAX], golden[FRAME_MOST];
		uint32_t octets = octets_of(vector, "frame", golden, FRAME_MOST);
		struct station s = {0};

		memcpy(s.mac, ours, 6);
		assert_int_equal(station_ask(&s, &own, &wanted, frame), octets);
		assert_memory_equal(frame, golden, octets);
		assert_true(ip_addr_equal(&s.asked, &wanted));
	}
}

static void ranges(void **state)
{
	struct station s = station("10.1.0.1");
	static const struct {
		const char *text;
		bool has;
	} rows[] = {{"10.1.0.1", false}, {"10.1.0.2", true}, {"10.1.0.5", true},
		{"10.1.0.6", false}, {"fd00:1::1", false}, {"fd00:1::2", true}, {"fd00:1::5", true},
		{"fd00:1::6", false}, {"fd00:2::2", false}, {"fd00:1::1:0:2", false},
		{"255.255.255.255", true}, {"0.0.0.0", true}, {"0.0.0.1", false},
		{"0.0.0.2", false}};

	(void)state;
	// Around the end of all addresses.
	s.range[s.ranges++] = (struct station_range){addr("255.255.255.255"), 2};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ip_addr a = addr(rows[i].text);

		if (station_has(&s, &a) != rows[i].has)
			fail_msg("%s", rows[i].text);
	}
}

static bool turn(const uint8_t *frame, uint32_t octets, uint8_t *turned)
{
	uint8_t *exact = malloc(octets == 0 ? 1 : octets);
	bool done;

	assert_non_null(exact);
	memcpy(exact, frame, octets);
	done = swap_frame(ours, exact, octets);
	memcpy(turned, exact, octets);
	free(exact);
	return done;
}

static void swaps(void **state)
{
	size_t i;
	json_t *vector;

	(void)state;
	assert_true(json_array_size(json_object_get(vectors, "swaps")) > 10);
	json_array_foreach(json_object_get(vectors, "swaps"), i, vector)
	{
		uint8_t frame[FRAME_MOST], golden[FRAME_MOST], turned[FRAME_MOST];
		uint32_t octets = octets_of(vector, "frame", frame, FRAME_MOST);
		uint32_t wanted = octets_of(vector, "turned", golden, FRAME_MOST);
		bool done = turn(frame, octets, turned);

		if (done != (wanted != 0) || memcmp(turned, done ? golden : frame, octets) != 0)
			fail_msg("%s: not as scapy has it", text_of(vector, "name"));
		for (uint32_t n = 0; n < octets; n++) {
			if (!turn(frame, n, turned))
				assert_memory_equal(turned, frame, n);
		}
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(broken_frames),
		cmocka_unit_test(asks),
		cmocka_unit_test(ranges),
		cmocka_unit_test(swaps),
	};
	int failed;

	vectors = vectors_load(argc > 1 ? argv[1] : NULL, "traffic/packets.json");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	json_decref(vectors);
	return failed;
}
