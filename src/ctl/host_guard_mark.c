// Drivers' sockets get the mark by which the guard knows them.
#include "base/open_sockets.h"
#include "ctl/api.h"
#include "ctl/host_guard.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

static int mark(int fd, void *arg, struct error *err)
{
	const uint32_t value = HOST_GUARD_MARK;

	(void)arg;
	if (setsockopt(fd, SOL_SOCKET, SO_MARK, &value, sizeof(value)) == 0)
		return 0;
	return error_set(err, errno, "SO_MARK: %s", strerror(errno));
}

int host_guard_mark_sockets(struct error *err)
{
	int ret = open_sockets(AF_PACKET, mark, NULL, err);

	if (ret < 0)
		error_prefix(err, "host guard: ");
	return ret;
}
