// Putting a listening Unix socket into the file system, and taking it away again.
#pragma once

#include "base/error.h"

#include <sys/stat.h>

struct server_socket {
	int fd;
	char path[108];
	struct stat made; // to know our own file again
};

// Non-blocking. group: who may use it beside its owner. Where the system does not know the name, or
// does not let us give it away, it is its owner's alone, which is told. 0 or -errno; -EADDRINUSE:
// somebody answers there.
int server_socket_open(
	const char *path, const char *group, struct server_socket *opened, struct error *err);
void server_socket_close(struct server_socket *socket);
