// Many policies do not stand in one chain: dozens each make a part, a chain of its own whose name
// says what is in it. Where a part ends depends on the policies around that place alone. So a
// change of a few writes few parts anew, wherever they are.
#pragma once

#include "ctl/api.h"

#include <jansson.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct selector;

#define HOST_GUARD_CHAIN (sizeof(HOST_GUARD_POLICIES) + IF_NAMESIZE + 17)

struct host_guard_part {
	uint64_t content;
	unsigned policies;
};

// Another policy of the part, which begins as zero; drops: what its rule does. True: that was
// the last.
bool host_guard_part_add(struct host_guard_part *part, const struct selector *selector, bool drops);
// chain: the daemon's.
void host_guard_part_name(
	const struct host_guard_part *part, const char *chain, char name[HOST_GUARD_CHAIN]);
// The parts of this chain that the kernel has: name -> true. NULL: no memory.
json_t *host_guard_parts_there(const char *chain);
