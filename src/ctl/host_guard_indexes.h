// The guard forgets the indexes of interfaces that are gone.
#pragma once

#include "base/error.h"

#include <stdio.h>

// Of all interfaces, as nft(8)'s commands.
void host_guard_forget_gone(FILE *commands);
// Of one, at once, whoever has the index by now. 0 or -errno.
int host_guard_forget(unsigned ifindex, struct error *err);
