// Neighbours in use that the kernel has lost keep their link address for a while.
#include "mirror_fixture.h"

#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

// Tells the mirror what a kernel would.
static void say(uint16_t type, const char *text, uint16_t nud, uint8_t last)
{
	const struct sockaddr_nl to = {.nl_family = AF_NETLINK, .nl_pid = (uint32_t)getpid()};
	char buffer[256] __attribute__((aligned(8)));
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	const uint8_t mac[6] = {2, 0, 0, 0, 0, last};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct ip_addr addr;
	struct ndmsg *ndm;

	assert_int_equal(ip_addr_parse(text, &addr), 0);
	message->nlmsg_type = type;
	ndm = mnl_nlmsg_put_extra_header(message, sizeof(*ndm));
	ndm->ndm_family = addr.family == IP_V4 ? AF_INET : AF_INET6;
	ndm->ndm_ifindex = (int)if_nametoindex("vped-lan");
	ndm->ndm_state = nud;
	mnl_attr_put(message, NDA_DST, ip_addr_octets(addr.family), addr.octets);
	if (last)
		mnl_attr_put(message, NDA_LLADDR, sizeof(mac), mac);
	assert_true(sendto(fd, message, message->nlmsg_len, 0, (const void *)&to, sizeof(to)) > 0);
	close(fd);
	run_ms(50);
}

static unsigned asked;

// A full table: nothing gets in, and nobody is told.
static ssize_t no_room(const struct mnl_socket *socket, const void *message, size_t octets)
{
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(message);

	(void)socket;
	asked += (ndm->ndm_flags & NTF_USE) != 0;
	return (ssize_t)octets;
}

static int without_room(void **state)
{
	more.send = no_room;
	asked = 0;
	return mirror_start(state);
}

static void assert_known(const char *addr, uint8_t last)
{
	const struct fwd_neighbour *n = neighbour(LAN, addr);

	assert_non_null(n);
	assert_false(n->failed);
	assert_int_equal(n->mac.addr_bytes[5], last);
}

static void lose(const char *addr)
{
	say(RTM_NEWNEIGH, addr, NUD_REACHABLE, 9);
	assert_known(addr, 9);
	say(RTM_DELNEIGH, addr, NUD_PROBE, 9);
	say(RTM_NEWNEIGH, addr, NUD_INCOMPLETE, 0);
	assert_known(addr, 9);
}

static void grace_for_lost_neighbours(void **state)
{
	static const char *const addrs[] = {"10.1.0.9", "2001:db8:1::9"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		// Asked for all the while; in the end it is gone.
		asked = 0;
		lose(addrs[i]);
		wait_for(asked >= 2);
		assert_known(addrs[i], 9);
		wait_for(!neighbour(LAN, addrs[i]));
		// It answers, from where it was or elsewhere.
		lose(addrs[i]);
		say(RTM_NEWNEIGH, addrs[i], NUD_REACHABLE, 10);
		assert_known(addrs[i], 10);
		run_ms(6000);
		assert_known(addrs[i], 10);
		lose(addrs[i]);
		say(RTM_NEWNEIGH, addrs[i], NUD_FAILED, 0);
		assert_true(neighbour(LAN, addrs[i])->failed);
		say(RTM_DELNEIGH, addrs[i], NUD_FAILED, 0);
		assert_null(neighbour(LAN, addrs[i]));
	}
	// On no link of ours: not in use.
	say(RTM_NEWNEIGH, "10.9.0.9", NUD_REACHABLE, 9);
	assert_known("10.9.0.9", 9);
	say(RTM_DELNEIGH, "10.9.0.9", NUD_REACHABLE, 9);
	assert_null(neighbour(LAN, "10.9.0.9"));
}

static void grace_ends_with_route_and_link(void **state)
{
	(void)state;
	netns_run("ip route add 10.9.0.0/16 dev vped-lan");
	wait_for(route("10.9.0.0/16"));
	lose("10.9.0.9");
	netns_run("ip route del 10.9.0.0/16");
	run_ms(500);
	assert_null(neighbour(LAN, "10.9.0.9"));
	lose("10.1.0.9");
	netns_run("ip link set vped-lan mtu 1400");
	run_ms(500);
	assert_null(neighbour(LAN, "10.1.0.9"));
}

#define roomless(test) cmocka_unit_test_setup_teardown(test, without_room, mirror_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		roomless(grace_for_lost_neighbours),
		roomless(grace_ends_with_route_and_link),
	};

	return mirror_run(tests);
}
