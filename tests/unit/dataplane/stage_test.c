// The profile of stages: what it counts, and that it counts only while it is wanted.
#include "in_flows.h"

#include "dataplane/stage.h"

static struct stage_clock *clock_of(struct lab *lab)
{
	return &lab->dp->worker[0]->clock;
}

static void want(struct lab *lab, uint32_t profile)
{
	atomic_store(&clock_of(lab)->wanted, profile);
}

// n packets out of the tunnel in one turn.
static void deliver(struct lab *lab, unsigned n)
{
	struct flow flow[BURST_MAX];

	for (unsigned i = 0; i < n; i++) {
		flow[i] = flow_in(i);
		lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &flow[i]));
	}
	lab_turn(lab, 0);
	for (unsigned i = 0; i < n; i++)
		expect_delivered(lab, 0, &flow[i]);
}

static uint64_t in_buckets(const struct stage_figures *figures)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < STAGE_BUCKETS; i++)
		sum += figures->bucket[i];
	return sum;
}

static void assert_sound(const struct stage_figures *figures, uint64_t bursts, uint64_t packets)
{
	double mean = (double)figures->cycles / (double)figures->packets * STAGE_FRACTION;

	assert_int_equal(figures->bursts, bursts);
	assert_int_equal(figures->packets, packets);
	assert_int_equal(in_buckets(figures), bursts);
	assert_true(figures->min <= figures->max);
	// min and max are rounded to a sixteenth.
	assert_true((double)figures->min <= mean + 1 && mean <= (double)figures->max + 1);
}

static void nothing_unless_wanted(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	static const struct stage_figures none[STAGES];

	deliver(lab, 3);
	assert_memory_equal(clock_of(lab)->stage, none, sizeof(none));
}

// One turn of STAGE_TURNS is measured, the first among them.
static void counts_what_it_measures(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);

	want(lab, 1);
	for (unsigned turn = 0; turn < 2 * STAGE_TURNS; turn++)
		deliver(lab, turn + 1);
	for (unsigned i = 0; i < STAGES; i++)
		assert_sound(&clock_of(lab)->stage[i], 2, 1 + (STAGE_TURNS + 1));
}

static void of_packets_out(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct flow flow = {.source = "10.1.0.10", .destination = "10.100.0.5"};
	uint8_t packet[PACKET_MAX];
	uint32_t octets = packet_make(&flow, packet);

	want(lab, 1);
	for (unsigned i = 0; i < 7; i++)
		lab_receive_flow(lab, LAN, 0, &flow);
	lab_turn(lab, 0);
	packet_hop(packet);
	for (unsigned i = 0; i < 7; i++)
		expect_sealed(lab, 0, 0, packet, octets);
	expect_out(lab, 0, 0, 7, 7 * octets);
	for (unsigned i = 0; i < STAGES; i++) {
		bool inbound = i == STAGE_sa || i == STAGE_commit;

		if (inbound)
			assert_int_equal(clock_of(lab)->stage[i].bursts, 0);
		else
			assert_sound(&clock_of(lab)->stage[i], 1, 7);
	}
}

// Turns that find nothing say nothing about packets.
static void not_idle_turns(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);

	want(lab, 1);
	for (unsigned turn = 0; turn < 3 * STAGE_TURNS; turn++)
		lab_turn(lab, 0);
	for (unsigned i = 0; i < STAGES; i++)
		assert_int_equal(clock_of(lab)->stage[i].bursts, 0);
}

static void ends_and_begins_anew(void **state)
{
	struct lab *lab = one_tunnel(state, NULL);
	struct stage_figures kept[STAGES];

	want(lab, 1);
	deliver(lab, 5);
	memcpy(kept, clock_of(lab)->stage, sizeof(kept));
	want(lab, 0);
	for (unsigned turn = 0; turn < 2 * STAGE_TURNS; turn++)
		deliver(lab, 2);
	assert_memory_equal(clock_of(lab)->stage, kept, sizeof(kept));
	want(lab, 2);
	deliver(lab, 4);
	assert_int_equal(atomic_load(&clock_of(lab)->running), 2);
	assert_sound(&clock_of(lab)->stage[STAGE_crypto], 1, 4);
}

// Bucket, min and max of known times; the reciprocals stand for a division.
static void judges_times(void **state)
{
	static struct stage_clock clock = {.wanted = 1};

	(void)state;
	for (uint32_t packets = 1; packets <= 200; packets++) {
		struct stage_figures *figures = &clock.stage[STAGE_crypto];
		double exact, told;

		clock.wanted = packets;
		stage_turn_on(&clock);
		stage_burst(&clock, packets);
		clock.last = rte_rdtsc() - 100000;
		stage_record(&clock, STAGE_crypto);
		exact = (double)figures->cycles / packets;
		told = (double)figures->max / STAGE_FRACTION;
		// Above 64 packets both are halved first.
		assert_true(told > exact * 0.96 - 0.1 && told < exact * 1.04 + 0.1);
		assert_int_equal(figures->min, figures->max);
		for (unsigned i = 0; i < STAGE_BUCKETS; i++) {
			bool last = i + 1 == STAGE_BUCKETS;
			bool here = (told < (double)(UINT64_C(1) << i) || last) &&
				(i == 0 || told >= (double)(UINT64_C(1) << (i - 1)));

			assert_int_equal(figures->bucket[i], here);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(nothing_unless_wanted, NULL),
		LAB_TEST(counts_what_it_measures, NULL),
		LAB_TEST(of_packets_out, NULL),
		LAB_TEST(not_idle_turns, NULL),
		LAB_TEST(ends_and_begins_anew, NULL),
		cmocka_unit_test(judges_times),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
