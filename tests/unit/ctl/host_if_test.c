// A host interface against a real kernel, in a network namespace; the workers are the test's own.
#include "ctl/host_if.h"

#include "dataplane/punt.h"
#include "eal_fixture.h"
#include "netns.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct event_base *events;
static struct rte_mempool *pool;
static const struct port port = {
	.name = "lan", .index = 3, .mtu = 1500, .mac = {{0x02, 0, 0, 0, 0x11, 0x22}}};
static struct host_if *host_if;

// The workers' end.
static bool no_buffer, full;
static unsigned injected;
static uint8_t last[4096];
static uint16_t last_octets;

struct rte_mbuf *inject_alloc(struct dataplane *dp)
{
	(void)dp;
	return no_buffer ? NULL : rte_pktmbuf_alloc(pool);
}

bool inject(struct dataplane *dp, struct rte_mbuf *m, enum meta_kind kind, uint8_t index)
{
	(void)dp;
	assert_int_equal(kind, META_FRAME);
	assert_int_equal(index, 3);
	injected++;
	last_octets = m->data_len;
	memcpy(last, rte_pktmbuf_mtod(m, void *), last_octets);
	rte_pktmbuf_free(m);
	return !full;
}

static void run_ms(unsigned ms)
{
	const struct timeval time = {.tv_usec = (suseconds_t)ms * 1000};

	event_base_loopexit(events, &time);
	event_base_dispatch(events);
}

static int start(void **state)
{
	struct error err;

	(void)state;
	injected = 0;
	events = event_base_new();
	// IPv6 has something to say whenever an interface comes up.
	netns_run("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6; "
		  "echo 1 > /proc/sys/net/ipv4/conf/default/forwarding; "
		  "echo 1 > /proc/sys/net/ipv4/conf/default/proxy_arp; "
		  "echo 1 > /proc/sys/net/ipv4/conf/default/proxy_arp_pvlan; "
		  "echo 1 > /proc/sys/net/ipv6/conf/default/proxy_ndp; "
		  "echo 1 > /proc/sys/net/ipv6/conf/default/forwarding");
	if (host_if_create(events, NULL, &port, "vped-lan", &host_if, &err) < 0) {
		print_error("%s\n", err.text);
		return -1;
	}
	netns_run("ip address add 10.1.0.1/24 dev vped-lan");
	return 0;
}

static int stop(void **state)
{
	(void)state;
	host_if_destroy(host_if);
	event_base_free(events);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
	netns_run("! ip link show vped-lan 2>/dev/null");
	return 0;
}

static void is_made_as_asked(void **state)
{
	(void)state;
	assert_string_equal(host_if_name(host_if), "vped-lan");
	netns_run("ip -o link show vped-lan | grep -q 'UP.* mtu 1500 .*02:00:00:00:11:22'");
	netns_run("grep -qx 0 /proc/sys/net/ipv4/conf/vped-lan/forwarding");
	netns_run("grep -qx 0 /proc/sys/net/ipv6/conf/vped-lan/forwarding");
	netns_run("cd /proc/sys/net && grep -qx 0 ipv4/conf/vped-lan/proxy_arp && "
		  "grep -qx 0 ipv4/conf/vped-lan/proxy_arp_pvlan && "
		  "grep -qx 0 ipv6/conf/vped-lan/proxy_ndp");
	// Nobody on the wire makes our routes.
	netns_run("grep -qx 0 /proc/sys/net/ipv6/conf/vped-lan/accept_ra");
	netns_run("for f in ipv4 ipv6; do cd /proc/sys/net/$f/neigh/vped-lan; "
		  "grep -qx 10000 base_reachable_time_ms && grep -qx 1 delay_first_probe_time && "
		  "grep -qx 3 mcast_resolicit || exit 1; done");
	netns_run("grep -qx 0 /proc/sys/net/ipv6/conf/vped-lan/autoconf");
	netns_run("grep -qx 0 /proc/sys/net/ipv6/conf/vped-lan/accept_redirects");
	netns_run("grep -qx 0 /proc/sys/net/ipv4/conf/vped-lan/accept_redirects");
	netns_run("ip -o link show vped-lan | grep -q '^%u:'", host_if_ifindex(host_if));
}

// conf.default: what the operator wants of new interfaces.
static void hides(const char *by_default, const char *ignore, const char *announce)
{
	struct port wan = port;
	struct host_if *outside;
	struct error err;

	wan.side = PORT_UNPROTECTED;
	netns_run("echo %s > /proc/sys/net/ipv4/conf/default/arp_ignore", by_default);
	assert_int_equal(host_if_create(events, NULL, &wan, "vped-wan", &outside, &err), 0);
	netns_run("cd /proc/sys/net/ipv4/conf/vped-wan && grep -qx %s arp_ignore && "
		  "grep -qx %s arp_announce",
		ignore, announce);
	host_if_destroy(outside);
	netns_run("echo 0 > /proc/sys/net/ipv4/conf/default/arp_ignore");
}

static void unprotected_tells_its_own_addresses(void **state)
{
	(void)state;
	netns_run("grep -qx 0 /proc/sys/net/ipv4/conf/vped-lan/arp_ignore");
	hides("0", "1", "2");
	hides("8", "8", "2");
}

// Strict where the operator or the distribution wants it so; on the wan that is their business.
static void protected_takes_what_was_tunnelled(void **state)
{
	static const char *const by_default[] = {"0", "1", "2"};
	struct port other = port;
	struct host_if *made;
	struct error err;

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		const char *was = by_default[i / 2];

		other.side = i % 2 ? PORT_UNPROTECTED : PORT_PROTECTED;
		netns_run("echo %s > /proc/sys/net/ipv4/conf/default/rp_filter", was);
		assert_int_equal(host_if_create(events, NULL, &other, "vped-x", &made, &err), 0);
		netns_run("grep -qx %s /proc/sys/net/ipv4/conf/vped-x/rp_filter",
			other.side == PORT_PROTECTED ? "2" : was);
		host_if_destroy(made);
	}
	netns_run("echo 0 > /proc/sys/net/ipv4/conf/default/rp_filter");
}

static const uint8_t request[42] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 8, 6, 0,
	1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 9, 10, 1, 0, 9, 0, 0, 0, 0, 0, 0, 10, 1, 0, 1};

static struct rte_mbuf *frame(const void *octets, uint16_t n)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	assert_non_null(m);
	memcpy(rte_pktmbuf_mtod(m, void *), octets, n);
	m->data_len = n;
	m->pkt_len = n;
	return m;
}

static void carries_both_ways(void **state)
{
	const struct host_if_stats *stats = host_if_stats(host_if);
	uint64_t before;

	(void)state;
	run_ms(20);
	before = stats->from_kernel_frames;
	host_if_write(host_if, frame(request, sizeof(request)));
	run_ms(20);
	assert_int_equal(stats->to_kernel_frames, 1);
	assert_int_equal(stats->to_kernel_octets, 42);
	assert_true(stats->from_kernel_frames > before);
	// The ARP reply.
	assert_int_equal(last_octets, 42);
	assert_memory_equal(last, request + 6, 6);
	assert_memory_equal(last + 6, port.mac.addr_bytes, 6);
	assert_int_equal(last[21], 2);
}

static void send_udp(size_t octets)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(0x0a010009)};
	static const uint8_t text[4096];
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(
		sendto(fd, text, octets, 0, (const struct sockaddr *)&to, sizeof(to)), octets);
	close(fd);
}

static void counts_what_ends_here(void **state)
{
	const struct host_if_stats *stats = host_if_stats(host_if);

	(void)state;
	run_ms(20);
	// The operator may do so; the port cannot follow.
	netns_run("ip link set vped-lan mtu 3000; "
		  "ip neigh add 10.1.0.9 lladdr 02:00:00:00:00:09 dev vped-lan");
	run_ms(20);
	injected = 0;
	send_udp(2500);
	run_ms(20);
	assert_int_equal(stats->too_long, 1);
	assert_int_equal(injected, 0);
	// As long as it may be.
	send_udp(1472);
	run_ms(20);
	assert_int_equal(injected, 1);
	assert_int_equal(last_octets, 1514);
	no_buffer = true;
	send_udp(100);
	run_ms(20);
	no_buffer = false;
	assert_int_equal(stats->no_buffer, 1);
	full = true;
	send_udp(100);
	run_ms(20);
	full = false;
	assert_int_equal(stats->inject_full, 1);
	netns_run("ip link set vped-lan down");
	host_if_write(host_if, frame(request, sizeof(request)));
	assert_int_equal(stats->write_failed, 1);
}

// The interface is deleted under our hands: no loop without end.
static void survives_deletion(void **state)
{
	(void)state;
	netns_run("ip link del vped-lan");
	run_ms(20);
	assert_int_equal(event_base_get_num_events(events, EVENT_BASE_COUNT_ADDED), 0);
	host_if_write(host_if, frame(request, sizeof(request)));
	assert_int_equal(host_if_stats(host_if)->write_failed, 1);
}

static void refuses_a_taken_name(void **state)
{
	struct host_if *second = NULL;
	struct error err;

	(void)state;
	assert_int_equal(host_if_create(events, NULL, &port, "vped-lan", &second, &err), -EEXIST);
	assert_non_null(strstr(err.text, "the name is taken"));
	assert_int_equal(host_if_create(events, NULL, &port, "lo", &second, &err), -EEXIST);
	assert_int_equal(
		host_if_create(events, NULL, &port, "sixteen-letters-", &second, &err), -EINVAL);
	assert_null(second);
	// A persistent one that nobody uses is somebody's, too.
	netns_run("ip tuntap add mode tap name vped-left");
	assert_int_equal(host_if_create(events, NULL, &port, "vped-left", &second, &err), -EEXIST);
	netns_run("ip link del vped-left");
}

static void needs_a_capability(void **state)
{
	struct host_if *second = NULL;
	struct error err;
	int status = 1;
	pid_t child;

	(void)state;
	if (getuid() != 0)
		skip();
	child = fork();
	if (child == 0) {
		bool right = setresuid(65534, 65534, 65534) == 0 &&
			host_if_create(events, NULL, &port, "vped-no", &second, &err) == -EPERM &&
			strstr(err.text, "CAP_NET_ADMIN") != NULL;

		_exit(right ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

#define attached(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		attached(is_made_as_asked),
		attached(unprotected_tells_its_own_addresses),
		attached(protected_takes_what_was_tunnelled),
		attached(carries_both_ways),
		attached(counts_what_ends_here),
		attached(survives_deletion),
		attached(refuses_a_taken_name),
		attached(needs_a_capability),
	};

	netns_enter_or_exit(NETNS_SKIPPED);
	pool = eal_fixture_pool(255, 64, RTE_PKTMBUF_HEADROOM + 2048);
	return pool ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
