// The guard as one transaction of nft(8)'s commands.
#include "ctl/host_guard.h"

#include "base/addr.h"
#include "base/log.h"
#include "base/nft.h"
#include "base/nft_hooks.h"
#include "ctl/api.h"
#include "ctl/host_guard_indexes.h"
#include "ctl/host_guard_policies.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLE "inet " HOST_GUARD_TABLE
#define DEVICES_TABLE "netdev " HOST_GUARD_TABLE
#define PROBE_TABLE "netdev " HOST_GUARD_TABLE "-probe" // never there
#define PROBE_TABLE_IP "inet " HOST_GUARD_TABLE "-probe"

// What is there stays; the rules are written anew in the same transaction, so that they hold at
// every moment and nothing that somebody put between them remains. Output: the kernel has no
// address on a device, but a route may lead there all the same; drivers send past this hook.
static const char base_rules[] =
	"add table " TABLE "\n"
	"add set " TABLE " " HOST_GUARD_FORWARD " { type ifname; }\n"
	"add set " TABLE " " HOST_GUARD_INTERFACES " { type ifname; }\n"
	"add set " TABLE " " HOST_GUARD_DEVICES " { type ifname; }\n"
	"add set " TABLE " " HOST_GUARD_INDEXES " { type iface_index; }\n"
	"add chain " TABLE " forward { type filter hook forward priority filter; }\n"
	"add chain " TABLE " arrive { type filter hook prerouting priority raw; }\n"
	"add chain " TABLE " output { type filter hook output priority filter; }\n"
	"flush chain " TABLE " forward\n"
	"flush chain " TABLE " arrive\n"
	"flush chain " TABLE " output\n"
	"add rule " TABLE " forward iifname @" HOST_GUARD_FORWARD " counter drop\n"
	"add rule " TABLE " forward oifname @" HOST_GUARD_FORWARD " counter drop\n"
	"add rule " TABLE " forward oif @" HOST_GUARD_INDEXES " counter drop\n"
	"add rule " TABLE " arrive iifname @" HOST_GUARD_DEVICES " counter drop\n"
	"add rule " TABLE " arrive iif @" HOST_GUARD_INDEXES " counter drop\n"
	"add rule " TABLE " output oifname @" HOST_GUARD_DEVICES " counter drop\n"
	"add rule " TABLE " output oif @" HOST_GUARD_INDEXES " counter drop\n"
	"add table " DEVICES_TABLE "\n";

static void add_name(FILE *commands, const char *set, const char *name)
{
	fprintf(commands, "add element " TABLE " %s { \"%s\" }\n", set, name);
}

// Made anew each time: an older kernel keeps a chain at a device that has got another name since,
// and one without a device when that is gone. The new chain is in place before the old one goes.
static void add_chain(FILE *commands, const char *prefix, const char *hook, const char *name)
{
	fprintf(commands,
		"add chain " DEVICES_TABLE " %s%s\n"
		"delete chain " DEVICES_TABLE " %s%s\n"
		"add chain " DEVICES_TABLE
		" %s%s { type filter hook %s device \"%s\" priority -500; policy drop; }\n",
		prefix, name, prefix, name, prefix, name, hook, name);
}

// Ingress: whatever arrives, before the kernel's stack; the drivers (AF_XDP, AF_PACKET) have it
// already. Not in family inet, whose ingress hook lets pass what is not IP. Egress: what an
// interface on top of the device sends, which no hook of IP sees leave by the device. AF_XDP sends
// below this hook; AF_PACKET does not, with or without the kernel's queues, so it is known by a
// mark.
static void add_device(FILE *commands, const char *name, bool egress)
{
	unsigned ifindex = if_nametoindex(name);

	if (ifindex == 0) {
		log_warning("host guard: there is no interface %s yet; when it comes IP stays out "
			    "of it, but ARP, and what the host has on top of it, only when the "
			    "guard is installed again, as by the next start of vped",
			name);
		return;
	}
	// By rules with the index the device stays closed to IP when its name changes, with which
	// the kernel takes the chains away.
	fprintf(commands, "add element " TABLE " " HOST_GUARD_INDEXES " { %u }\n", ifindex);
	add_chain(commands, HOST_GUARD_INGRESS, "ingress", name);
	if (!egress)
		return;
	add_chain(commands, HOST_GUARD_EGRESS, "egress", name);
	fprintf(commands,
		"add rule " DEVICES_TABLE " " HOST_GUARD_EGRESS "%s meta mark %#x accept\n", name,
		HOST_GUARD_MARK);
}

struct abilities {
	bool egress;	 // the hook (Linux 5.16)
	bool by_address; // nft_fib
};

// To be freed. NULL: no memory.
static char *commands_of(const struct host_guard_names *names, const struct config *config,
	const struct abilities *kernel)
{
	char *text = NULL;
	size_t octets;
	FILE *commands = open_memstream(&text, &octets);

	if (!commands)
		return NULL;
	fputs(base_rules, commands);
	host_guard_forget_gone(commands);
	for (unsigned i = 0; i < names->n; i++) {
		const struct host_guard_name *name = &names->name[i];

		add_name(commands, HOST_GUARD_FORWARD, name->name);
		add_name(commands, name->device ? HOST_GUARD_DEVICES : HOST_GUARD_INTERFACES,
			name->name);
		if (name->device)
			add_device(commands, name->name, kernel->egress);
	}
	host_guard_add_policies(commands, names, config, kernel->by_address, false);
	if (fclose(commands) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

// label: of an address; "eth1", or "eth1:2".
static bool is_device(const struct host_guard_names *names, const char *label)
{
	size_t octets = strcspn(label, ":");

	for (unsigned i = 0; i < names->n; i++) {
		const char *name = names->name[i].name;

		if (names->name[i].device && strlen(name) == octets &&
			memcmp(name, label, octets) == 0)
			return true;
	}
	return false;
}

// Link-local addresses come by themselves.
static bool is_configured(const struct sockaddr *address, struct ip_addr *addr)
{
	*addr = (struct ip_addr){.family = IP_NONE};
	if (address && address->sa_family == AF_INET) {
		addr->family = IP_V4;
		memcpy(addr->octets, &((const struct sockaddr_in *)(const void *)address)->sin_addr,
			4);
	} else if (address && address->sa_family == AF_INET6) {
		addr->family = IP_V6;
		memcpy(addr->octets,
			&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
		return addr->octets[0] != 0xfe || (addr->octets[1] & 0xc0) != 0x80;
	}
	return addr->family != IP_NONE;
}

// Guarding a device cuts its address off for good: most likely that is the wrong device, perhaps
// the one by which the operator is here.
static int check_addresses(const struct host_guard_names *names, struct error *err)
{
	struct ifaddrs *all = NULL;
	struct ip_addr addr;
	int ret = 0;

	if (getifaddrs(&all) != 0)
		return error_set(err, errno, "host guard: addresses: %s", strerror(errno));
	for (const struct ifaddrs *at = all; at && ret == 0; at = at->ifa_next) {
		char text[IP_ADDR_TEXT];

		if (!is_device(names, at->ifa_name) || !is_configured(at->ifa_addr, &addr))
			continue;
		ret = error_set(err, EADDRINUSE,
			"host guard: %s has the address %s; a port's own device carries none: move "
			"it to the host interface",
			at->ifa_name, ip_addr_format(&addr, text));
	}
	freeifaddrs(all);
	return ret;
}

static int run(const struct host_guard_names *names, const struct config *config,
	const struct abilities *kernel, struct error *err)
{
	char *commands = commands_of(names, config, kernel);
	int ret = commands ? nft_run(commands, NULL, err) : error_set(err, ENOMEM, "no memory");

	free(commands);
	if (ret < 0)
		error_prefix(err, "host guard: ");
	return ret;
}

int host_guard_is_there(struct error *err)
{
	static const uint8_t families[] = {NFPROTO_INET, NFPROTO_NETDEV};
	uint32_t flags;
	int ret = 0;

	for (unsigned i = 0; i < sizeof(families) && ret == 0; i++) {
		const struct nft_table table = {.family = families[i], .name = HOST_GUARD_TABLE};

		ret = nft_table_flags(&table, &flags, err);
	}
	if (ret < 0)
		error_prefix(err, "host guard: ");
	return ret;
}

// A dormant table does nothing, and takes no base chain in the transaction that wakes it.
static int wake(uint8_t family, const char *name, struct error *err)
{
	const struct nft_table table = {.family = family, .name = HOST_GUARD_TABLE};
	char command[64];
	uint32_t flags;
	int ret = nft_table_flags(&table, &flags, err);

	if (ret > 0 && (flags & NFT_TABLE_F_DORMANT)) {
		log_warning("host guard: table %s is dormant", name);
		snprintf(command, sizeof(command), "add table %s", name);
		ret = nft_run(command, NULL, err);
	}
	if (ret < 0)
		error_prefix(err, "host guard: ");
	return ret < 0 ? ret : 0;
}

// An old kernel, or one made without it.
static bool lacks_egress_hook(void)
{
	struct error err;

	return nft_try("add table " PROBE_TABLE "\n"
		       "add chain " PROBE_TABLE " egress "
		       "{ type filter hook egress device \"lo\" priority filter; }\n",
		       &err) == -EOPNOTSUPP;
}

static bool lacks_addresses(void)
{
	struct error err;

	return nft_try("add table " PROBE_TABLE_IP "\n"
		       "add chain " PROBE_TABLE_IP " output "
		       "{ type filter hook output priority filter; }\n"
		       "add rule " PROBE_TABLE_IP " output fib saddr . oif type local accept\n",
		       &err) == -ENOENT;
}

// The kernel has refused the whole guard: what of it needs what the kernel lacks?
static int write_less(const struct host_guard_names *names, const struct config *config,
	const struct abilities *kernel, struct error *err)
{
	int ret = run(names, config, kernel, err);

	if (ret < 0)
		return ret;
	if (!kernel->egress)
		log_warning(
			"host guard: no egress hook here (Linux 5.16): what the host has on top "
			"of a port's device, such as VLAN, macvlan or bridge, can send in clear");
	if (!kernel->by_address)
		log_warning(
			"host guard: the kernel lacks nft_fib: policies that protect what goes to "
			"all addresses (0.0.0.0/0, ::/0) do not keep the gateway from answering in "
			"clear by other interfaces");
	return 0;
}

int host_guard_write(
	const struct host_guard_names *names, const struct config *config, struct error *err)
{
	struct abilities kernel = {.egress = true, .by_address = true};
	int ret = wake(NFPROTO_INET, TABLE, err);

	if (ret == 0)
		ret = wake(NFPROTO_NETDEV, DEVICES_TABLE, err);
	if (ret == 0)
		ret = run(names, config, &kernel, err);
	if (ret == 0)
		return 0;
	kernel.egress = !lacks_egress_hook();
	kernel.by_address = !host_guard_needs_addresses(config) || !lacks_addresses();
	if (kernel.egress && kernel.by_address)
		return ret;
	return write_less(names, config, &kernel, err);
}

// Of the rest nothing changes with policies. To be freed; NULL: no memory.
static char *changes_of(const struct host_guard_names *names, const struct config *config)
{
	char *text = NULL;
	size_t octets;
	FILE *commands = open_memstream(&text, &octets);

	if (!commands)
		return NULL;
	host_guard_add_policies(commands, names, config, true, true);
	if (fclose(commands) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

int host_guard_write_policies(
	const struct host_guard_names *names, const struct config *config, struct error *err)
{
	int ret = wake(NFPROTO_INET, TABLE, err);
	char *commands;

	if (ret < 0)
		return ret;
	commands = changes_of(names, config);
	ret = commands ? nft_run(commands, NULL, err) : error_set(err, ENOMEM, "no memory");
	free(commands);
	// Something is gone from it, or the kernel lacks something.
	return ret < 0 ? host_guard_write(names, config, err) : 0;
}

int host_guard_install(const struct config *config, struct error *err)
{
	struct host_guard_names names;
	int ret = host_guard_collect(config, &names, err);

	if (ret < 0 || names.n == 0)
		return ret;
	ret = check_addresses(&names, err);
	if (ret < 0)
		return ret;
	ret = host_guard_write(&names, config, err);
	if (ret < 0)
		return ret;
	log_notice("host guard: installed for %u interfaces; it stays until "
		   "\"vpectl host-guard off\"",
		names.n);
	return 0;
}
