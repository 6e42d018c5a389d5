// Where a server listens, as text: "127.0.0.1:9817", "[::1]:9817", or the path of a Unix socket.
#pragma once

#include "base/addr.h"

#define LISTEN_TEXT 108

struct listen_address {
	const char *path; // in the text; NULL: an address and a port
	struct ip_addr addr;
	uint16_t port;
};

// 0 or -EINVAL.
int listen_parse(const char *text, struct listen_address *parsed);
// Only this host reaches it.
bool listen_is_local(const struct listen_address *address);
