// vpectl: asks a running vped, or the kernel for what vped left there. Knows the control socket's
// language and nothing of the daemon's inside.
#include "ctl/api.h"
#include "journal/journal_file.h"
#include "vpectl/client.h"
#include "vpectl/vpectl.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void usage(FILE *to)
{
	fputs("usage: vpectl [OPTION ...] SUBCOMMAND [ARGUMENT ...]\n"
	      "       vpectl [OPTION ...] --file FILE\n"
	      "       vpectl --help | --version\n\n",
		to);
	for (unsigned i = 0; i < vpectl_commands_n; i++)
		fprintf(to, "  %s%s%s\n      %s\n", vpectl_commands[i].name,
			vpectl_commands[i].arguments[0] ? " " : "", vpectl_commands[i].arguments,
			vpectl_commands[i].help);
	fputs("\n  -s, --socket PATH        " API_SOCKET_DEFAULT ", or VPECTL_SOCKET\n"
	      "  -a, --admin-socket PATH  for changes; PATH of --socket with -admin in it\n"
	      "  -j, --json               the daemon's answer as it is\n"
	      "  -w, --watch SECONDS      show again and again\n"
	      "  -f, --file FILE          changes, one a line, all or none; - is standard input\n"
	      "      --journal PATH       " JOURNAL_FILE_DEFAULT "\n"
	      "      --journal-unsafe     that need not outlive a loss of power\n"
	      "      --records N          key-register: room in the journal, old or new\n",
		to);
}

enum vpectl_exit vpectl_refused(const struct error *err)
{
	fprintf(stderr, "vpectl: %s\n", err->text);
	return VPECTL_REFUSED;
}

enum vpectl_exit vpectl_fail(int ret, const struct error *err)
{
	vpectl_refused(err);
	return ret == -EREMOTEIO ? VPECTL_REFUSED : VPECTL_NO_CONNECTION;
}

void vpectl_print_json(const json_t *json)
{
	json_dumpf(json, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	putchar('\n');
}

void vpectl_print(
	const struct vpectl *ctl, const json_t *result, void (*print)(const json_t *result))
{
	if (ctl->json)
		vpectl_print_json(result);
	else
		print(result);
}

enum vpectl_exit vpectl_ask(const struct vpectl *ctl, const char *request, json_t *arguments,
	void (*print)(const json_t *result))
{
	struct error err;
	json_t *result;
	int ret = client_request(ctl->socket, request, arguments, &result, &err);

	json_decref(arguments);
	if (ret < 0)
		return vpectl_fail(ret, &err);
	vpectl_print(ctl, result, print);
	json_decref(result);
	return VPECTL_OK;
}

bool vpectl_no_argument(int argc, const char *command)
{
	if (argc > 0)
		fprintf(stderr, "vpectl: %s takes no argument\n", command);
	return argc == 0;
}

bool vpectl_name_argument(int argc, char **argv, const char *command, json_t **arguments)
{
	*arguments = NULL;
	if (argc > 1) {
		fprintf(stderr, "vpectl: %s takes one name; quote it if there are spaces in it\n",
			command);
		return false;
	}
	if (argc == 0)
		return true;
	*arguments = json_pack("{s:s}", "name", argv[0]);
	if (!*arguments)
		fputs("vpectl: the name is not UTF-8\n", stderr);
	return *arguments != NULL;
}

static enum vpectl_exit run(const struct vpectl *ctl, int argc, char **argv)
{
	const struct vpectl_command *command;

	if (argc == 0) {
		usage(stderr);
		return VPECTL_USAGE;
	}
	command = vpectl_find(argv[0]);
	if (!command) {
		fprintf(stderr, "vpectl: there is no subcommand \"%s\"; see vpectl --help\n",
			argv[0]);
		return VPECTL_USAGE;
	}
	if (command->parameters)
		return change(ctl, command, argc - 1, argv + 1);
	return command->run(ctl, argc - 1, argv + 1);
}

static enum vpectl_exit watch(const struct vpectl *ctl, const char *seconds, int argc, char **argv)
{
	enum vpectl_exit status;
	char *end;
	double period = strtod(seconds, &end);

	if (*end != '\0' || !(period >= 0.1 && period <= 86400)) {
		fputs("vpectl: --watch takes seconds, 0.1 to 86400\n", stderr);
		return VPECTL_USAGE;
	}
	if (argc == 0 || strncmp(argv[0], "show-", 5) != 0) {
		fputs("vpectl: --watch goes with show-...\n", stderr);
		return VPECTL_USAGE;
	}
	for (;;) {
		// A terminal begins anew; a file gets one after the other.
		if (isatty(STDOUT_FILENO))
			fputs("\033[H\033[2J", stdout);
		status = run(ctl, argc, argv);
		if (status != VPECTL_OK || fflush(stdout) != 0)
			return status;
		usleep((useconds_t)(period * 1e6));
	}
}

// As the daemon names it, where its configuration does not.
static const char *admin_of(const char *socket)
{
	static char path[128];
	size_t octets = strlen(socket);

	if (octets > 5 && strcmp(socket + octets - 5, ".sock") == 0)
		octets -= 5;
	snprintf(path, sizeof(path), "%.*s-admin.sock", (int)octets, socket);
	return path;
}

struct choice {
	struct vpectl ctl;
	const char *watch;
	const char *file;
};

#define LETTERS "s:a:jw:f:hV"

// Options of our own may stand behind a subcommand, unless that has some itself.
static const char *letters_for(int argc, char **argv, const struct option *options)
{
	const struct vpectl_command *command;

	opterr = 0;
	while (getopt_long(argc, argv, "+" LETTERS, options, NULL) != -1)
		;
	command = optind < argc ? vpectl_find(argv[optind]) : NULL;
	opterr = 1;
	optind = 0;
	return command && command->run == capture ? "+" LETTERS : LETTERS;
}

// false: it is done already, with *status.
static bool choose(int argc, char **argv, struct choice *choice, enum vpectl_exit *status)
{
	static const struct option options[] = {
		{"socket", required_argument, NULL, 's'},
		{"admin-socket", required_argument, NULL, 'a'},
		{"json", no_argument, NULL, 'j'},
		{"watch", required_argument, NULL, 'w'},
		{"file", required_argument, NULL, 'f'},
		{"journal", required_argument, NULL, 'J'},
		{"journal-unsafe", no_argument, NULL, 'U'},
		{"records", required_argument, NULL, 'R'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	const char *letters = letters_for(argc, argv, options);
	int option;

	*status = VPECTL_OK;
	while ((option = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		switch (option) {
		case 's':
			choice->ctl.socket = optarg;
			break;
		case 'a':
			choice->ctl.admin_socket = optarg;
			break;
		case 'j':
			choice->ctl.json = true;
			break;
		case 'w':
			choice->watch = optarg;
			break;
		case 'f':
			choice->file = optarg;
			break;
		case 'J':
			choice->ctl.journal = optarg;
			break;
		case 'U':
			choice->ctl.journal_unsafe = true;
			break;
		case 'R':
			choice->ctl.records = optarg;
			break;
		case 'h':
			usage(stdout);
			return false;
		case 'V':
			puts("vpectl " VPECTL_VERSION);
			return false;
		default:
			*status = VPECTL_USAGE;
			return false;
		}
	}
	return true;
}

static enum vpectl_exit act(const struct choice *choice, int argc, char **argv)
{
	if (choice->file && argc > 0) {
		fputs("vpectl: --file takes the place of a subcommand\n", stderr);
		return VPECTL_USAGE;
	}
	if (choice->file)
		return batch(&choice->ctl, choice->file);
	if (choice->watch)
		return watch(&choice->ctl, choice->watch, argc, argv);
	return run(&choice->ctl, argc, argv);
}

int main(int argc, char **argv)
{
	const char *from_environment = getenv("VPECTL_SOCKET");
	struct choice choice = {
		.ctl = {.socket = from_environment ? from_environment : API_SOCKET_DEFAULT,
			.journal = JOURNAL_FILE_DEFAULT}};
	enum vpectl_exit status;

	if (choose(argc, argv, &choice, &status)) {
		if (!choice.ctl.admin_socket)
			choice.ctl.admin_socket = admin_of(choice.ctl.socket);
		status = act(&choice, argc - optind, argv + optind);
	}
	// A full disk or a closed pipe must not look like success.
	if (fflush(stdout) != 0 && status == VPECTL_OK) {
		perror("vpectl: stdout");
		status = VPECTL_REFUSED;
	}
	return status;
}
