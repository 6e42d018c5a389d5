// The main function of both programs.
#pragma once

#include "base/error.h"

struct program {
	const char *name;
	void *options;
	// As cli_parse().
	int (*parse)(int argc, char **argv, void *options, int *eal_argc, struct error *err);
	int (*run)(const void *options, struct error *err); // with EAL; 0 or -errno
};

// Returns the exit status.
int program_main(const struct program *program, int argc, char **argv);
