// The kernel's settings as files below /proc/sys/net.
#include "ctl/sysctl.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_OCTETS 128

struct interface_setting {
	const char *family; // and what its settings are about
	const char *name;
	const char *value;
	const char *risk;
};

// IPv4 asks the interface that a packet came by whether to forward it. IPv6 asks conf.all alone; of
// the interface's value it only takes whether it is a router or a host, and a host accepts Router
// Advertisements unless told not to. Whoever switches ip_forward or conf.all.forwarding on later
// overwrites the interface's forwarding, not the rest.
static const struct interface_setting closed[] = {
	{"ipv4/conf", "forwarding", "0\n", "the kernel may forward packets"},
	{"ipv4/conf", "accept_redirects", "0\n", "the kernel may believe redirects"},
	// Not 0, which would take away a check of those redirects that conf.all still lets in.
	{"ipv4/conf", "secure_redirects", "1\n", "the kernel may believe redirects to any host"},
	{"ipv4/conf", "proxy_arp", "0\n", "the kernel may answer ARP for hosts elsewhere"},
	{"ipv4/conf", "proxy_arp_pvlan", "0\n", "the kernel may answer ARP for others on the link"},
	{"ipv6/conf", "forwarding", "0\n", "the kernel may forward packets"},
	{"ipv6/conf", "accept_ra", "0\n", "the kernel may believe Router Advertisements"},
	{"ipv6/conf", "autoconf", "0\n", "the kernel may give itself addresses"},
	{"ipv6/conf", "accept_redirects", "0\n", "the kernel may believe redirects"},
	{"ipv6/conf", "proxy_ndp", "0\n",
		"the kernel may answer neighbour solicitations for others"},
};

// Linux's IPv4 answers ARP for every address of the host on every interface, and asks with any of
// them. IPv6 answers for those of the interface alone.
static const struct interface_setting reticent[] = {
	{"ipv4/conf", "arp_ignore", "1\n", "ARP may tell the addresses of other interfaces"},
	{"ipv4/conf", "arp_announce", "2\n", "ARP may tell the addresses of other interfaces"},
};

// A neighbour that changes its MAC address without a word is found again within 27 s at most. It is
// believed for 5 to 15 s after its last answer (half to one and a half of base_reachable_time),
// then doubted, and asked for at once, or by the kernel's care for managed neighbours within 5 s.
// After 1 s (delay_first_probe_time) it is asked at the old address, three times, a second apart
// (ucast_solicit, retrans_time), then as a group, three times (mcast_resolicit), each with a second
// for the answer: 15 + 5 + 1 + 3 + 3.
static const struct {
	const char *name;
	const char *value;
} attentive[] = {
	{"base_reachable_time_ms", "10000\n"},
	{"delay_first_probe_time", "1\n"},
	{"retrans_time_ms", "1000\n"},
	{"ucast_solicit", "3\n"},
	{"mcast_resolicit", "3\n"},
};

static const struct {
	const char *path;
	const char *name;
	const char *risk;
	bool forwards; // which the host guard keeps from our interfaces
} host[] = {
#define FORWARDS "the kernel may forward between host interfaces, past the policies"
#define ANSWERS "once the kernel forwards, it may answer for other hosts on host interfaces"
	{"/proc/sys/net/ipv4/ip_forward", "net.ipv4.ip_forward", FORWARDS, true},
	{"/proc/sys/net/ipv6/conf/all/forwarding", "net.ipv6.conf.all.forwarding", FORWARDS, true},
	// Of these, too, what the interface or conf.all allows is allowed.
	{"/proc/sys/net/ipv4/conf/all/accept_redirects", "net.ipv4.conf.all.accept_redirects",
		"the kernel believes redirects that come by host interfaces", false},
	{"/proc/sys/net/ipv4/conf/all/proxy_arp", "net.ipv4.conf.all.proxy_arp", ANSWERS, false},
	{"/proc/sys/net/ipv4/conf/all/proxy_arp_pvlan", "net.ipv4.conf.all.proxy_arp_pvlan",
		ANSWERS, false},
	{"/proc/sys/net/ipv6/conf/all/proxy_ndp", "net.ipv6.conf.all.proxy_ndp", ANSWERS, false},
};

// A family that is switched off has no settings, and needs none.
static char first_digit(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char digit;

	if (fd < 0 || read(fd, &digit, 1) != 1)
		digit = '0';
	if (fd >= 0)
		close(fd);
	return digit;
}

static void path_of(
	const char *interface, const struct interface_setting *setting, char path[PATH_OCTETS])
{
	snprintf(path, PATH_OCTETS, "/proc/sys/net/%s/%s/%s", setting->family, interface,
		setting->name);
}

static void write_one(const char *interface, const struct interface_setting *setting)
{
	ssize_t octets = (ssize_t)strlen(setting->value);
	char path[PATH_OCTETS];
	int fd;

	path_of(interface, setting, path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, setting->value, (size_t)octets) != octets)
		log_warning("%s: %s; %s on %s", path, strerror(errno), setting->risk, interface);
	if (fd >= 0)
		close(fd);
}

void sysctl_close_interface(const char *interface)
{
	for (unsigned i = 0; i < sizeof(closed) / sizeof(closed[0]); i++)
		write_one(interface, &closed[i]);
}

// A stricter value, from conf.default, stays.
static void raise_one(const char *interface, const struct interface_setting *setting)
{
	char path[PATH_OCTETS];

	path_of(interface, setting, path);
	if (first_digit(path) < setting->value[0])
		write_one(interface, setting);
}

void sysctl_hide_addresses(const char *interface)
{
	for (unsigned i = 0; i < sizeof(reticent) / sizeof(reticent[0]); i++)
		raise_one(interface, &reticent[i]);
}

// What comes out of a tunnel comes by the protected side, and its source's route leads to the
// other: a strict filter drops it. Of the interface's value and conf.all's the larger counts.
void sysctl_accept_tunnelled(const char *interface)
{
	static const struct interface_setting loose = {"ipv4/conf", "rp_filter", "2\n",
		"the kernel may drop what comes out of tunnels for this host"};

	raise_one(interface, &loose);
}

void sysctl_watch_neighbours(const char *interface)
{
	static const char *const families[] = {"ipv4/neigh", "ipv6/neigh"};

	for (unsigned i = 0; i < 2 * sizeof(attentive) / sizeof(attentive[0]); i++) {
		const struct interface_setting setting = {
			.family = families[i % 2],
			.name = attentive[i / 2].name,
			.value = attentive[i / 2].value,
			.risk = "neighbours with a new MAC address may be found late",
		};

		write_one(interface, &setting);
	}
}

unsigned sysctl_check_host(bool guarded)
{
	unsigned warnings = 0;

	for (unsigned i = 0; i < sizeof(host) / sizeof(host[0]); i++) {
		if ((guarded && host[i].forwards) || first_digit(host[i].path) == '0')
			continue;
		log_warning("%s is 1: %s; switch it off", host[i].name, host[i].risk);
		warnings++;
	}
	return warnings;
}
