// Packets whose senders control is asked to tell: no flood of them hides anything else.
#include "fixture.h"

#include "dataplane/punt.h"
#include "proto/ip_hdr.h"

#define OVER 7

static struct lab *one_tunnel(void **state)
{
	struct lab *lab = *state;

	lab_tunnel(lab, NULL);
	lab_protect(lab, 0);
	lab_publish(lab);
	return lab;
}

// Packets that control would only have answered for: their own reason, nothing more.
static void requests_full(void **state)
{
	struct lab *lab = one_tunnel(state);
	struct flow big = {.source = "10.1.0.10",
		.destination = "10.100.0.5",
		.octets = 1490,
		.fragment = IPV4_DONT_FRAGMENT};
	struct flow lost = {.source = "10.1.0.10", .destination = "10.100.0.5"};
	unsigned fits = PUNT_RING - 1;

	for (unsigned i = 0; i < fits + OVER; i++) {
		lab_receive_flow(lab, LAN, 0, &big);
		lab_turn(lab, 0);
	}
	expect_out_drop(lab, 0, 0, DROP_too_big, fits + OVER);
	lab->expected.untold[0][LAN] = OVER;
	// What waits for neighbours has a queue of its own.
	lab->neighbours = 0;
	lab_publish_fwd(lab);
	for (unsigned i = 0; i < fits + OVER; i++) {
		lab_receive_flow(lab, LAN, 0, &lost);
		lab_turn(lab, 0);
	}
	expect_out(lab, 0, 0, fits + OVER, (fits + OVER) * 100);
	expect_drop(lab, 0, LAN, DROP_neighbour_pending, OVER);
	expect_waiting(lab, 2 * fits);
}

static void expect_untold(struct lab *lab, unsigned port, unsigned told, unsigned untold)
{
	lab->expected.untold[0][port] += untold;
	lab_turn(lab, 0);
	expect_waiting(lab, told);
}

// Control would not answer a flood anyway: others are told what concerns them, whoever is behind
// the flood.
static void tell_limited(void **state)
{
	struct lab *lab = one_tunnel(state);
	struct flow hop = {.source = "10.1.0.10", .destination = "10.100.0.5", .ttl = 1};
	struct flow other = {.source = "10.1.0.11", .destination = "10.100.0.5", .ttl = 1};
	struct flow big = {.source = "10.1.0.10",
		.destination = "10.100.0.5",
		.octets = 1490,
		.fragment = IPV4_DONT_FRAGMENT};
	struct flow back = {.source = "10.100.0.5", .destination = "10.1.0.10", .ttl = 1};

	for (unsigned i = 0; i < PUNT_BURST_MIN + OVER; i++)
		lab_receive_flow(lab, LAN, 0, &hop);
	expect_drop(lab, 0, LAN, DROP_ttl_expired, PUNT_BURST_MIN + OVER);
	expect_untold(lab, LAN, PUNT_BURST_MIN, OVER);
	lab_receive_flow(lab, LAN, 0, &other);
	expect_drop(lab, 0, LAN, DROP_ttl_expired, 1);
	expect_untold(lab, LAN, 1, 0);
	for (unsigned i = 0; i < PUNT_BURST_MIN + OVER; i++)
		lab_receive_flow(lab, LAN, 0, &big);
	expect_out_drop(lab, 0, 0, DROP_too_big, PUNT_BURST_MIN + OVER);
	expect_untold(lab, LAN, PUNT_BURST_MIN, OVER);
	for (unsigned i = 0; i < PUNT_BURST_MIN + OVER; i++)
		lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, &back));
	expect_in(lab, 0, 0, PUNT_BURST_MIN + OVER, (PUNT_BURST_MIN + OVER) * 100);
	expect_drop(lab, 0, WAN, DROP_ttl_expired, PUNT_BURST_MIN + OVER);
	expect_untold(lab, LAN, PUNT_BURST_MIN, OVER);
}

// Of one period's share of what waits: how many came by this port as `kind`. Freed.
static unsigned count(struct rte_mbuf *m[], unsigned n, enum meta_kind kind, unsigned port)
{
	unsigned found = 0;

	for (unsigned i = 0; i < n; i++)
		found += meta_of(m[i])->kind == kind && meta_of(m[i])->port == port;
	rte_pktmbuf_free_bulk(m, n);
	return found;
}

// Even without a limit a flood takes nothing but the share of its kind.
static void tells_starve_nobody(void **state)
{
	struct flow hop = {.source = "10.1.0.10", .destination = "10.100.0.5", .ttl = 1};
	struct flow ask = {.source = "203.0.113.9", .destination = "192.0.2.1"};
	struct flow lost = {.source = "10.1.0.10", .destination = "10.1.0.200"};
	struct lab *lab = *state;
	struct rte_mbuf *m[BURST_MAX];

	lab_tunnel(lab, NULL);
	lab_protect(lab, 0);
	lab_policy(lab, "192.0.2.1", "0.0.0.0/0", POLICY_BYPASS, 0);
	lab_policy(lab, "10.1.0.0/16", "10.1.0.0/16", POLICY_BYPASS, 0);
	lab_publish(lab);
	lab->loose = true; // the flood's counters
	for (unsigned period = 0; period < 50; period++) {
		for (unsigned i = 0; i < PUNT_RING; i++) {
			lab_receive_flow(lab, LAN, 0, &hop);
			if (i % BURST_MAX == 0)
				lab_turn(lab, 0);
		}
		lab_receive_flow(lab, WAN, 0, &ask);
		lab_receive_flow(lab, LAN, 0, &lost);
		lab_turn_all(lab);
		assert_int_equal(count(m, punt_drain(lab->dp, m, BURST_MAX), META_PUNT, WAN), 1);
		assert_int_equal(
			count(m, punt_drain_requests(lab->dp, PUNT_UNRESOLVED, m, BURST_MAX),
				META_UNRESOLVED, LAN),
			1);
		assert_int_equal(count(m, punt_drain_requests(lab->dp, PUNT_TELL, m, BURST_MAX),
					 META_TELL, LAN),
			BURST_MAX);
	}
	expect_waiting(lab, PUNT_RING - 1 - BURST_MAX);
}

int main(void)
{
	static const struct lab_params large = {.ring = 4096};
	static const struct lab_params quiet = {.tell_per_second = TELL_SENDER_PART * 8};
	const struct CMUnitTest tests[] = {
		LAB_TEST(requests_full, &large),
		LAB_TEST(tell_limited, &quiet),
		LAB_TEST(tells_starve_nobody, &large),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
