// When a tunnel is up and when it is down, what counts as an answer, and which routes follow.
// Neighbours of liveness are the test's own.
#include "ctl/liveness.h"

#include "ctl/gateway.h"
#include "ctl/host_if.h"
#include "ctl/icmp_source.h"
#include "ctl/kernel_route.h"
#include "ctl/netlink.h"
#include "ctl/notify.h"
#include "dataplane/punt.h"
#include "proto/icmp_echo.h"

#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WAN 1
#define TUNNEL 3
#define INTERVAL_MS 1
#define MISSES 3
#define ANSWERS 2

struct buffer {
	struct rte_mbuf m;
	struct meta meta; // where rte_mbuf_to_priv looks
	uint8_t room[256];
};

static struct dataplane dp = {.ports = 2};
static struct tunnel tunnel = {.name = "b", .index = TUNNEL, .port = WAN};
static struct tunnel *places[TUNNEL + 1] = {[TUNNEL] = &tunnel};
static struct sa_out out;
static struct policy policy = {.action = POLICY_PROTECT, .tunnel = &tunnel};
static struct config_tunnel config_tunnel;
static struct config config = {.tunnels_n = 1, .tunnels = &config_tunnel};
static struct gateway gateway = {
	.config = &config, .dp = &dp, .tunnels = TUNNEL + 1, .tunnel = places};
static struct liveness *liveness;

static bool local_there, has_policy;
static struct icmp_echo asked; // the last one
static struct buffer sent;
static unsigned injected, ups, downs;
static unsigned added, removed;
static unsigned wan_ifindex, removed_from;
static int route_refused;
static const char *hindered;

const struct adjacency *fwd_lookup_addr(const struct fwd *fwd, const struct ip_addr *addr)
{
	static struct adjacency adjacency;

	(void)fwd;
	assert_int_equal(addr->octets[1], 1);
	adjacency.kind = local_there ? ADJACENCY_LOCAL : ADJACENCY_LINK;
	return &adjacency;
}

const struct policy *icmp_policy(
	const struct spd *spd, const struct ip_addr *source, const struct ip_addr *destination)
{
	(void)spd;
	assert_int_equal(source->octets[1], 1);
	assert_int_equal(destination->octets[1], 2);
	return has_policy ? &policy : NULL;
}

struct rte_mbuf *inject_alloc(struct dataplane *d)
{
	assert_ptr_equal(d, &dp);
	sent = (struct buffer){.m = {.buf_addr = sent.room,
				       .buf_len = sizeof(sent.room),
				       .data_off = 128,
				       .nb_segs = 1}};
	return &sent.m;
}

bool inject(struct dataplane *d, struct rte_mbuf *m, enum meta_kind kind, uint8_t port)
{
	assert_ptr_equal(d, &dp);
	assert_int_equal(kind, META_PACKET);
	assert_int_equal(port, WAN);
	assert_int_equal(meta_of(m)->about, ABOUT_TUNNEL);
	assert_int_equal(meta_of(m)->tunnel, TUNNEL);
	assert_true(icmp_echo_read(rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, &asked));
	injected++;
	return true;
}

void notify_tunnel(const struct gateway *g, const struct tunnel *about, bool up, const char *peer,
	const char *why)
{
	assert_ptr_equal(g, &gateway);
	assert_ptr_equal(about, &tunnel);
	assert_string_equal(peer, "10.2.0.1");
	hindered = why;
	ups += up;
	downs += !up;
}

void dataplane_set_probed(struct dataplane *d, const struct ip_addr peer[], unsigned n)
{
	assert_ptr_equal(d, &dp);
	if (n > 0)
		assert_int_equal(peer[0].octets[1], 2);
}

int netlink_open_requests(struct mnl_socket **opened)
{
	*opened = mnl_socket_open(NETLINK_ROUTE);
	return *opened ? 0 : -ENOTSUP;
}

int kernel_route_add(struct mnl_socket *socket, const struct kernel_route *route)
{
	assert_non_null(socket);
	assert_int_equal(route->ifindex, wan_ifindex);
	if (route_refused == 0)
		added++;
	return -route_refused;
}

int kernel_route_remove(struct mnl_socket *socket, const struct kernel_route *route)
{
	assert_non_null(socket);
	assert_int_equal(route->metric, 50);
	removed++;
	removed_from = route->ifindex;
	return 0;
}

unsigned host_if_ifindex(const struct host_if *host_if)
{
	assert_ptr_equal(host_if, gateway.host_if[WAN]);
	return wan_ifindex;
}

static struct liveness_view view(void)
{
	struct liveness_view seen;

	assert_true(liveness_of(&tunnel, &seen));
	return seen;
}

static int open(void **state)
{
	struct error err;

	(void)state;
	local_there = has_policy = true;
	injected = ups = downs = added = removed = 0;
	route_refused = 0;
	wan_ifindex = 9;
	hindered = NULL;
	atomic_store(&tunnel.out, &out);
	config_tunnel = (struct config_tunnel){
		.live = &tunnel,
		.probe = {.peer = {IP_V4, {10, 2, 0, 1}},
			.local = {IP_V4, {10, 1, 0, 1}},
			.interval_ms = INTERVAL_MS,
			.misses = MISSES,
			.answers = ANSWERS,
			.routes_n = 1,
			.route = {{.prefix = {{IP_V4, {10, 2}}, 16},
				.via = {IP_V4, {192, 0, 2, 2}},
				.metric = 50}}},
	};
	gateway.host_if[WAN] = (struct host_if *)&injected; // only compared
	gateway.events = event_base_new();
	return liveness_create(&gateway, &liveness, &err);
}

static int done(void **state)
{
	(void)state;
	liveness_destroy(liveness);
	assert_null(tunnel.probe);
	event_base_free(gateway.events);
	return 0;
}

static void ticks(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		event_base_loop(gateway.events, EVLOOP_ONCE);
}

// Out of a tunnel, as the punt service has it. Returns the octets of the echo.
static uint32_t arrive(struct buffer *heard, uint16_t index, const struct icmp_echo *echo)
{
	uint32_t octets;

	*heard = (struct buffer){.m = {.buf_addr = heard->room,
					 .buf_len = sizeof(heard->room),
					 .data_off = 64,
					 .nb_segs = 1},
		.meta = {.tunnel = index}};
	octets = (uint32_t)icmp_echo_write(
		echo, rte_pktmbuf_mtod_offset(&heard->m, uint8_t *, RTE_ETHER_HDR_LEN));
	heard->m.data_len = (uint16_t)(RTE_ETHER_HDR_LEN + octets);
	heard->m.pkt_len = heard->m.data_len;
	// A buffer without a pool: nobody gives it back.
	rte_mbuf_refcnt_set(&heard->m, 2);
	return octets;
}

// The answer to what was asked last, unless changed. Returns whether it was taken for one.
static bool hear_from(uint16_t index, const struct icmp_echo *question)
{
	struct buffer heard;
	uint32_t octets = arrive(&heard, index, question);
	uint64_t before = view().answered;

	assert_true(icmp_echo_turn(
		rte_pktmbuf_mtod_offset(&heard.m, uint8_t *, RTE_ETHER_HDR_LEN), octets));
	liveness_hear(liveness, &heard.m);
	return view().answered > before;
}

static bool hear(void)
{
	return hear_from(TUNNEL, &asked);
}

static void up_and_down(void **state)
{
	(void)state;
	assert_int_equal(view().state, LIVENESS_unknown);
	ticks(1);
	assert_int_equal(injected, 1);
	assert_true(hear());
	assert_int_equal(view().state, LIVENESS_up);
	assert_int_equal(ups, 1);
	assert_false(hear()); // the same again
	for (unsigned i = 0; i < 20; i++) {
		ticks(1);
		assert_true(hear());
	}
	// Two are missing, then one comes: nothing happens.
	ticks(MISSES);
	assert_true(hear());
	ticks(MISSES);
	assert_int_equal(view().state, LIVENESS_up);
	assert_int_equal(downs, 0);
	ticks(1);
	assert_int_equal(view().state, LIVENESS_down);
	assert_int_equal(downs, 1);
	assert_null(hindered);
	// One answer is not enough, nor are two with a gap between them.
	assert_true(hear());
	ticks(2);
	assert_true(hear());
	ticks(2);
	assert_int_equal(view().state, LIVENESS_down);
	assert_true(hear());
	ticks(1);
	assert_true(hear());
	ticks(1);
	assert_int_equal(view().state, LIVENESS_up);
	assert_int_equal(ups, 2);
	assert_int_equal(downs, 1);
}

static void never_answered(void **state)
{
	(void)state;
	ticks(MISSES);
	assert_int_equal(view().state, LIVENESS_unknown);
	ticks(1);
	assert_int_equal(view().state, LIVENESS_down);
	assert_int_equal(downs, 1);
}

// Only what was asked, by whom it was asked, out of the tunnel that it went into.
static void what_is_no_answer(void **state)
{
	struct icmp_echo wrong;
	static struct tunnel other = {.name = "c", .index = 1};

	(void)state;
	places[1] = &other;
	ticks(1);
	assert_false(hear_from(1, &asked));
	assert_false(hear_from(TUNNEL - 1, &asked));
	assert_false(hear_from(UINT16_MAX, &asked));
	for (unsigned i = 0; i < ICMP_ECHO_NONCE; i++) {
		wrong = asked;
		wrong.nonce[i] ^= 1;
		assert_false(hear_from(TUNNEL, &wrong));
	}
	wrong = asked;
	wrong.id++;
	assert_false(hear_from(TUNNEL, &wrong));
	wrong = asked;
	wrong.seq++;
	assert_false(hear_from(TUNNEL, &wrong));
	wrong = asked;
	wrong.destination.octets[3]++;
	assert_false(hear_from(TUNNEL, &wrong));
	wrong = asked;
	wrong.source.octets[3]++;
	assert_false(hear_from(TUNNEL, &wrong));
	assert_int_equal(view().state, LIVENESS_unknown);
	assert_true(hear());
	// A late one counts while it may be on its way, and no longer.
	ticks(1);
	wrong = asked;
	ticks(7);
	assert_true(hear_from(TUNNEL, &wrong));
	ticks(1);
	wrong = asked;
	ticks(8);
	assert_false(hear_from(TUNNEL, &wrong));
	places[1] = NULL;
}

static void hindrances(void **state)
{
	(void)state;
	local_there = false;
	ticks(3 * MISSES);
	assert_int_equal(injected, 0);
	assert_int_equal(view().state, LIVENESS_unknown);
	assert_non_null(strstr(view().hindered, "no address"));
	local_there = true;
	has_policy = false;
	ticks(2 * MISSES);
	assert_non_null(strstr(view().hindered, "no policy"));
	has_policy = true;
	policy.action = POLICY_BYPASS;
	ticks(2 * MISSES);
	assert_non_null(strstr(view().hindered, "no policy"));
	policy.action = POLICY_PROTECT;
	atomic_store(&tunnel.out, NULL);
	ticks(2 * MISSES);
	assert_non_null(strstr(view().hindered, "no outbound SA"));
	assert_int_equal(injected, 0);
	assert_int_equal(view().state, LIVENESS_unknown);
	atomic_store(&tunnel.out, &out);
	ticks(1);
	assert_true(hear());
	assert_null(view().hindered);
	// Once it was there, its want is the tunnel's.
	atomic_store(&tunnel.out, NULL);
	ticks(MISSES + 1);
	assert_int_equal(view().state, LIVENESS_down);
	assert_non_null(strstr(hindered, "no outbound SA"));
}

static void routes(void **state)
{
	(void)state;
	ticks(1);
	assert_int_equal(added, 1); // nothing is withdrawn before a word
	assert_true(view().present[0]);
	ticks(MISSES);
	assert_int_equal(view().state, LIVENESS_down);
	assert_int_equal(removed, 1);
	assert_false(view().present[0]);
	ticks(1);
	assert_true(hear());
	ticks(1);
	assert_true(hear());
	assert_int_equal(added, 1);
	ticks(1);
	assert_int_equal(view().state, LIVENESS_up);
	assert_int_equal(added, 2);
	// Somebody else's stays.
	ticks(MISSES + 1);
	assert_int_equal(removed, 2);
	route_refused = EEXIST;
	for (unsigned i = 0; i <= ANSWERS; i++) {
		hear();
		ticks(1);
	}
	assert_int_equal(view().state, LIVENESS_up);
	assert_false(view().present[0]);
	assert_int_equal(view().wrong[0], EEXIST);
	ticks(MISSES + 1);
	assert_int_equal(view().state, LIVENESS_down);
	assert_int_equal(removed, 2);
}

// What the kernel would not take now, since the next hop has no way for a moment, it still has.
static void route_refused_meanwhile(void **state)
{
	(void)state;
	ticks(1);
	assert_int_equal(added, 1);
	route_refused = ENETUNREACH;
	config_tunnel.probe.misses++;
	liveness_follow(liveness);
	assert_false(view().present[0]);
	assert_int_equal(view().wrong[0], ENETUNREACH);
	ticks(MISSES + 2);
	assert_int_equal(view().state, LIVENESS_down);
	assert_int_equal(removed, 1);
}

static void route_follows_the_port(void **state)
{
	(void)state;
	ticks(1);
	assert_int_equal(added, 1);
	wan_ifindex = 10;
	config_tunnel.probe.misses++;
	liveness_follow(liveness);
	assert_int_equal(removed, 1);
	assert_int_equal(removed_from, 9);
	assert_int_equal(added, 2);
	assert_true(view().present[0]);
}

// The first question is not waited for as long as an interval, and a shorter interval counts at
// once.
static void long_interval(void **state)
{
	struct error err;

	(void)state;
	liveness_destroy(liveness);
	config_tunnel.probe.interval_ms = 3600000;
	assert_int_equal(liveness_create(&gateway, &liveness, &err), 0);
	ticks(1);
	assert_int_equal(injected, 1);
	config_tunnel.probe.interval_ms = INTERVAL_MS;
	liveness_follow(liveness);
	ticks(2);
	assert_int_equal(injected, 3);
}

// The other end asks: whoever withdraws routes answers by itself, with a route or without.
static void asked_by_the_other(void **state)
{
	struct icmp_echo question = {.source = config_tunnel.probe.peer,
		.destination = config_tunnel.probe.local,
		.question = true,
		.id = 7,
		.seq = 8};
	struct buffer heard;

	(void)state;
	arrive(&heard, TUNNEL, &question);
	config_tunnel.probe.routes_n = 0;
	liveness_follow(liveness);
	assert_false(liveness_hear(liveness, &heard.m));
	assert_int_equal(injected, 0);
	config_tunnel.probe.routes_n = 1;
	liveness_follow(liveness);
	assert_true(liveness_hear(liveness, &heard.m));
	assert_int_equal(injected, 1);
	assert_false(asked.question);
	assert_true(ip_addr_equal(&asked.source, &config_tunnel.probe.local));
	assert_true(ip_addr_equal(&asked.destination, &config_tunnel.probe.peer));
	assert_int_equal(asked.seq, 8);
}

static void follows_the_configuration(void **state)
{
	struct liveness_view seen;

	(void)state;
	ticks(1);
	assert_true(hear());
	// Other settings of the same probe: its state stays, routes that are not named any more go.
	config_tunnel.probe.misses = 50;
	liveness_follow(liveness);
	assert_int_equal(view().state, LIVENESS_up);
	assert_int_equal(removed, 0);
	config_tunnel.probe.routes_n = 0;
	liveness_follow(liveness);
	assert_int_equal(removed, 1);
	ticks(2 * MISSES);
	assert_int_equal(view().state, LIVENESS_up);
	// Another address is another probe.
	config_tunnel.probe.peer.octets[3] = 7;
	liveness_follow(liveness);
	assert_int_equal(view().state, LIVENESS_unknown);
	config_tunnel.probe = (struct config_probe){.routes_n = 0};
	liveness_follow(liveness);
	assert_false(liveness_of(&tunnel, &seen));
}

int main(void)
{
#define LIVENESS_TEST(test) cmocka_unit_test_setup_teardown(test, open, done)
	const struct CMUnitTest tests[] = {
		LIVENESS_TEST(up_and_down),
		LIVENESS_TEST(never_answered),
		LIVENESS_TEST(what_is_no_answer),
		LIVENESS_TEST(hindrances),
		LIVENESS_TEST(routes),
		LIVENESS_TEST(route_refused_meanwhile),
		LIVENESS_TEST(route_follows_the_port),
		LIVENESS_TEST(long_interval),
		LIVENESS_TEST(asked_by_the_other),
		LIVENESS_TEST(follows_the_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
