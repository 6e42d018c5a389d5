// Real threads: workers on their lcores, the control thread here feeds, drains and exchanges
// tables. Every inner packet has a number of its own.
#include "fixture.h"

#include "base/bytes.h"
#include "dataplane/punt.h"
#include "proto/ip_hdr.h"

#include <stdio.h>
#include <time.h>

#define NUMBERS (1u << 22)

struct run {
	struct lab *lab;
	struct random random;
	uint32_t numbers;   // given out
	uint8_t *delivered; // [NUMBERS]
	uint64_t got;
	uint64_t copies;
	uint64_t forged;
	bool single; // no copies
	double until;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static const char *const far_hosts[] = {"10.100.0.5", "10.101.0.5", "10.102.0.5", "10.103.0.5"};

// Both workers get windows of their own, whichever thread will be quicker.
static void claim_evenly(struct run *run)
{
	struct lab *lab = run->lab;

	for (unsigned t = 0; t < lab->tunnels; t++) {
		for (unsigned lane = 0; lane < 4; lane++) {
			unsigned queue = (t / 2 + lane) % lab->rxqs[WAN];
			struct flow flow = {.source = far_hosts[t],
				.destination = "10.1.0.10",
				.number = run->numbers++};

			if (lab->tunnel[t].in->params.proto == &esp_ops)
				queue = t % 2;
			lab_receive(lab, WAN, queue,
				peer_seal_flow(lab, t,
					lab->tunnel[t].in->params.proto == &esp_ops ? 0 : lane,
					&flow));
			lab_turn(lab, queue);
		}
	}
}

static void open_run(struct run *run, struct lab *lab, double seconds)
{
	struct error err = {.text = ""};

	*run = (struct run){.lab = lab, .random = {1}, .delivered = calloc(NUMBERS, 1)};
	assert_non_null(run->delivered);
	lab->loose = true;
	claim_evenly(run);
	if (dataplane_start(lab->dp, &err) != 0)
		fail_msg("%s", err.text);
	// Nothing that is retired from now on goes before all of them have seen it.
	assert_int_equal(lab->dp->qsbr->num_threads, lab_workers(lab));
	run->until = now() + seconds;
}

static void drain(struct run *run)
{
	struct lab *lab = run->lab;
	struct rte_mbuf *m;

	for (unsigned q = 0; q < lab->txqs[LAN]; q++) {
		while ((m = lab_sent(lab, LAN, q)) != NULL) {
			uint64_t number =
				packet_number(rte_pktmbuf_mtod_offset(m, const uint8_t *, ETHER));

			assert_true(number < run->numbers);
			assert_int_equal(run->delivered[number]++, 0);
			run->got++;
			rte_pktmbuf_free(m);
		}
	}
	for (unsigned q = 0; q < lab->txqs[WAN]; q++) {
		while ((m = lab_sent(lab, WAN, q)) != NULL)
			rte_pktmbuf_free(m);
	}
	while (lab_punted(lab, &m, 1) == 1)
		rte_pktmbuf_free(m);
	dataplane_reclaim(lab->dp);
}

// Less is on its way than any ring holds: however the threads are scheduled, none is ever full.
#define ON_THE_WAY 900

static bool room(const struct lab *lab, unsigned port, unsigned queue)
{
	return rte_ring_free_count(lab->rx[port][queue]) > 4 &&
		rte_mempool_avail_count(lab->dp->pool) > lab->buffers - ON_THE_WAY;
}

// Everything that was put in has come to its end.
static void finish(struct run *run)
{
	double limit = now() + 20;

	for (unsigned still = 0; still < 200 && now() < limit;) {
		struct timespec nap = {.tv_nsec = 500000};
		bool waiting = false;

		drain(run);
		for (unsigned port = 0; port < LAB_PORTS; port++) {
			for (unsigned q = 0; q < run->lab->rxqs[port]; q++)
				waiting |= rte_ring_count(run->lab->rx[port][q]) > 0;
		}
		still = waiting ? 0 : still + 1;
		nanosleep(&nap, NULL);
		if (rte_mempool_avail_count(run->lab->dp->pool) == run->lab->buffers)
			still += 20;
	}
	dataplane_stop(run->lab->dp);
	drain(run);
}

static void close_run(struct run *run)
{
	free(run->delivered);
}

static uint64_t dropped(const struct lab *lab, unsigned port, enum drop_reason reason)
{
	uint64_t n = 0;

	for (unsigned w = 0; w < lab_workers(lab); w++)
		n += counter_read(&lab->dp->worker[w]->stats.port[port].drops[reason]);
	return n;
}

static const struct lab_tunnel_params kinds[] = {
	{.replay_window = 65536, .algorithm = AEAD_AES_256_GCM},
	{.proto = &esp_ops, .esn = true, .replay_window = 65536, .peer_first = 0xffffff00},
	{.proto = &esp_ops, .algorithm = AEAD_CHACHA20_POLY1305, .replay_window = 65536},
	{.outer6 = true, .replay_window = 65536},
};

static struct lab *all_tunnels(void **state)
{
	struct lab *lab = *state;

	for (unsigned t = 0; t < COUNT(kinds); t++) {
		lab_tunnel(lab, &kinds[t]);
		lab_protect(lab, t);
	}
	lab_publish(lab);
	return lab;
}

static void frame_in(struct run *run, unsigned t)
{
	struct lab *lab = run->lab;
	unsigned queue = (unsigned)random_below(&run->random, lab->rxqs[WAN]);
	struct flow flow = {
		.source = far_hosts[t], .destination = "10.1.0.10", .number = run->numbers};
	struct rte_mbuf *m;

	if (run->numbers == NUMBERS || !room(lab, WAN, queue))
		return;
	run->numbers++;
	m = peer_seal_flow(lab, t,
		kinds[t].proto == &esp_ops ? 0 : (unsigned)random_below(&run->random, 4), &flow);
	if (!run->single && random_below(&run->random, 8) == 0) {
		unsigned other = (unsigned)random_below(&run->random, lab->rxqs[WAN]);

		if (room(lab, WAN, other)) {
			lab_receive(
				lab, WAN, other, rte_pktmbuf_copy(m, lab->dp->pool, 0, UINT32_MAX));
			run->copies++;
		}
	}
	if (random_below(&run->random, 16) == 0) {
		struct rte_mbuf *bad = rte_pktmbuf_copy(m, lab->dp->pool, 0, UINT32_MAX);

		rte_pktmbuf_mtod(bad, uint8_t *)[bad->data_len - 1] ^= 1;
		lab_receive(lab, WAN, queue, bad);
		run->forged++;
	}
	lab_receive(lab, WAN, queue, m);
}

static void frame_out(struct run *run, unsigned t)
{
	struct lab *lab = run->lab;
	unsigned queue = (unsigned)random_below(&run->random, lab->rxqs[LAN]);
	struct flow flow = {.source = "10.1.0.10", .destination = far_hosts[t]};

	if (room(lab, LAN, queue))
		lab_receive_flow(lab, LAN, queue, &flow);
}

static double seconds(double short_run)
{
	return full_run() ? 10 * short_run : short_run;
}

// Copies, forgeries and good packets of all SAs over all workers: nothing twice, and nothing is
// missing that no counter names.
static void nothing_twice(void **state)
{
	struct lab *lab = all_tunnels(state);
	struct run run;
	uint64_t lost;

	open_run(&run, lab, seconds(1.5));
	while (now() < run.until) {
		for (unsigned i = 0; i < 64; i++)
			frame_in(&run, (unsigned)random_below(&run.random, COUNT(kinds)));
		drain(&run);
	}
	finish(&run);
	lost = dropped(lab, WAN, DROP_handover_full) + dropped(lab, LAN, DROP_tx_full) +
		dropped(lab, LAN, DROP_tx_ring_full);
	assert_true(run.numbers > 1000);
	for (unsigned w = 0; w < 2; w++)
		assert_true(lab->dp->worker[w]->stats.handed_out > 100);
	assert_int_equal(run.got + lost + dropped(lab, WAN, DROP_replay_seen) +
			dropped(lab, WAN, DROP_replay_old) + dropped(lab, WAN, DROP_icv_failed),
		run.numbers + run.copies + run.forged);
	assert_true(dropped(lab, WAN, DROP_icv_failed) <= run.forged);
	assert_int_equal(lost, 0);
	assert_int_equal(run.got, run.numbers);
	close_run(&run);
}

// Tables are exchanged as fast as they can be made, with the same content: nothing is lost by it.
static void tables_exchanged(void **state)
{
	struct lab *lab = all_tunnels(state);
	unsigned swaps = 0;
	struct run run;

	open_run(&run, lab, seconds(2));
	while (now() < run.until) {
		for (unsigned i = 0; i < 64; i++) {
			frame_in(&run, (unsigned)random_below(&run.random, COUNT(kinds)));
			frame_out(&run, (unsigned)random_below(&run.random, COUNT(kinds)));
		}
		lab_publish_sadb(lab);
		lab_publish_spd(lab);
		if (swaps++ % 16 == 0)
			lab_publish_fwd(lab);
		drain(&run);
		// Each holds 64 MiB and more; the workers decide when the one before can go.
		while (lab->dp->retired != NULL)
			drain(&run);
	}
	finish(&run);
	assert_true(swaps > 20);
	assert_int_equal(run.got, run.numbers);
	assert_int_equal(dropped(lab, WAN, DROP_no_sa), 0);
	assert_int_equal(dropped(lab, WAN, DROP_selector_mismatch), 0);
	assert_int_equal(dropped(lab, LAN, DROP_policy_none), 0);
	close_run(&run);
}

static void free_sa(void *sa)
{
	sa_destroy(sa);
}

// The tunnel's SAs of this side made anew, the old ones retired while packets of theirs may be in
// rings.
static void renew(struct lab *lab, unsigned t)
{
	struct lab_tunnel *tunnel = &lab->tunnel[t];
	struct sa_place place = {&lab->dp->sa_workers, &lab->dp->windows, SOCKET_ID_ANY, 1500};
	struct sa_params in = tunnel->in->params;
	struct sa_params out = tunnel->out->params;
	const struct aead_engine *engine = aead_choose(&engines_all, in.algorithm, NULL);
	struct error err = {.text = ""};
	struct sa *old_in = tunnel->in;
	struct sa *old_out = tunnel->out;

	assert_int_equal(sa_create("in", true, &in, tunnel->key_in, engine, &tunnel->tunnel, &place,
				 &tunnel->in, &err),
		0);
	assert_int_equal(sa_create("out", false, &out, tunnel->key_out, engine, &tunnel->tunnel,
				 &place, &tunnel->out, &err),
		0);
	atomic_store(&tunnel->tunnel.out, tunnel->out->out);
	lab_publish_sadb(lab);
	assert_int_equal(dataplane_retire(lab->dp, old_in, free_sa), 0);
	assert_int_equal(dataplane_retire(lab->dp, old_out, free_sa), 0);
}

static void sas_retired(void **state)
{
	struct lab *lab = all_tunnels(state);
	unsigned renewals = 0;
	struct run run;

	open_run(&run, lab, seconds(2));
	// A new SA begins with empty windows.
	run.single = true;
	while (now() < run.until) {
		for (unsigned i = 0; i < 128; i++) {
			frame_in(&run, (unsigned)random_below(&run.random, COUNT(kinds)));
			frame_out(&run, (unsigned)random_below(&run.random, COUNT(kinds)));
		}
		drain(&run);
		renew(lab, renewals++ % COUNT(kinds));
		if (renewals % 8 == 0) {
			while (lab->dp->retired != NULL)
				drain(&run);
		}
	}
	finish(&run);
	while (lab->dp->retired != NULL)
		dataplane_reclaim(lab->dp);
	assert_true(renewals > 20);
	close_run(&run);
}

static void start_and_stop(void **state)
{
	struct lab *lab = all_tunnels(state);
	struct run run;

	for (unsigned i = 0; i < 10; i++) {
		open_run(&run, lab, 0);
		for (unsigned j = 0; j < 200; j++)
			frame_in(&run, 0);
		if (i % 2 == 0)
			finish(&run);
		dataplane_stop(lab->dp);
		dataplane_stop(lab->dp);
		lab_turn_all(lab);
		drain(&run);
		assert_int_equal(run.got, run.numbers);
		close_run(&run);
	}
}

// Idle workers sleep, and wake for one packet.
static void idle(void **state)
{
	struct lab *lab = all_tunnels(state);
	struct timespec nap = {.tv_nsec = 30000000};
	struct run run;
	uint64_t turns;

	open_run(&run, lab, 0);
	nanosleep(&nap, NULL);
	turns = counter_read(&lab->dp->worker[0]->stats.turns);
	nanosleep(&nap, NULL);
	turns = counter_read(&lab->dp->worker[0]->stats.turns) - turns;
	assert_true(turns < 5000);
	frame_in(&run, 0);
	finish(&run);
	assert_int_equal(run.got, run.numbers);
	assert_true(
		lab->dp->worker[0]->stats.busy_turns + lab->dp->worker[1]->stats.busy_turns > 0);
	close_run(&run);
}

int main(void)
{
	static const struct lab_params two = {.roles = "bb", .replay_pool_kb = 16384};
	static const struct lab_params one_tx = {
		.roles = "bb", .replay_pool_kb = 16384, .tx = {1, 1}, .ring = 2048};
	const struct CMUnitTest tests[] = {
		LAB_TEST(nothing_twice, &two),
		LAB_TEST(tables_exchanged, &one_tx),
		LAB_TEST(sas_retired, &two),
		LAB_TEST(start_and_stop, &two),
		LAB_TEST(idle, &two),
	};

	lab_eal("0@0-1,1@0-1,2@0-1");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
