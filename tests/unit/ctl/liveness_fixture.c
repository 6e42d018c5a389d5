// Stand-ins that count, and remember what they were asked last.
#include "liveness_fixture.h"

#include "ctl/host_if.h"
#include "ctl/icmp_source.h"
#include "ctl/kernel_route.h"
#include "ctl/netlink.h"
#include "ctl/notify.h"
#include "dataplane/punt.h"

#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct dataplane dp = {.ports = 2};
struct tunnel tunnel = {.name = "b", .index = TUNNEL, .port = WAN};
struct tunnel *places[TUNNEL + 1] = {[TUNNEL] = &tunnel};
struct sa_out out;
struct policy policy = {.action = POLICY_PROTECT, .tunnel = &tunnel};
struct config_tunnel config_tunnel;
static struct config config = {.tunnels_n = 1, .tunnels = &config_tunnel};
struct gateway gateway = {.config = &config, .dp = &dp, .tunnels = TUNNEL + 1, .tunnel = places};
struct liveness *liveness;

bool local_there, has_policy;
struct icmp_echo asked;
static struct buffer sent;
unsigned injected, ups, downs;
unsigned added, removed;
unsigned wan_ifindex, removed_from;
int route_refused;
const char *hindered;

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

struct liveness_view view(void)
{
	struct liveness_view seen;

	assert_true(liveness_of(&tunnel, &seen));
	return seen;
}

int liveness_open(void **state)
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

int liveness_done(void **state)
{
	(void)state;
	liveness_destroy(liveness);
	assert_null(tunnel.probe);
	event_base_free(gateway.events);
	return 0;
}

void ticks(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		event_base_loop(gateway.events, EVLOOP_ONCE);
}

uint32_t arrive(struct buffer *heard, uint16_t index, const struct icmp_echo *echo)
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

bool hear_from(uint16_t index, const struct icmp_echo *question)
{
	struct buffer heard;
	uint32_t octets = arrive(&heard, index, question);
	uint64_t before = view().answered;

	assert_true(icmp_echo_turn(
		rte_pktmbuf_mtod_offset(&heard.m, uint8_t *, RTE_ETHER_HDR_LEN), octets));
	liveness_hear(liveness, &heard.m);
	return view().answered > before;
}

bool hear(void)
{
	return hear_from(TUNNEL, &asked);
}
