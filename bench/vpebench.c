// vpebench: measurements that need no NIC. One subcommand a file.
#include "bench/crypto.h"
#include "bench/floor.h"
#include "bench/path.h"
#include "bench/sweep.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{"crypto", crypto_main, "engines alone, after a comparison with OpenSSL"},
	{"floor", floor_main, "what no AES-GCM can beat on this CPU"},
	{"path", path_main, "the gateway's worker on memory ports"},
	{"sweep", sweep_main, "the same by length of the frame, or by its place in the buffer"},
};

static void usage(FILE *to)
{
	fputs("usage: vpebench COMMAND [OPTION ...]\n\n", to);
	for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(to, "  %-8s%s\n", commands[i].name, commands[i].help);
	fputs("\nCOMMAND --help says which options.\n", to);
}

int main(int argc, char **argv)
{
	for (unsigned i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		usage(stdout);
		return 0;
	}
	usage(stderr);
	return 2;
}
