// What policies protect leaves the host by no interface but vped's own, where it enters a tunnel.
#pragma once

#include <stdbool.h>
#include <stdio.h>

struct config;
struct host_guard_names;

// Writes the chains of this configuration's policies as nft(8)'s commands. by_address: the kernel
// can tell whether an address is one of the interface that a packet leaves by (nft_fib).
// only_changes: parts that the kernel has are as they were written.
void host_guard_add_policies(FILE *commands, const struct host_guard_names *names,
	const struct config *config, bool by_address, bool only_changes);
// Some policy needs the kernel to tell that.
bool host_guard_needs_addresses(const struct config *config);
