// vpectl: asks a running vped, or the kernel for what vped left there. Knows the control socket's
// language and nothing of the daemon's inside.
#include "ctl/api.h"
#include "vpectl/client.h"
#include "vpectl/vpectl.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct vpectl_command commands[] = {
	{"show-stats", "", "totals: traffic, drops, kernel, ICMP, replay windows", stats_show},
	{"show-sa", "[NAME]", "security associations of all tunnels, or of the SA or tunnel NAME",
		sa_show},
	{"show-policy", "[NAME]", "security policies in their order, and how often each decided",
		policy_show},
	{"show-ports", "", "ports: devices, queues, steering, host interfaces, drops", ports_show},
	{"show-workers", "", "workers: queues, load, hand-over between them, drops", workers_show},
	{"show-events", "", "the last auditable events", events_show},
	{"host-guard", "status|off",
		"what keeps the kernel from forwarding, without a daemon too; remove it",
		host_guard},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void usage(FILE *to)
{
	fputs("usage: vpectl [--socket PATH] [--json] SUBCOMMAND [ARGUMENT ...]\n"
	      "       vpectl --help | --version\n\n",
		to);
	for (unsigned i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-12s %-10s %s\n", commands[i].name, commands[i].arguments,
			commands[i].help);
	fputs("\nThe socket is " API_SOCKET_DEFAULT " unless --socket or VPECTL_SOCKET says "
	      "otherwise.\n",
		to);
}

enum vpectl_exit vpectl_ask(const struct vpectl *ctl, const char *request, json_t *arguments,
	void (*print)(const json_t *result))
{
	struct error err;
	json_t *result;
	int ret = client_request(ctl->socket, request, arguments, &result, &err);

	json_decref(arguments);
	if (ret < 0) {
		fprintf(stderr, "vpectl: %s\n", err.text);
		return ret == -EREMOTEIO ? VPECTL_REFUSED : VPECTL_NO_CONNECTION;
	}
	if (ctl->json) {
		json_dumpf(result, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
		putchar('\n');
	} else {
		print(result);
	}
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
	if (argc == 0) {
		usage(stderr);
		return VPECTL_USAGE;
	}
	for (unsigned i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, argv[0]) == 0)
			return commands[i].run(ctl, argc - 1, argv + 1);
	fprintf(stderr, "vpectl: there is no subcommand \"%s\"; see vpectl --help\n", argv[0]);
	return VPECTL_USAGE;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"socket", required_argument, NULL, 's'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	const char *from_environment = getenv("VPECTL_SOCKET");
	struct vpectl ctl = {.socket = from_environment ? from_environment : API_SOCKET_DEFAULT};
	enum vpectl_exit status = VPECTL_OK;
	int option;

	while ((option = getopt_long(argc, argv, "s:jhV", options, NULL)) != -1) {
		switch (option) {
		case 's':
			ctl.socket = optarg;
			break;
		case 'j':
			ctl.json = true;
			break;
		case 'h':
			usage(stdout);
			goto out;
		case 'V':
			puts("vpectl " VPECTL_VERSION);
			goto out;
		default:
			return VPECTL_USAGE;
		}
	}
	status = run(&ctl, argc - optind, argv + optind);
out:
	// A full disk or a closed pipe must not look like success.
	if (fflush(stdout) != 0 && status == VPECTL_OK) {
		perror("vpectl: stdout");
		status = VPECTL_REFUSED;
	}
	return status;
}
