// What every subcommand of vpectl shares.
#pragma once

#include <jansson.h>
#include <stdbool.h>

// Exit status, as the manual page has it.
enum vpectl_exit {
	VPECTL_OK = 0,
	VPECTL_REFUSED = 1,	  // the daemon answered with an error
	VPECTL_USAGE = 2,	  // wrong use of vpectl
	VPECTL_NO_CONNECTION = 3, // no daemon, or it does not speak our language
};

struct vpectl {
	const char *socket;
	bool json;
};

// One subcommand. run gets what follows its name.
struct vpectl_command {
	const char *name;
	const char *arguments; // for the usage line
	const char *help;
	enum vpectl_exit (*run)(const struct vpectl *ctl, int argc, char **argv);
};

enum vpectl_exit stats_show(const struct vpectl *ctl, int argc, char **argv);
enum vpectl_exit sa_show(const struct vpectl *ctl, int argc, char **argv);
enum vpectl_exit policy_show(const struct vpectl *ctl, int argc, char **argv);
enum vpectl_exit ports_show(const struct vpectl *ctl, int argc, char **argv);
enum vpectl_exit workers_show(const struct vpectl *ctl, int argc, char **argv);
enum vpectl_exit events_show(const struct vpectl *ctl, int argc, char **argv);
enum vpectl_exit host_guard(const struct vpectl *ctl, int argc, char **argv);

// Asks the daemon and prints the result: as JSON where that is wanted, else with print. arguments
// becomes ours; may be NULL. Errors are told on stderr.
enum vpectl_exit vpectl_ask(const struct vpectl *ctl, const char *request, json_t *arguments,
	void (*print)(const json_t *result));
// For subcommands that take at most one name: {"name": argv[0]}, or no arguments at all. false:
// more than that was given, and the person was told.
bool vpectl_name_argument(int argc, char **argv, const char *command, json_t **arguments);
// For those that take nothing.
bool vpectl_no_argument(int argc, const char *command);
