// Neighbours that are in use stay known; those that are not are let go.
#include "mirror_fixture.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <unistd.h>

#define UNKNOWN_FLAG (1U << 30)

static struct ip_addr addr_of(const char *text)
{
	struct ip_addr addr;

	assert_int_equal(ip_addr_parse(text, &addr), 0);
	return addr;
}

// Whether the kernel has this neighbour in such a state.
static bool kernel_says(const char *interface, const char *addr, const char *words)
{
	char command[256];

	snprintf(command, sizeof(command), "ip -d neigh show to %s dev %s | grep -q '%s'", addr,
		interface, words);
	return system(command) == 0;
}

// ARP requests for 10.1.0.N, by N.
static unsigned requested[256];

static void read_requests(void)
{
	uint8_t frame[2048];
	ssize_t octets;

	while ((octets = read(lan, frame, sizeof(frame))) > 0)
		if (octets >= 42 && frame[12] == 8 && frame[13] == 6)
			requested[frame[41]]++;
}

static void forget_requests(void)
{
	read_requests();
	memset(requested, 0, sizeof(requested));
}

static unsigned requests(uint8_t n)
{
	read_requests();
	return requested[n];
}

static void next_hops_are_managed(void **state)
{
	(void)state;
	netns_run("ip route add 10.2.0.0/16 via 198.51.100.2; "
		  "ip route add 10.3.0.0/16 via 198.51.100.2; "
		  "ip -6 route add 2001:db8:2::/48 via fe80::2 dev vped-wan; "
		  "ip route add 10.4.0.0/16 via inet6 fe80::4 dev vped-wan");
	wait_for(mirror_stats(mirror)->managed == 3);
	assert_int_equal(mirror_stats(mirror)->next_hops, 3);
	assert_true(kernel_says("vped-wan", "198.51.100.2", "managed"));
	assert_true(kernel_says("vped-wan", "fe80::2", "managed"));
	assert_true(kernel_says("vped-wan", "fe80::4", "managed"));
	// The kernel's limits are not for them.
	assert_true(kernel_says("vped-wan", "198.51.100.2", "extern_learn"));
	assert_true(kernel_says("vped-wan", "fe80::2", "extern_learn"));
	// The last route through it decides.
	netns_run("ip route del 10.2.0.0/16; ip -6 route del 2001:db8:2::/48");
	wait_for(mirror_stats(mirror)->next_hops == 2);
	assert_true(kernel_says("vped-wan", "198.51.100.2", "managed"));
	wait_for(!kernel_says("vped-wan", "fe80::2", "managed"));
	assert_false(kernel_says("vped-wan", "fe80::2", "extern_learn"));
	// Taken away by somebody: asked for again, at once when there is a packet.
	netns_run("ip neigh del 198.51.100.2 dev vped-wan");
	mirror_resolve(mirror, WAN, &(struct ip_addr){IP_V4, {198, 51, 100, 2}});
	wait_for(kernel_says("vped-wan", "198.51.100.2", "managed"));
	netns_run("ip neigh del 198.51.100.2 dev vped-wan");
	assert_false(kernel_says("vped-wan", "198.51.100.2", "managed"));
	wait_for(kernel_says("vped-wan", "198.51.100.2", "managed"));
}

static struct ip_addr remote[2];

static int with_remotes(void **state)
{
	remote[0] = addr_of("198.51.100.77"); // on the link
	remote[1] = addr_of("203.0.113.9");   // nowhere yet
	more.remotes = 2;
	more.remote = remote;
	return mirror_start(state);
}

static void ends_of_tunnels_are_next_hops(void **state)
{
	(void)state;
	wait_for(mirror_stats(mirror)->managed == 1);
	assert_true(kernel_says("vped-wan", "198.51.100.77", "managed"));
	netns_run("ip route add 203.0.113.0/24 dev vped-wan");
	wait_for(mirror_stats(mirror)->managed == 2);
	netns_run("ip route add 203.0.113.9/32 via 198.51.100.78");
	wait_for(kernel_says("vped-wan", "198.51.100.78", "managed"));
	wait_for(!kernel_says("vped-wan", "203.0.113.9", "managed"));
	assert_int_equal(mirror_stats(mirror)->next_hops, 2);
}

// Senders for kernels that manage no neighbours. The attribute is the last.
static struct nlattr *extended_flags(struct nlmsghdr *message)
{
	struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct ndmsg))
	{
		if (mnl_attr_get_type(attr) == NDA_FLAGS_EXT)
			return attr;
	}
	return NULL;
}

static ssize_t send_edited(const struct mnl_socket *socket, const void *message, size_t octets,
	void (*edit)(struct nlmsghdr *message, struct nlattr *flags))
{
	char copy[512] __attribute__((aligned(8)));
	struct nlmsghdr *edited = (void *)copy;
	struct nlattr *flags;

	assert_true(octets <= sizeof(copy));
	memcpy(copy, message, octets);
	flags = extended_flags(edited);
	if (flags)
		edit(edited, flags);
	return mnl_socket_sendto(socket, edited, edited->nlmsg_len);
}

static void cut(struct nlmsghdr *message, struct nlattr *flags)
{
	message->nlmsg_len = (uint32_t)((char *)flags - (char *)message);
}

static void spoil(struct nlmsghdr *message, struct nlattr *flags)
{
	(void)message;
	*(uint32_t *)mnl_attr_get_payload(flags) |= UNKNOWN_FLAG;
}

// Before 5.16: an attribute that nobody reads.
static ssize_t unread(const struct mnl_socket *socket, const void *message, size_t octets)
{
	return send_edited(socket, message, octets, cut);
}

static ssize_t refused_later(const struct mnl_socket *socket, const void *message, size_t octets)
{
	return send_edited(socket, message, octets, spoil);
}

static ssize_t refused_at_once(const struct mnl_socket *socket, const void *message, size_t octets)
{
	char copy[512] __attribute__((aligned(8)));

	assert_true(octets <= sizeof(copy));
	memcpy(copy, message, octets);
	if (!extended_flags((void *)copy))
		return mnl_socket_sendto(socket, message, octets);
	errno = EOPNOTSUPP;
	return -1;
}

static int on_old_kernel(void **state)
{
	more.send = unread;
	return mirror_start(state);
}

static int on_late_refusal(void **state)
{
	more.send = refused_later;
	return mirror_start(state);
}

static int on_refusal(void **state)
{
	more.send = refused_at_once;
	return mirror_start(state);
}

static void assert_used_instead(void)
{
	netns_run("ip route add 10.2.0.0/16 via 10.1.0.22");
	forget_requests();
	wait_for(requests(22) > 0);
	wait_for(mirror_stats(mirror)->next_hops == 1);
	assert_int_equal(mirror_stats(mirror)->managed, 0);
	assert_false(kernel_says("vped-lan", "10.1.0.22", "managed"));
}

static void refusals(void **state)
{
	(void)state;
	assert_used_instead();
}

// By itself, also after it has failed.
static void is_asked_for_again(void **state)
{
	(void)state;
	netns_run("echo 20 > /proc/sys/net/ipv4/neigh/vped-lan/retrans_time_ms");
	assert_used_instead();
	wait_for(neighbour(LAN, "10.1.0.22") && neighbour(LAN, "10.1.0.22")->failed);
	forget_requests();
	for (unsigned tries = 0; requests(22) == 0 && tries < 300; tries++)
		run_ms(100);
	assert_true(requests(22) > 0);
}

// A host on the link that the kernel doubts is looked for: one that lives stays, this one goes.
static void doubted_hosts_are_looked_for(void **state)
{
	(void)state;
	netns_run("echo 1 > /proc/sys/net/ipv4/neigh/vped-lan/delay_first_probe_time; "
		  "echo 20 > /proc/sys/net/ipv4/neigh/vped-lan/retrans_time_ms; "
		  "ip neigh add 192.168.99.9 lladdr 02:00:00:00:99:09 dev vped-lan nud stale");
	forget_requests();
	netns_run("ip neigh add 10.1.0.9 lladdr 02:00:00:00:00:09 dev vped-lan nud stale");
	wait_for(neighbour(LAN, "10.1.0.9"));
	assert_false(neighbour(LAN, "10.1.0.9")->failed);
	wait_for(requests(9) > 0);
	wait_for(neighbour(LAN, "10.1.0.9")->failed);
	assert_int_equal(mirror_stats(mirror)->probes, 1);
	// No route says that this one is on the link.
	assert_true(kernel_says("vped-lan", "192.168.99.9", "STALE"));
}

static int with_stale(void **state)
{
	before_mirror = "ip neigh add 10.1.0.9 lladdr 02:00:00:00:00:09 dev vped-lan nud stale; "
			"ip neigh add 10.1.0.8 lladdr 02:00:00:00:00:08 dev vped-lan nud noarp";
	return mirror_start(state);
}

// What was doubted before anybody followed is looked for too.
static void doubted_at_the_start(void **state)
{
	(void)state;
	wait_for(mirror_stats(mirror)->probes == 1);
	wait_for(kernel_says("vped-lan", "10.1.0.9", "DELAY\\|PROBE"));
	run_ms(1500);
	assert_int_equal(mirror_stats(mirror)->probes, 1);
}

// The kernel throws away all that it knows at an interface, as it does with what nobody seems to
// use: no forwarding table ever misses what was usable.
static void collected_neighbours_come_back(void **state)
{
	(void)state;
	netns_run("ip neigh add 10.1.0.9 lladdr 02:00:00:00:00:09 dev vped-lan nud stale; "
		  "ip neigh add 10.1.0.10 lladdr 02:00:00:00:00:10 dev vped-lan nud reachable");
	wait_for(neighbour(LAN, "10.1.0.9") && neighbour(LAN, "10.1.0.10"));
	seen.watched = "10.1.0.10";
	netns_run("ip link set vped-lan address 02:00:00:00:aa:01");
	wait_for(mirror_stats(mirror)->restores == 2);
	run_ms(100);
	assert_int_equal(neighbour(LAN, "10.1.0.9")->mac.addr_bytes[5], 9);
	assert_int_equal(neighbour(LAN, "10.1.0.10")->mac.addr_bytes[5], 0x10);
	assert_true(kernel_says("vped-lan", "10.1.0.10", "lladdr 02:00:00:00:00:10"));
	assert_int_equal(seen.missed, 0);
	// Whoever takes one away by hand means it.
	seen.watched = NULL;
	netns_run("ip neigh del 10.1.0.10 dev vped-lan");
	wait_for(!neighbour(LAN, "10.1.0.10"));
	run_ms(200);
	assert_null(neighbour(LAN, "10.1.0.10"));
}

// The table grows while messages are read.
static void many_new_neighbours(void **state)
{
	(void)state;
	netns_run("for i in $(seq 1 120); do echo neigh replace 10.1.1.$i "
		  "lladdr 02:00:00:00:01:02 dev vped-lan nud stale; done | ip -batch -");
	run_ms(500);
	for (unsigned i = 1; i <= 120; i++) {
		char addr[16];

		snprintf(addr, sizeof(addr), "10.1.1.%u", i);
		assert_non_null(neighbour(LAN, addr));
	}
}

static void next_hops_are_bounded(void **state)
{
	(void)state;
	netns_run("for i in $(seq 0 1099); do echo route add 20.$((i / 250)).$((i %% 250)).0/24 "
		  "via 10.1.$((i / 250 + 1)).$((i %% 250 + 1)); done | ip -batch -");
	wait_for(route("20.4.99.0/24"));
	wait_for(mirror_stats(mirror)->next_hops == 1024);
	netns_run("ip route flush root 20.0.0.0/8");
	wait_for(mirror_stats(mirror)->next_hops == 0);
}

static struct fwd_neighbour fixed[3];

static int with_fixed(void **state)
{
	static const char *const addrs[] = {"10.1.0.7", "fe80::7", "10.9.0.7"};
	static const uint8_t ports[] = {LAN, WAN, 9};

	for (unsigned i = 0; i < 3; i++)
		fixed[i] = (struct fwd_neighbour){.addr = addr_of(addrs[i]),
			.port = ports[i],
			.mac = {{2, 0, 0, 0, 7, (uint8_t)i}}};
	more.fixed = 3;
	more.fixed_neighbour = fixed;
	return mirror_start(state);
}

static void assert_fixed(void)
{
	assert_non_null(neighbour(LAN, "10.1.0.7"));
	assert_false(neighbour(LAN, "10.1.0.7")->failed);
	assert_int_equal(neighbour(LAN, "10.1.0.7")->mac.addr_bytes[4], 7);
	assert_int_equal(neighbour(WAN, "fe80::7")->mac.addr_bytes[5], 1);
	assert_int_equal(neighbour(9, "10.9.0.7")->mac.addr_bytes[5], 2);
}

// The configuration's neighbours win over the kernel's, which has them too where it can.
static void configured_neighbours_win(void **state)
{
	(void)state;
	assert_int_equal(seen.views, 1);
	assert_fixed();
	wait_for(kernel_says("vped-lan", "10.1.0.7", "02:00:00:00:07:00 PERMANENT"));
	wait_for(kernel_says("vped-wan", "fe80::7", "02:00:00:00:07:01 PERMANENT"));
	netns_run("ip neigh replace 10.1.0.7 lladdr 02:00:00:00:66:66 dev vped-lan nud reachable; "
		  "ip neigh del fe80::7 dev vped-wan");
	wait_for(kernel_says("vped-lan", "10.1.0.7", "02:00:00:00:07:00 PERMANENT"));
	wait_for(kernel_says("vped-wan", "fe80::7", "02:00:00:00:07:01 PERMANENT"));
	netns_run("ip link set vped-lan down");
	run_ms(100);
	netns_run("ip link set vped-lan up");
	wait_for(kernel_says("vped-lan", "10.1.0.7", "02:00:00:00:07:00 PERMANENT"));
	assert_fixed();
	// As a next hop it needs nobody's care.
	netns_run("ip route add 10.2.0.0/16 via 10.1.0.7");
	wait_for(mirror_stats(mirror)->next_hops == 1);
	run_ms(200);
	assert_true(kernel_says("vped-lan", "10.1.0.7", "PERMANENT"));
	assert_int_equal(mirror_stats(mirror)->managed, 0);
	assert_fixed();
}

#define after(setup, test) cmocka_unit_test_setup_teardown(test, setup, mirror_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		mirrored(next_hops_are_managed),
		mirrored(many_new_neighbours),
		after(with_remotes, ends_of_tunnels_are_next_hops),
		after(on_refusal, refusals),
		after(on_late_refusal, refusals),
		after(on_old_kernel, is_asked_for_again),
		mirrored(doubted_hosts_are_looked_for),
		after(with_stale, doubted_at_the_start),
		mirrored(collected_neighbours_come_back),
		mirrored(next_hops_are_bounded),
		after(with_fixed, configured_neighbours_win),
	};

	return mirror_run(tests);
}
