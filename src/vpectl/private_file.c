// One that was there already does not keep its mode; one that is somebody else's would be theirs to
// read.
#include "vpectl/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_private(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -1;
	if (!S_ISREG(st.st_mode))
		return 0;
	if (st.st_uid != geteuid()) {
		errno = EPERM;
		return -1;
	}
	return fchmod(fd, 0600) == 0 && ftruncate(fd, 0) == 0 ? 0 : -1;
}

FILE *private_file_create(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	int failure;

	if (fd < 0)
		return NULL;
	if (make_private(fd) == 0)
		return fdopen(fd, "wb");
	failure = errno;
	close(fd);
	errno = failure;
	return NULL;
}
