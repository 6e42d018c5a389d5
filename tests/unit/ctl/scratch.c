// A directory for a test program's files. A child waits for the program's end and clears away what
// a crash or a signal left.
#include "scratch.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	remove(path);
	return 0;
}

void scratch_remove(const char *path)
{
	nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

// Nobody writes: reading ends with the last process that holds the other end.
static void wait_and_remove(int end, const char *path)
{
	char octet;

	// Out of the group that is killed when the program takes too long.
	setsid();
	signal(SIGINT, SIG_IGN);
	for (int fd = 0; fd < 64; fd++)
		if (fd != end)
			close(fd);
	while (read(end, &octet, 1) > 0)
		;
	scratch_remove(path);
	_exit(0);
}

int scratch_create(const char *name, char path[SCRATCH_PATH])
{
	int ends[2];
	pid_t child;

	snprintf(path, SCRATCH_PATH, "/tmp/vped-%s-XXXXXX", name);
	if (!mkdtemp(path))
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	child = fork();
	if (child == 0)
		wait_and_remove(ends[0], path);
	close(ends[0]);
	// The other end stays open as long as this process lives.
	return child > 0 ? 0 : -1;
}
