// The host guard: nftables rules by which the kernel neither forwards between the gateway's
// interfaces, nor has a part in the traffic of devices that it sees beside us, nor sends by others
// what policies protect. They stay when the daemon ends, however it ends; only an operator takes
// them away. Daemons of one network namespace share them, each adding its own interfaces and
// policies.
#pragma once

#include "base/error.h"

#include <net/if.h>
#include <stdbool.h>

#define HOST_GUARD_NAMES 512

struct config;

struct host_guard_name {
	char name[IF_NAMESIZE];
	bool device; // a port is made of it; else the kernel's end of a port
};

struct host_guard_names {
	unsigned n;
	char first[IF_NAMESIZE]; // of them, when they were collected: stands for the daemon
	struct host_guard_name name[HOST_GUARD_NAMES];
};

// The interfaces of a configuration, each once. 0 or -errno.
int host_guard_collect(
	const struct config *config, struct host_guard_names *names, struct error *err);

// nft(8) reads nothing into this name but the name.
bool host_guard_is_plain(const char *name);
// Installs the guard for these interfaces and the configuration's policies, whatever addresses they
// have. All or nothing. 0 or -errno.
int host_guard_write(
	const struct host_guard_names *names, const struct config *config, struct error *err);
// The guard was written, and policies have changed since; writes anew what is about those. 0 or
// -errno.
int host_guard_write_policies(
	const struct host_guard_names *names, const struct config *config, struct error *err);

// 1: there is a guard, whole or not; 0: there is nothing of it; -errno.
int host_guard_is_there(struct error *err);

// Marks what the process's AF_PACKET sockets send, so that the guard lets it out. After EAL has
// opened them. 0 or -errno.
int host_guard_mark_sockets(struct error *err);

// Installs the guard for a configuration, or adds to the one that is there; again is fine. All or
// nothing. 0 or -errno: -EPERM no CAP_NET_ADMIN, -EADDRINUSE a device has an address.
int host_guard_install(const struct config *config, struct error *err);
