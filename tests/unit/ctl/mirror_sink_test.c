// From the kernel's routes to what a tunnel takes, with a real data plane: no packet is encrypted
// that the link behind would not take, and its sender is told.
#include "../dataplane/out_flows.h"
#include "ctl/gateway.h"
#include "ctl/mirror.h"
#include "ctl/path_mtu.h"
#include "ctl/tunnel_mtu.h"

#include <event2/event.h>

#define PORT_MTU 1500 // of the port that the tunnel is configured for
#define LINK_MTU 1400 // of the one that its route leads to
#define ROUTE_MTU 1350

static struct tunnel *places[1];
static struct gateway gateway = {.tunnels = 1, .tunnel = places};
static struct mirror_sink sink;

static void publish(struct lab *lab)
{
	const struct mirror_view view = {.route = lab->route,
		.routes = lab->routes,
		.routes_changed = true,
		.neighbour = lab->neighbour,
		.neighbours = lab->neighbours};
	struct error err = {.text = ""};

	if (sink.publish(sink.arg, &view, &err) != 0)
		fail_msg("%s", err.text);
}

static void open_gateway(struct lab *lab, const struct lab_tunnel_params *kind)
{
	struct tunnel *tunnel = &lab->tunnel[lab_tunnel(lab, kind)].tunnel;

	lab_protect(lab, 0);
	lab_publish(lab);
	gateway.dp = lab->dp;
	places[0] = tunnel;
	gateway.events = event_base_new();
	tunnel->limits = (struct tunnel_limits){PORT_MTU, UINT16_MAX, UINT16_MAX, 0};
	tunnel_mtu_apply(tunnel);
	assert_int_equal(path_mtu_create(&gateway, &gateway.path_mtu), 0);
	assert_int_equal(mirror_sink_gateway(&gateway, &sink), 0);
	publish(lab);
}

static void close_gateway(void)
{
	sink.close(sink.arg);
	path_mtu_destroy(gateway.path_mtu);
	event_base_free(gateway.events);
}

// By a link of this MTU: what fits is sent, what has one octet more is told of.
static void expect_link(struct lab *lab, uint16_t mtu)
{
	const struct sa_out *sa = lab->tunnel[0].out->out;
	uint16_t most = sa->proto->max_inner(sa->ipv6, mtu);
	struct flow flow = flow_out(mtu);
	uint8_t packet[PACKET_MAX];

	assert_int_equal(sa_out_max_inner(sa), most);
	flow.fragment = IPV4_DONT_FRAGMENT;
	flow.octets = most;
	send_out(lab, &flow);
	lab_turn(lab, 0);
	expect_tunneled(lab, 0, &flow);
	flow.octets = (uint16_t)(most + 1);
	send_out(lab, &flow);
	lab_turn(lab, 0);
	expect_out_drop(lab, 0, 0, DROP_too_big, 1);
	assert_int_equal(
		expect_punted(lab, META_TELL, LAN, packet, packet_make(&flow, packet)), most);
	expect_nothing_sent(lab);
}

static void check(struct lab *lab, const struct lab_tunnel_params *kind)
{
	struct fwd_route *route;

	open_gateway(lab, kind);
	expect_link(lab, LINK_MTU);
	route = kind->outer6 ? lab_route(lab, "2001:db8::/64", ADJACENCY_LINK, WAN, NULL)
			     : lab_route(lab, "192.0.2.96/27", ADJACENCY_LINK, WAN, NULL);
	route->mtu = ROUTE_MTU;
	publish(lab);
	expect_link(lab, ROUTE_MTU);
	route->mtu = 9000;
	publish(lab);
	expect_link(lab, LINK_MTU);
	// Without a route it takes what it took.
	route->kind = ADJACENCY_UNREACHABLE;
	publish(lab);
	assert_int_equal(lab->tunnel[0].tunnel.path_mtu, LINK_MTU);
	close_gateway();
}

static void vpe_over_ipv4(void **state)
{
	check(*state, &kinds[0]);
}

static void esp_over_ipv6(void **state)
{
	check(*state, &kinds[4]);
}

int main(void)
{
	static const struct lab_params smaller = {.mtu = {PORT_MTU, LINK_MTU}};
	const struct CMUnitTest tests[] = {
		LAB_TEST(vpe_over_ipv4, &smaller),
		LAB_TEST(esp_over_ipv6, &smaller),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
