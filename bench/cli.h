// Command lines of the measuring programs: options of a table, behind EAL's arguments and "--"
// where the program takes those.
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cli_kind {
	CLI_FLAG,     // bool
	CLI_TEXT,     // const char *
	CLI_NUMBER,   // uint64_t, from least to most
	CLI_UNSIGNED, // unsigned, the same
	CLI_SECONDS,  // uint64_t in ns
	CLI_ADDRESS,  // struct ip_addr, no group's
	CLI_IDLE,     // bool: "backoff"
	CLI_OTHER,    // set() knows
};

struct cli_option {
	const char *name;
	const char *argument; // NULL: takes none
	const char *help;
	enum cli_kind kind;
	size_t at; // offset in the target
	uint64_t least;
	uint64_t most;
	int (*set)(void *target, const char *value, struct error *err); // 0 or -errno
};

struct cli {
	const char *program;
	const char *purpose;
	bool eal; // its arguments stand in front
	unsigned n;
	const struct cli_option *option;
};

#define CLI_SECONDS_MAX 1000000

// Fills the target from what follows argv[0]. 0; 1: --help or --version are answered; -errno.
int cli_parse_options(
	const struct cli *cli, int argc, char **argv, void *target, struct error *err);
// The same behind EAL's arguments and "--". Sets *eal_argc to how many arguments are EAL's, argv[0]
// included; 0: answered. 0 or -errno.
int cli_parse(const struct cli *cli, int argc, char **argv, void *target, int *eal_argc,
	struct error *err);
