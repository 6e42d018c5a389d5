// Sockets that drivers have opened, and do not show: found among the process's descriptors.
#include "base/error.h"
#include "ctl/api.h"
#include "ctl/host_guard.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static bool is_packet_socket(int fd)
{
	socklen_t octets = sizeof(int);
	int domain;

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &octets) == 0 && domain == AF_PACKET;
}

int host_guard_mark_sockets(struct error *err)
{
	const uint32_t mark = HOST_GUARD_MARK;
	const struct dirent *entry;
	DIR *open_files = opendir("/proc/self/fd");
	int ret = 0;

	if (!open_files)
		return error_set(err, errno, "host guard: /proc/self/fd: %s", strerror(errno));
	while (ret == 0 && (entry = readdir(open_files)) != NULL) {
		int fd = (int)strtol(entry->d_name, NULL, 10);

		if (entry->d_name[0] != '.' && is_packet_socket(fd) &&
			setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) != 0)
			ret = error_set(err, errno, "host guard: SO_MARK: %s", strerror(errno));
	}
	closedir(open_files);
	return ret;
}
