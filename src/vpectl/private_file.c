// One that was there already keeps its owner, but not its mode.
#include "vpectl/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

FILE *private_file_create(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct stat st;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 &&
		(!S_ISREG(st.st_mode) || (fchmod(fd, 0600) == 0 && ftruncate(fd, 0) == 0)))
		return fdopen(fd, "wb");
	close(fd);
	return NULL;
}
