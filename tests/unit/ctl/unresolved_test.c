// Packets that wait for a neighbour, from the worker that could not send them to the one that does:
// the data plane is real, the mirror is stood in for.
#include "ctl/unresolved.h"

#include "../dataplane/in_flows.h"
#include "ctl/icmp.h"
#include "ctl/mirror.h"

#define AGE_MS 3000

static struct unresolved *u;
static struct mirror_stats mirror_says;
static bool homeless;
static unsigned asked;
static unsigned told; // whose neighbour had failed
static uint64_t now_ms;

bool mirror_resolve(struct mirror *mirror, uint8_t port, const struct ip_addr *addr)
{
	assert_null(mirror);
	assert_true(port < LAB_PORTS);
	assert_true(addr->family != IP_NONE);
	asked++;
	return !homeless;
}

bool icmp_answer(struct icmp *icmp, struct rte_mbuf *m)
{
	assert_null(icmp);
	assert_int_not_equal(meta_of(m)->origin, FORWARD_OWN);
	assert_int_equal(meta_of(m)->mtu, 0);
	told += meta_of(m)->reason == DROP_neighbour_failed;
	return true;
}

const struct mirror_stats *mirror_stats(const struct mirror *mirror)
{
	assert_null(mirror);
	return &mirror_says;
}

static int open_all(void **state)
{
	struct lab *lab;

	asked = 0;
	told = 0;
	homeless = false;
	now_ms = 1000000;
	mirror_says = (struct mirror_stats){.publications = 1};
	if (lab_setup(state) != 0)
		return -1;
	lab = *state;
	lab_tunnel(lab, NULL);
	lab_protect(lab, 0);
	lab_policy(lab, "10.1.0.0/16", "0.0.0.0/0", POLICY_BYPASS, 0);
	lab_policy(lab, "fd01::/16", "::/0", POLICY_BYPASS, 0);
	lab_publish(lab);
	return unresolved_create(lab->dp, NULL, NULL, &u);
}

static int close_all(void **state)
{
	unresolved_destroy(u);
	return lab_teardown(state);
}

#define WITH_LAB(test)                                 \
	{                                              \
#test, test, open_all, close_all, NULL \
	}

// What the control thread does every millisecond.
static void serve(struct lab *lab)
{
	struct rte_mbuf *m;

	while (lab_punted(lab, &m, 1) == 1) {
		assert_int_equal(meta_of(m)->kind, META_UNRESOLVED);
		unresolved_take(u, m, now_ms);
	}
	unresolved_look(u, now_ms);
}

static void publish(struct lab *lab)
{
	lab_publish_fwd(lab);
	dataplane_reclaim(lab->dp);
	mirror_says.publications++;
	unresolved_look(u, now_ms);
	lab_turn(lab, 0);
}

static void receive_clear(struct lab *lab, const struct flow *flow)
{
	lab_receive_flow(lab, LAN, 0, flow);
	lab_turn(lab, 0);
	serve(lab);
}

static void expect_clear(struct lab *lab, const char *neighbour, const struct flow *flow)
{
	uint8_t packet[PACKET_MAX];
	uint32_t octets = packet_make(flow, packet);

	packet_hop(packet);
	expect_sent(lab, WAN, 0, neighbour, packet, octets);
}

static void assert_drops(const struct lab *lab, unsigned port, unsigned pending, unsigned failed)
{
	assert_int_equal(lab->dp->control_drops[port][DROP_neighbour_pending], pending);
	assert_int_equal(lab->dp->control_drops[port][DROP_neighbour_failed], failed);
}

// In transit: one hop less when it goes at last, and no drop.
static void transit(void **state)
{
	struct lab *lab = *state;
	static const char *const to[] = {"192.0.2.99", "2001:db8::99", "198.51.100.7"};
	static const char *const via[] = {"192.0.2.99", "2001:db8::99", "2001:db8::98"};

	lab_route(lab, "198.51.100.0/24", ADJACENCY_FORWARD, WAN, "2001:db8::98");
	publish(lab);
	for (unsigned i = 0; i < COUNT(to); i++) {
		struct flow flow = {
			.source = i == 1 ? "fd01::10" : "10.1.0.10", .destination = to[i]};

		receive_clear(lab, &flow);
		lab_turn(lab, 0);
		expect_nothing_sent(lab);
		assert_int_equal(unresolved_stats(u)->kept, 1);
		assert_int_equal(asked, i + 1);
		lab_neighbour(lab, via[i], WAN, false);
		publish(lab);
		expect_clear(lab, via[i], &flow);
		assert_int_equal(unresolved_stats(u)->kept, 0);
		assert_int_equal(unresolved_stats(u)->resumed, i + 1);
	}
	assert_drops(lab, LAN, 0, 0);
}

static void newest_of_several(void **state)
{
	struct lab *lab = *state;
	struct flow flow = {.source = "10.1.0.10", .destination = "192.0.2.99"};
	struct flow other = {.source = "10.1.0.10", .destination = "192.0.2.98"};

	receive_clear(lab, &other);
	for (flow.number = 1; flow.number <= 5; flow.number++)
		receive_clear(lab, &flow);
	flow.number = 5;
	assert_int_equal(unresolved_stats(u)->kept, 2);
	assert_int_equal(unresolved_stats(u)->replaced, 4);
	assert_drops(lab, LAN, 4, 0);
	lab_neighbour(lab, "192.0.2.99", WAN, false);
	publish(lab);
	expect_clear(lab, "192.0.2.99", &flow);
	expect_nothing_sent(lab);
	lab_neighbour(lab, "192.0.2.98", WAN, false);
	publish(lab);
	expect_clear(lab, "192.0.2.98", &other);
	assert_drops(lab, LAN, 4, 0);
}

// Nobody answers; or the kernel says so first; or it had said so before.
static void nobody_answers(void **state)
{
	struct lab *lab = *state;
	struct flow flow = {.source = "10.1.0.10", .destination = "192.0.2.99"};

	receive_clear(lab, &flow);
	assert_int_equal(asked, 1);
	now_ms += AGE_MS - 1;
	serve(lab);
	assert_int_equal(unresolved_stats(u)->kept, 1);
	assert_int_equal(asked, 2);
	now_ms += 200;
	serve(lab);
	assert_int_equal(unresolved_stats(u)->expired, 1);
	assert_drops(lab, LAN, 1, 0);
	assert_int_equal(told, 0);
	receive_clear(lab, &flow);
	lab_neighbour(lab, "192.0.2.99", WAN, true);
	publish(lab);
	assert_int_equal(unresolved_stats(u)->failed, 1);
	assert_drops(lab, LAN, 1, 1);
	assert_int_equal(told, 1);
	receive_clear(lab, &flow);
	publish(lab);
	assert_int_equal(unresolved_stats(u)->kept, 1);
	now_ms += AGE_MS;
	serve(lab);
	assert_int_equal(unresolved_stats(u)->expired, 2);
	assert_drops(lab, LAN, 1, 2);
	assert_int_equal(told, 2);
	// It may come back.
	receive_clear(lab, &flow);
	lab->neighbour[lab->neighbours - 1].failed = false;
	publish(lab);
	expect_clear(lab, "192.0.2.99", &flow);
	assert_int_equal(asked, 5);
}

// A sealed packet goes on as it is: its outer header loses no hop. Where it cannot, its tunnel is
// not told.
static void far_gateway(void **state)
{
	struct lab *lab = *state;
	struct flow flow = {.source = "10.1.0.10", .destination = "10.100.0.5"};
	uint8_t packet[PACKET_MAX];
	uint32_t octets = packet_make(&flow, packet);
	unsigned neighbours = lab->neighbours;

	lab->neighbours = 0;
	publish(lab);
	receive_clear(lab, &flow);
	now_ms += AGE_MS;
	serve(lab);
	assert_int_equal(unresolved_stats(u)->expired, 1);
	expect_out(lab, 0, 0, 1, octets);
	receive_clear(lab, &flow);
	expect_nothing_sent(lab);
	lab->neighbours = neighbours;
	publish(lab);
	packet_hop(packet);
	expect_sealed(lab, 0, 0, packet, octets);
	expect_out(lab, 0, 0, 1, octets);
}

static void receive_sealed(struct lab *lab, const struct flow *flow)
{
	lab_receive(lab, WAN, 0, peer_seal_flow(lab, 0, 0, flow));
	lab_turn(lab, 0);
	serve(lab);
}

static void host_behind_us(void **state)
{
	struct lab *lab = *state;
	struct flow flow = {.source = "10.100.0.5", .destination = "10.1.0.99"};

	receive_sealed(lab, &flow);
	expect_nothing_sent(lab);
	lab_neighbour(lab, "10.1.0.99", LAN, false);
	publish(lab);
	expect_delivered(lab, 0, &flow);
	assert_drops(lab, WAN, 0, 0);
}

// While it waited, its destination became the gateway's own: in clear it gets to the kernel by a
// policy at most, which is not asked again.
static void clear_for_a_new_address(void **state)
{
	struct lab *lab = *state;
	struct flow flow = {.source = "10.1.0.10", .destination = "192.0.2.99"};

	receive_clear(lab, &flow);
	assert_int_equal(unresolved_stats(u)->kept, 1);
	lab_route(lab, flow.destination, ADJACENCY_LOCAL, WAN, NULL);
	publish(lab);
	expect_drop(lab, 0, LAN, DROP_local_meanwhile, 1);
	expect_nothing_sent(lab);
}

// While it waited, the route to the protected net went away, and the default route leads to the
// wire: it ends here.
static void decrypted_never_leaks(void **state)
{
	struct lab *lab = *state;
	struct flow flow = {.source = "10.100.0.5", .destination = "10.1.0.99"};

	receive_sealed(lab, &flow);
	assert_int_equal(unresolved_stats(u)->kept, 1);
	for (unsigned i = 0; i < lab->routes; i++)
		if (lab->route[i].kind == ADJACENCY_LINK && lab->route[i].port == LAN)
			lab->route[i].prefix.length = 30;
	lab_route(lab, "0.0.0.0/0", ADJACENCY_FORWARD, WAN, "192.0.2.254");
	publish(lab);
	expect_nothing_sent(lab);
	expect_in(lab, 0, 0, 1, 100);
	expect_drop(lab, 0, WAN, DROP_clear_protected, 1);
	expect_told(lab, META_TELL, WAN, FORWARD_DECRYPTED, DROP_clear_protected, &flow);
}

// What would have been judged behind the neighbour is judged once, when the packet goes on.
static void hop_limit_and_mtu(void **state)
{
	struct lab *lab = *state;
	struct flow last = {.source = "10.1.0.10", .destination = "192.0.2.99", .ttl = 1};
	struct flow big = {.source = "10.1.0.10",
		.destination = "192.0.2.98",
		.fragment = IPV4_DONT_FRAGMENT,
		.octets = 1400};

	lab->dp->port[WAN].mtu = 1300;
	receive_clear(lab, &last);
	receive_clear(lab, &big);
	assert_int_equal(unresolved_stats(u)->kept, 2);
	lab_neighbour(lab, "192.0.2.99", WAN, false);
	publish(lab);
	expect_drop(lab, 0, LAN, DROP_ttl_expired, 1);
	expect_told(lab, META_TELL, LAN, FORWARD_TRANSIT, DROP_ttl_expired, &last);
	lab_neighbour(lab, "192.0.2.98", WAN, false);
	publish(lab);
	expect_drop(lab, 0, LAN, DROP_packet_too_big, 1);
	assert_int_equal(
		expect_told(lab, META_TELL, LAN, FORWARD_TRANSIT, DROP_packet_too_big, &big), 1300);
	expect_nothing_sent(lab);
}

// A scan of thousands of addresses holds some hundred buffers for some seconds.
static void scan(void **state)
{
	struct lab *lab = *state;
	unsigned n = 5000;

	lab_route(lab, "172.16.0.0/12", ADJACENCY_LINK, WAN, NULL);
	publish(lab);
	for (unsigned i = 0; i < n; i++) {
		char to[IP_ADDR_TEXT];
		struct flow flow = {.source = "10.1.0.10", .destination = to};

		snprintf(to, sizeof(to), "172.16.%u.%u", i / 250, i % 250 + 1);
		receive_clear(lab, &flow);
	}
	assert_in_range(unresolved_stats(u)->kept, 200, 256);
	assert_int_equal(unresolved_stats(u)->kept + unresolved_stats(u)->replaced, n);
	assert_true(lab->buffers - rte_mempool_avail_count(lab->dp->pool) <= 256);
	now_ms += AGE_MS;
	serve(lab);
	assert_int_equal(unresolved_stats(u)->kept, 0);
	assert_drops(lab, LAN, n, 0);
}

static void ends(void **state)
{
	struct lab *lab = *state;
	struct flow flow = {.source = "10.1.0.10", .destination = "192.0.2.99"};
	unsigned room = rte_ring_free_count(lab->dp->worker[0]->inject);

	// Nobody to ask by.
	homeless = true;
	receive_clear(lab, &flow);
	assert_int_equal(unresolved_stats(u)->homeless, 1);
	assert_drops(lab, LAN, 1, 0);
	homeless = false;
	// No room on the way back.
	receive_clear(lab, &flow);
	for (unsigned i = 0; i < room; i++)
		assert_true(inject(lab->dp, inject_alloc(lab->dp), META_RESUME, LAN));
	lab_neighbour(lab, "192.0.2.99", WAN, false);
	lab_publish_fwd(lab);
	mirror_says.publications++;
	unresolved_look(u, now_ms);
	assert_int_equal(lab->dp->control_drops[LAN][DROP_inject_full], 1);
	for (unsigned i = 0; i < room; i++) {
		void *m = NULL;

		assert_int_equal(rte_ring_dequeue(lab->dp->worker[0]->inject, &m), 0);
		rte_pktmbuf_free(m);
	}
	// Resolved between the worker's look and ours.
	lab->neighbours--;
	lab_publish_fwd(lab);
	lab_receive_flow(lab, LAN, 0, &flow);
	lab_turn(lab, 0);
	lab->neighbours++;
	lab_publish_fwd(lab);
	serve(lab);
	lab_turn(lab, 0);
	expect_clear(lab, "192.0.2.99", &flow);
	// Kept at the end: the pool must get it back.
	flow.destination = "192.0.2.98";
	receive_clear(lab, &flow);
	assert_int_equal(unresolved_stats(u)->kept, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_LAB(transit),
		WITH_LAB(newest_of_several),
		WITH_LAB(nobody_answers),
		WITH_LAB(far_gateway),
		WITH_LAB(host_behind_us),
		WITH_LAB(clear_for_a_new_address),
		WITH_LAB(decrypted_never_leaks),
		WITH_LAB(hop_limit_and_mtu),
		WITH_LAB(scan),
		WITH_LAB(ends),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
