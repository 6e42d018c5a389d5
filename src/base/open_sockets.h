// Sockets that libraries have opened in this process, and do not show.
#pragma once

#include "base/error.h"

// Every open socket of this address family (AF_*), in the order of descriptors, until `each`
// returns an error (-errno). 0 or -errno.
int open_sockets(int family, int (*each)(int fd, void *arg, struct error *err), void *arg,
	struct error *err);
