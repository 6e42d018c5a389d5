// What of a table of nftables is in force, from the kernel itself: libnftables' JSON (1.0.6) leaves
// out the devices of hooks and writes nonsense where a table has flags.
#pragma once

#include "base/error.h"

#include <netinet/in.h>
#include <stdint.h>

// After netinet/in.h, which it defines again otherwise.
#include <linux/netfilter.h>

struct nft_table {
	uint8_t family; // NFPROTO_*
	const char *name;
};

// A base chain and one of the devices that it is hooked to.
struct nft_hook {
	const char *chain;
	uint32_t hook;	    // NF_INET_*, NF_NETDEV_*
	uint32_t policy;    // NF_ACCEPT, NF_DROP
	const char *device; // NULL: none is named
};

// flags: NFT_TABLE_F_*. 1: there is such a table; 0: there is none; -errno.
int nft_table_flags(const struct nft_table *table, uint32_t *flags, struct error *err);
// Every base chain of the table, once for each of its devices. 0 or -errno; -EINTR: they changed
// meanwhile, what was told is void.
int nft_hooks(const struct nft_table *table, void (*each)(const struct nft_hook *hook, void *arg),
	void *arg, struct error *err);
