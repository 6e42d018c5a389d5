// What every subcommand of vpectl shares.
#pragma once

#include "base/error.h"

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
	const char *admin_socket;
	bool json;
	const char *journal;
	bool journal_unsafe;
	const char *records; // that a journal is to have room for; NULL: nobody has said
};

enum parameter_type { PARAMETER_TEXT, PARAMETER_NUMBER, PARAMETER_TRUTH, PARAMETER_KEY };

// NAME=VALUE on the command line or in a batch.
struct parameter {
	const char *name; // NULL: end
	enum parameter_type type;
	const char
		*values; // "in out": what there is to choose from, for completion; NULL: anything
};

// One subcommand: what it takes, for the usage line, the completion and the batches, and what it
// does. run gets what follows its name; NULL: it sends a request of its own name with the
// parameters.
struct vpectl_command {
	const char *name;
	const char *arguments; // for the usage line
	const char *help;
	enum vpectl_exit (*run)(const struct vpectl *ctl, int argc, char **argv);
	const struct parameter *parameters;
};

extern const struct vpectl_command vpectl_commands[];
extern const unsigned vpectl_commands_n;
// NULL: there is none of this name.
const struct vpectl_command *vpectl_find(const char *name);

enum vpectl_exit stats_show(const struct vpectl *ctl, int argc, char **argv);
enum vpectl_exit sa_show(const struct vpectl *ctl, int argc, char **argv);
enum vpectl_exit policy_show(const struct vpectl *ctl, int argc, char **argv);
enum vpectl_exit tunnels_show(const struct vpectl *ctl, int argc, char **argv);
enum vpectl_exit ports_show(const struct vpectl *ctl, int argc, char **argv);
enum vpectl_exit workers_show(const struct vpectl *ctl, int argc, char **argv);
enum vpectl_exit events_show(const struct vpectl *ctl, int argc, char **argv);
enum vpectl_exit genkey(const struct vpectl *ctl, int argc, char **argv);
enum vpectl_exit self_test(const struct vpectl *ctl, int argc, char **argv);
enum vpectl_exit key_register(const struct vpectl *ctl, int argc, char **argv);
enum vpectl_exit capture(const struct vpectl *ctl, int argc, char **argv);
enum vpectl_exit profile(const struct vpectl *ctl, int argc, char **argv);
enum vpectl_exit host_guard(const struct vpectl *ctl, int argc, char **argv);
enum vpectl_exit monitor(const struct vpectl *ctl, int argc, char **argv);
enum vpectl_exit completion(const struct vpectl *ctl, int argc, char **argv);

// Sends a request that changes something.
enum vpectl_exit change(
	const struct vpectl *ctl, const struct vpectl_command *command, int argc, char **argv);
// NAME=VALUE words as a request's arguments. 0 with a new reference, or -errno with err filled.
int change_arguments(const struct vpectl_command *command, int argc, char **argv,
	json_t **arguments, struct error *err);
// Runs the changes in a file ("-": standard input), one a line: all of them, or none.
enum vpectl_exit batch(const struct vpectl *ctl, const char *file);

// Tells on stderr why nothing was done here.
enum vpectl_exit vpectl_refused(const struct error *err);
// Tells it on stderr; ret: of a client's function.
enum vpectl_exit vpectl_fail(int ret, const struct error *err);
// For other programs, on stdout.
void vpectl_print_json(const json_t *json);
// An answer, as JSON where that is wanted, else with print.
void vpectl_print(
	const struct vpectl *ctl, const json_t *result, void (*print)(const json_t *result));
// Asks the daemon and prints the result: as JSON where that is wanted, else with print. arguments
// becomes ours; may be NULL. Errors are told on stderr.
enum vpectl_exit vpectl_ask(const struct vpectl *ctl, const char *request, json_t *arguments,
	void (*print)(const json_t *result));
// For subcommands that take at most one name: {"name": argv[0]}, or no arguments at all. false:
// more than that was given, and the person was told.
bool vpectl_name_argument(int argc, char **argv, const char *command, json_t **arguments);
// For those that take nothing.
bool vpectl_no_argument(int argc, const char *command);
