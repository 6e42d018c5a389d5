// A unit with several RuntimeDirectory= has all of them in the variable, and colons between. DPDK
// takes that for the name of one.
#include "ctl/run_directory.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define VARIABLE "RUNTIME_DIRECTORY"

static bool lies_in(const char *path, const char *directory, size_t octets)
{
	const char *slash = strrchr(path, '/');

	return slash && (size_t)(slash - path) == octets && memcmp(path, directory, octets) == 0;
}

int run_directory_choose(const char *socket)
{
	const char *list = getenv(VARIABLE);
	const char *chosen = list;
	char *copy;
	int ret;

	if (!list || !strchr(list, ':'))
		return 0;
	for (const char *at = list; at; at = strchr(at, ':') ? strchr(at, ':') + 1 : NULL)
		if (lies_in(socket, at, strcspn(at, ":")))
			chosen = at;
	// What setenv() is given is not to lie in what it changes.
	copy = strndup(chosen, strcspn(chosen, ":"));
	if (!copy)
		return -ENOMEM;
	ret = setenv(VARIABLE, copy, 1) == 0 ? 0 : -errno;
	free(copy);
	return ret;
}
