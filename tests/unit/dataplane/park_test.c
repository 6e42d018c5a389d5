// Packets beyond their window's durable edge: they wait, go on in order, or end for a reason.
#include "in_flows.h"

#include <rte_cycles.h>

static const struct lab_tunnel_params vpe = {.journaled = true};
static const struct lab_tunnel_params esp = {.journaled = true, .proto = &esp_ops};
static const struct lab_params two_workers = {.roles = "bb"};

static struct replay_window *window_of(struct lab *lab, uint32_t id_word)
{
	struct window_slot *slot = window_find(lab->tunnel[0].in->in->windows, id_word);

	assert_non_null(slot);
	return atomic_load(&slot->window);
}

static void raise_edge(struct lab *lab, struct replay_window *w, uint64_t edge)
{
	atomic_store(&w->edge, edge);
	atomic_fetch_add(&lab->dp->edges_epoch, 1);
}

static void arrive(struct lab *lab, uint64_t first, uint64_t n)
{
	for (uint64_t i = first; i < first + n; i++) {
		struct flow flow = flow_in(i);

		lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &flow));
	}
}

static void delivered(struct lab *lab, uint64_t first, uint64_t n)
{
	for (uint64_t i = first; i < first + n; i++) {
		struct flow flow = flow_in(i);

		expect_delivered(lab, 0, &flow);
	}
}

static void wait_and_go_on(struct lab *lab, uint32_t id_word)
{
	struct worker *w = lab->dp->worker[0];
	struct replay_window *window;

	arrive(lab, 1, 5);
	lab_turn(lab, 0);
	lab_turn(lab, 0);
	expect_nothing_sent(lab);
	window = window_of(lab, id_word);
	assert_int_equal(w->park.n, 5);
	assert_int_equal(w->stats.parked, 5);
	assert_int_equal(atomic_load(&window->wanted), 5);
	raise_edge(lab, window, 4);
	lab_turn(lab, 0);
	delivered(lab, 1, 3);
	expect_nothing_sent(lab);
	assert_int_equal(w->park.n, 2);
	// Those that wait come before those that arrive.
	arrive(lab, 6, 2);
	raise_edge(lab, window, 100);
	lab_turn(lab, 0);
	delivered(lab, 4, 4);
	assert_int_equal(w->park.n, 0);
	expect_window(lab, 0, id_word, 7, 0, 0);
}

static void vpe_waits(void **state)
{
	wait_and_go_on(one_tunnel(state, &vpe), 1u << 16);
}

static void esp_waits(void **state)
{
	wait_and_go_on(one_tunnel(state, &esp), 1);
}

// The upper half of the numbers comes from the journal until the window has a top.
static void extended_numbers_go_on(void **state)
{
	static const struct lab_tunnel_params esn = {.journaled = true,
		.proto = &esp_ops,
		.esn = true,
		.peer_first = UINT64_C(0x500000009)};
	struct lab *lab = one_tunnel(state, &esn);
	struct replay_window *window;

	atomic_store(&lab->tunnel[0].in->in->windows->told_top, UINT64_C(0x500000003));
	arrive(lab, 1, 1);
	lab_turn(lab, 0);
	arrive(lab, 2, 1);
	lab_turn(lab, 0);
	assert_int_equal(lab->dp->worker[0]->park.n, 2);
	window = window_of(lab, 1);
	replay_resume(window, UINT64_C(0x500000004));
	raise_edge(lab, window, UINT64_C(0x500000100));
	lab_turn(lab, 0);
	delivered(lab, 1, 2);
}

// What was delivered in another life is old, what was not goes on.
static void behind_the_floor(void **state)
{
	struct lab *lab = one_tunnel(state, &vpe);
	struct replay_window *window;

	arrive(lab, 1, 70);
	lab_turn(lab, 0);
	lab_turn(lab, 0);
	window = window_of(lab, 1u << 16);
	replay_resume(window, 67);
	raise_edge(lab, window, 1000);
	lab_turn(lab, 0);
	delivered(lab, 67, 4);
	expect_nothing_sent(lab);
	expect_in_drop(lab, 0, 0, DROP_replay_old, 66);
	expect_window(lab, 0, 1u << 16, 4, 66, 0);
}

static void too_many(void **state)
{
	struct lab *lab = one_tunnel(state, &vpe);
	uint64_t n = PARK_MAX + 3;

	arrive(lab, 1, n);
	lab_turn_all(lab);
	expect_nothing_sent(lab);
	expect_in_drop(lab, 0, 0, DROP_replay_edge_wait, 3);
	raise_edge(lab, window_of(lab, 1u << 16), n + 1);
	lab_turn(lab, 0);
	delivered(lab, 1, PARK_MAX);
}

static void too_late(void **state)
{
	struct lab *lab = one_tunnel(state, &vpe);
	struct worker *w = lab->dp->worker[0];

	arrive(lab, 1, 3);
	lab_turn(lab, 0);
	park_expire(w, rte_rdtsc());
	assert_int_equal(w->park.n, 3);
	// Looked at in vain: that makes them no younger.
	raise_edge(lab, window_of(lab, 1u << 16), 0);
	lab_turn(lab, 0);
	park_expire(w, w->park.packet[0].since + 2 * rte_get_tsc_hz());
	expect_drop(lab, 0, WAN, DROP_replay_edge_late, 3);
	raise_edge(lab, window_of(lab, 1u << 16), 100);
	lab_turn(lab, 0);
	expect_nothing_sent(lab);
}

// Each by its own age.
static void some_too_late(void **state)
{
	struct lab *lab = one_tunnel(state, &vpe);
	struct worker *w = lab->dp->worker[0];
	uint64_t since;

	arrive(lab, 1, 4);
	lab_turn(lab, 0);
	since = w->park.packet[3].since;
	arrive(lab, 5, 3);
	lab_turn(lab, 0);
	assert_int_equal(w->park.n, 7);
	for (unsigned i = 4; i < 7; i++)
		w->park.packet[i].since = since + rte_get_tsc_hz() / 2;
	// The second gets on, the others are none the younger for it.
	replay_resume(window_of(lab, 1u << 16), 2);
	raise_edge(lab, window_of(lab, 1u << 16), 3);
	lab_turn(lab, 0);
	expect_in_drop(lab, 0, 0, DROP_replay_old, 1);
	delivered(lab, 2, 1);
	assert_int_equal(w->park.n, 5);
	assert_int_equal(w->park.packet[1].since, since);
	park_expire(w, since + rte_get_tsc_hz());
	expect_drop(lab, 0, WAN, DROP_replay_edge_late, 2);
	assert_int_equal(w->park.n, 3);
	raise_edge(lab, window_of(lab, 1u << 16), 100);
	lab_turn(lab, 0);
	delivered(lab, 5, 3);
}

static void remove_all(struct lab *lab)
{
	struct sadb *none;
	struct error err;

	assert_int_equal(sadb_build(NULL, 0, lab->dp->protos, SOCKET_ID_ANY, &none, &err), 0);
	dataplane_publish_sadb(lab->dp, none);
}

// At once: its memory is freed after this turn.
static void sa_removed(void **state)
{
	struct lab *lab = one_tunnel(state, &vpe);

	arrive(lab, 1, 3);
	lab_turn(lab, 0);
	remove_all(lab);
	lab_turn(lab, 0);
	assert_int_equal(lab->dp->worker[0]->park.n, 0);
	expect_nothing_sent(lab);
	expect_drop(lab, 0, WAN, DROP_parked_no_sa, 3);
}

static void others_removed(void **state)
{
	struct lab *lab = one_tunnel(state, &vpe);

	arrive(lab, 1, 3);
	lab_turn(lab, 0);
	lab_publish_sadb(lab);
	lab_turn(lab, 0);
	assert_int_equal(lab->dp->worker[0]->park.n, 3);
	raise_edge(lab, window_of(lab, 1u << 16), 100);
	lab_turn(lab, 0);
	delivered(lab, 1, 3);
}

// A packet that arrives elsewhere waits in the worker that owns the window.
static void owner_waits(void **state)
{
	struct lab *lab = one_tunnel(state, &vpe);
	struct flow first = flow_in(1), second = flow_in(2);
	uint8_t packet[PACKET_MAX];
	uint32_t octets;

	lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &first));
	lab_turn(lab, 0);
	lab_receive(lab, WAN, 1, peer_seal_flow(lab, 0, 0, &second));
	lab_turn(lab, 1);
	lab_turn(lab, 0);
	assert_int_equal(lab->dp->worker[0]->park.n, 2);
	assert_int_equal(lab->dp->worker[1]->park.n, 0);
	raise_edge(lab, window_of(lab, 1u << 16), 100);
	lab_turn(lab, 0);
	for (unsigned i = 0; i < 2; i++) {
		octets = packet_make(i == 0 ? &first : &second, packet);
		packet_hop(packet);
		expect_sent(lab, LAN, 0, first.destination, packet, octets);
		expect_in(lab, 0, 0, 1, octets);
	}
	lab->expected.in[0].handed_over[1]++;
	lab->expected.handed_out[1]++;
	lab->expected.handed_in[0]++;
}

// One that another worker authenticated before the SA was removed: nobody waits for its edge.
static void removed_on_the_way(void **state)
{
	struct lab *lab = one_tunnel(state, &vpe);
	struct flow first = flow_in(1), second = flow_in(2);

	lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &first));
	lab_turn(lab, 0);
	lab_receive(lab, WAN, 1, peer_seal_flow(lab, 0, 0, &second));
	lab_turn(lab, 1);
	remove_all(lab);
	lab_turn(lab, 0);
	assert_int_equal(lab->dp->worker[0]->park.n, 0);
	expect_nothing_sent(lab);
	expect_drop(lab, 0, WAN, DROP_parked_no_sa, 2);
	lab->expected.in[0].handed_over[1]++;
	lab->expected.handed_out[1]++;
	lab->expected.handed_in[0]++;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		LAB_TEST(vpe_waits, NULL),
		LAB_TEST(esp_waits, NULL),
		LAB_TEST(extended_numbers_go_on, NULL),
		LAB_TEST(behind_the_floor, NULL),
		LAB_TEST(too_many, NULL),
		LAB_TEST(too_late, NULL),
		LAB_TEST(some_too_late, NULL),
		LAB_TEST(sa_removed, NULL),
		LAB_TEST(others_removed, NULL),
		LAB_TEST(owner_waits, &two_workers),
		LAB_TEST(removed_on_the_way, &two_workers),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
