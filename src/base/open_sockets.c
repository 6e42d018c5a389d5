// By the process's list of descriptors.
#include "base/open_sockets.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int is_socket_of(int fd, int family)
{
	socklen_t octets = sizeof(int);
	int domain;

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &octets) == 0 && domain == family;
}

int open_sockets(
	int family, int (*each)(int fd, void *arg, struct error *err), void *arg, struct error *err)
{
	const struct dirent *entry;
	DIR *open_files = opendir("/proc/self/fd");
	int ret = 0;

	if (!open_files)
		return error_set(err, errno, "/proc/self/fd: %s", strerror(errno));
	while (ret == 0 && (entry = readdir(open_files)) != NULL) {
		int fd = (int)strtol(entry->d_name, NULL, 10);

		if (entry->d_name[0] != '.' && is_socket_of(fd, family))
			ret = each(fd, arg, err);
	}
	closedir(open_files);
	return ret;
}
