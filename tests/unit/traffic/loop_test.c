// Sender, receiver and reflector on ports made of rings. The test carries the frames between them
// and does to them what a network may do, so that every count is known exactly.
#include "../ctl/eal_fixture.h"
#include "unit.h"

#include "bench/traffic/receiver.h"
#include "bench/traffic/reflector.h"
#include "bench/traffic/sender.h"

#include <rte_cycles.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <stdio.h>

#define RING 4096
#define BUFFERS 8191
#define FLOWS 5
#define TAG 0xbeef
#define NEAR 0
#define FAR 1

static const uint8_t macs[2][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};

// Both ends of a link that the test interrupts.
static struct rte_ring *in[2];
static struct rte_ring *out[2];
static uint16_t device[2];
static struct rte_mempool *pool;
static struct mix sizes;
static struct mix dscp;
static struct tracks tracks;
static struct histogram latency;
static struct sender sender;
static struct receiver receiver;
static struct reflector reflector;

static struct rte_ring *make_ring(const char *name)
{
	struct rte_ring *ring =
		rte_ring_create(name, RING, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);

	assert_non_null(ring);
	return ring;
}

static void open_end(unsigned end)
{
	struct rte_eth_conf conf = {0};
	char name[16];
	int id;

	snprintf(name, sizeof(name), "in%u", end);
	in[end] = make_ring(name);
	snprintf(name, sizeof(name), "out%u", end);
	out[end] = make_ring(name);
	snprintf(name, sizeof(name), "end%u", end);
	id = rte_eth_from_rings(name, &in[end], 1, &out[end], 1, 0);
	assert_true(id >= 0);
	device[end] = (uint16_t)id;
	assert_int_equal(rte_eth_dev_configure(device[end], 1, 1, &conf), 0);
	assert_int_equal(rte_eth_rx_queue_setup(device[end], 0, 64, 0, NULL, pool), 0);
	assert_int_equal(rte_eth_tx_queue_setup(device[end], 0, 64, 0, NULL), 0);
	assert_int_equal(rte_eth_dev_start(device[end]), 0);
}

static void clear_buffer(struct rte_mempool *p, void *none, void *object, unsigned index)
{
	struct rte_mbuf *m = object;

	(void)p;
	(void)none;
	(void)index;
	memset(m->buf_addr, 0, m->buf_len);
}

static struct ip_addr addr(const char *text)
{
	struct ip_addr parsed;

	assert_int_equal(ip_addr_parse(text, &parsed), 0);
	return parsed;
}

static void start(bool v6, const char *mix, uint64_t count)
{
	const struct pace_rate flat_out = {.unit = PACE_FLAT_OUT};
	struct flow_plan plan = {
		.flows = FLOWS,
		.source = addr(v6 ? "fd00:1::2" : "10.1.0.2"),
		.destination = addr(v6 ? "fd00:2::2" : "10.2.0.2"),
		.sources = 2,
		.destinations = 1,
		.destination_port = 9,
		.dscp = &dscp,
		.tag = TAG,
	};

	memcpy(plan.source_mac, macs[NEAR], 6);
	memcpy(plan.destination_mac, macs[FAR], 6);
	assert_int_equal(mix_parse("0,46", 0, 63, &dscp, NULL), 0);
	assert_int_equal(mix_parse(mix, 60, 1514, &sizes, NULL), 0);
	assert_int_equal(tracks_create(&tracks, FLOWS, 64), 0);
	memset(&latency, 0, sizeof(latency));
	rte_mempool_obj_iter(pool, clear_buffer, NULL);
	sender = (struct sender){.device = device[NEAR],
		.v6 = v6,
		.burst = 32,
		.pool = pool,
		.sizes = &sizes,
		.left = count};
	pace_start(&sender.pace, &flat_out, 0, 1, 1, 0);
	assert_int_equal(sender_create_flows(&sender, &plan, 0, 1), 0);
	receiver = (struct receiver){.device = device[NEAR],
		.v6 = v6,
		.verify = true,
		.tag = TAG,
		.flows = FLOWS,
		.pool = pool,
		.tracks = &tracks,
		.latency = &latency};
	reflector = (struct reflector){.device = device[FAR], .pool = pool};
	memcpy(reflector.station.mac, macs[FAR], 6);
}

static void stop(void)
{
	sender_stop(&sender);
	sender_destroy(&sender);
	tracks_destroy(&tracks);
	fault_stop(&reflector.fault);
	for (unsigned end = 0; end < 2; end++) {
		assert_true(rte_ring_empty(in[end]));
		assert_true(rte_ring_empty(out[end]));
	}
	assert_int_equal(rte_mempool_avail_count(pool), BUFFERS);
}

static struct rte_mbuf *take(struct rte_ring *ring)
{
	void *m = NULL;

	rte_ring_dequeue(ring, &m);
	return m;
}

static void put(struct rte_ring *ring, struct rte_mbuf *m)
{
	assert_int_equal(rte_ring_enqueue(ring, m), 0);
}

static unsigned carry(struct rte_ring *from, struct rte_ring *to)
{
	unsigned n = 0;
	struct rte_mbuf *m;

	while ((m = take(from)) != NULL) {
		put(to, m);
		n++;
	}
	return n;
}

static void send_all(void)
{
	while (!sender_done(&sender))
		assert_true(sender_turn(&sender) > 0);
}

static void receive_all(void)
{
	while (receiver_turn(&receiver) > 0)
		;
}

static void everything_comes_back(void **state)
{
	static const char *const mixes[] = {"60:7,590:4,1514:1", "80-1514/7", "90"};

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		bool v6 = i % 2;
		const struct receiver_counters *c = &receiver.counters;
		uint64_t octets = 0;

		start(v6, v6 && i / 2 == 0 ? "80:7,590:4,1514:1" : mixes[i / 2], 1200);
		for (unsigned n = 0; n < 1200; n++)
			octets += sizes.value[(n % FLOWS + n / FLOWS) % sizes.n] - 14u;
		send_all();
		assert_int_equal(carry(out[NEAR], in[FAR]), 1200);
		while (reflector_turn(&reflector) > 0)
			;
		assert_int_equal(carry(out[FAR], in[NEAR]), 1200);
		receive_all();
		assert_int_equal(sender.counters.packets, 1200);
		assert_int_equal(sender.counters.ip_octets, octets);
		assert_int_equal(c->packets, 1200);
		assert_int_equal(c->once, 1200);
		assert_int_equal(c->once_ip_octets, octets);
		assert_int_equal(c->skipped + c->reordered + c->duplicates + c->late, 0);
		assert_int_equal(c->corrupt + c->foreign + c->probes + c->answers, 0);
		assert_int_equal(histogram_count(&latency), 1200);
		assert_int_equal(reflector.counters.reflected, 1200);
		for (unsigned f = 0; f < FLOWS; f++) {
			assert_int_equal(sender.flow[f].number, 240);
			assert_int_equal(track_of(&tracks, f)->once, 240);
		}
		stop();
	}
}

// In each flow 3 is lost, 5 comes twice, 8 comes behind 9 and 10.
static void faults_are_counted_exactly(void **state)
{
	const struct receiver_counters *c = &receiver.counters;
	struct rte_mbuf *held[FLOWS] = {0};
	struct rte_mbuf *m;

	(void)state;
	start(false, "60", 20 * FLOWS);
	send_all();
	while ((m = take(out[NEAR])) != NULL) {
		struct stamp stamp = stamp_load(rte_pktmbuf_mtod_offset(m, uint8_t *, 42));

		if (stamp.number == 3) {
			rte_pktmbuf_free(m);
			continue;
		}
		if (stamp.number == 8) {
			held[stamp.flow] = m;
			continue;
		}
		put(in[NEAR], m);
		if (stamp.number == 5)
			put(in[NEAR], rte_pktmbuf_copy(m, pool, 0, UINT32_MAX));
		if (stamp.number == 10)
			put(in[NEAR], held[stamp.flow]);
	}
	receive_all();
	assert_int_equal(c->packets, 20 * FLOWS);
	assert_int_equal(c->once, 19 * FLOWS);
	assert_int_equal(c->duplicates, FLOWS);
	assert_int_equal(c->reordered, FLOWS);
	assert_int_equal(c->skipped, 2 * FLOWS);
	assert_int_equal(c->late, 0);
	assert_int_equal(histogram_count(&latency), 19 * FLOWS);
	for (unsigned f = 0; f < FLOWS; f++) {
		assert_int_equal(track_of(&tracks, f)->farthest, 2);
		assert_int_equal(track_of(&tracks, f)->duplicates, 1);
	}
	stop();
}

// The reflector's own faults: of 600 packets of one flow.
static void reflector_faults(void **state)
{
	const struct receiver_counters *c = &receiver.counters;

	(void)state;
	start(true, "80", 600);
	sender.flows = 1;
	reflector.faulty = true;
	reflector.fault.plan =
		(struct fault_plan){.lose_every = 10, .double_every = 7, .swap_every = 11};
	send_all();
	carry(out[NEAR], in[FAR]);
	while (reflector_turn(&reflector) > 0)
		;
	carry(out[FAR], in[NEAR]);
	receive_all();
	assert_int_equal(reflector.fault.counters.lost, 60);
	assert_int_equal(600 - c->once, 60);
	assert_int_equal(c->duplicates, reflector.fault.counters.doubled);
	// 7 goes into 600 85 times; every multiple of 70 is lost instead, every multiple of 77
	// late.
	assert_int_equal(c->duplicates, 85 - 8 - 7);
	assert_int_equal(c->reordered, reflector.fault.counters.swapped);
	assert_int_equal(c->reordered, 54 - 5);
	assert_int_equal(c->skipped - c->reordered, 60 - 1); // 600, the last, leaves no gap
	stop();
}

// A port without room: packets wait, their numbers stay, none is left out.
static void full_port(void **state)
{
	const struct receiver_counters *c = &receiver.counters;
	unsigned turns = 0;

	(void)state;
	start(false, "100", 3 * RING);
	while (!sender_done(&sender)) {
		if (sender_turn(&sender) == 0) {
			// A part of the room only, so that bursts are torn.
			for (unsigned n = 0; n < 45; n++)
				put(in[NEAR], take(out[NEAR]));
			turns++;
		}
		receive_all();
	}
	carry(out[NEAR], in[NEAR]);
	receive_all();
	assert_true(turns > 10);
	assert_true(sender.counters.full >= turns);
	assert_int_equal(sender.counters.packets, 3 * RING);
	assert_int_equal(c->once, 3 * RING);
	assert_int_equal(c->skipped + c->reordered + c->duplicates + c->corrupt, 0);
	stop();
}

// What waits when sending is stopped was not sent.
static void stopped_when_full(void **state)
{
	uint64_t numbers = 0;

	(void)state;
	start(false, "100", UINT64_MAX);
	while (sender_turn(&sender) > 0)
		;
	sender_stop(&sender);
	for (unsigned f = 0; f < FLOWS; f++)
		numbers += sender.flow[f].number;
	assert_int_equal(numbers, sender.counters.packets);
	assert_int_equal(carry(out[NEAR], in[NEAR]), numbers);
	receive_all();
	assert_int_equal(receiver.counters.once, numbers);
	stop();
}

// Any bit behind the Ethernet header, but for those that change what a packet is: it never counts
// as received.
static void broken_packets(void **state)
{
	const struct receiver_counters *c = &receiver.counters;
	unsigned bit = 0;
	struct rte_mbuf *m;

	(void)state;
	start(false, "70", 56 * 8);
	send_all();
	while ((m = take(out[NEAR])) != NULL) {
		rte_pktmbuf_mtod_offset(m, uint8_t *, 14)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		bit++;
		put(in[NEAR], m);
	}
	receive_all();
	assert_int_equal(c->packets, 0);
	assert_int_equal(c->corrupt + c->foreign, 56 * 8);
	assert_true(c->corrupt > 42 * 8);
	stop();
}

static void others_and_probes(void **state)
{
	const struct receiver_counters *c = &receiver.counters;
	static const uint8_t ask[42] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 8, 6,
		0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 9, 10, 1, 0, 1, 0, 0, 0, 0, 0, 0, 10, 1, 0,
		3};
	struct rte_mbuf *m;

	(void)state;
	start(false, "60", 4);
	memcpy(receiver.station.mac, macs[NEAR], 6);
	receiver.station.ranges = 1;
	receiver.station.range[0] = (struct station_range){addr("10.1.0.2"), 2};
	receiver.verify = false;
	send_all();
	for (unsigned n = 0; (m = take(out[NEAR])) != NULL; n++) {
		uint8_t *stamp = rte_pktmbuf_mtod_offset(m, uint8_t *, 42);

		if (n == 0)
			store_be16(stamp, TAG + 1); // another run's
		else if (n < 3)
			store_be32(stamp + STAMP_FLOW, n == 1 ? STAMP_PROBE : FLOWS);
		put(in[NEAR], m);
	}
	m = rte_pktmbuf_alloc(pool);
	memcpy(rte_pktmbuf_append(m, sizeof(ask)), ask, sizeof(ask));
	put(in[NEAR], m);
	receive_all();
	assert_int_equal(c->once, 1);
	assert_int_equal(c->probes, 1);
	assert_int_equal(c->foreign, 2);
	assert_int_equal(c->answers, 1);
	m = take(out[NEAR]);
	assert_non_null(m);
	assert_memory_equal(rte_pktmbuf_mtod(m, uint8_t *), ask + 6, 6);
	assert_memory_equal(rte_pktmbuf_mtod_offset(m, uint8_t *, 22), macs[NEAR], 6);
	rte_pktmbuf_free(m);
	stop();
}

// Paced: what is due and no more, and what cannot be kept is given up.
static void paced(void **state)
{
	const struct pace_rate rate = {.unit = PACE_PACKETS, .per_s = 1000};
	uint64_t hz = rte_get_tsc_hz();

	(void)state;
	start(false, "60", UINT64_MAX);
	sender.catch_up = hz;
	// 20 packets are due, the next one in a millisecond's time or less.
	pace_start(&sender.pace, &rate, 0, 1, hz, rte_rdtsc() - hz / 1000 * 19 - hz / 2000);
	while (sender_turn(&sender) > 0)
		;
	assert_true(sender.counters.packets >= 20 && sender.counters.packets < 2000);
	assert_true(rte_ring_count(out[NEAR]) == sender.counters.packets);
	sender.catch_up = 0;
	pace_start(&sender.pace, &rate, 0, 1, hz, rte_rdtsc() - hz);
	assert_int_equal(sender_turn(&sender), 1);
	assert_true(sender.pace.behind > hz / 2);
	carry(out[NEAR], in[NEAR]);
	receive_all();
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_comes_back),
		cmocka_unit_test(faults_are_counted_exactly),
		cmocka_unit_test(reflector_faults),
		cmocka_unit_test(full_port),
		cmocka_unit_test(stopped_when_full),
		cmocka_unit_test(broken_packets),
		cmocka_unit_test(others_and_probes),
		cmocka_unit_test(paced),
	};

	pool = eal_fixture_pool(BUFFERS, 0, RTE_MBUF_DEFAULT_BUF_SIZE);
	if (pool == NULL)
		return EXIT_FAILURE;
	open_end(NEAR);
	open_end(FAR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
