// Command lines of the measuring programs.
#include "bench/cli.h"

#include "base/addr.h"
#include "bench/number.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_help(const struct cli *cli)
{
	printf("usage: %s %s[OPTION ...]\n\n%s\n\n", cli->program,
		cli->eal ? "[EAL-ARGUMENT ...] -- " : "", cli->purpose);
	for (unsigned i = 0; i < cli->n; i++) {
		const struct cli_option *option = &cli->option[i];
		int width = printf("  --%s%s%s", option->name, option->argument ? " " : "",
			option->argument ? option->argument : "");

		printf("%*s%s\n", width < 30 ? 30 - width : 1, "", option->help);
	}
	printf("  --help                      this\n"
	       "  --version                   the version\n");
}

static struct option *make_table(const struct cli *cli)
{
	struct option *table = calloc(cli->n + 3, sizeof(*table));

	for (unsigned i = 0; table != NULL && i < cli->n; i++)
		table[i] = (struct option){.name = cli->option[i].name,
			.has_arg = cli->option[i].argument ? required_argument : no_argument,
			.val = (int)i};
	if (table != NULL) {
		table[cli->n] = (struct option){.name = "help", .val = (int)cli->n};
		table[cli->n + 1] = (struct option){.name = "version", .val = (int)cli->n + 1};
	}
	return table;
}

static int set_number(
	const struct cli_option *option, const char *value, uint64_t *number, struct error *err)
{
	if (number_parse(value, option->least, option->most, number) == 0)
		return 0;
	return error_set(err, EINVAL, "'%s': a number from %lu to %lu is wanted", value,
		option->least, option->most);
}

static int set_unsigned(
	const struct cli_option *option, const char *value, unsigned *number, struct error *err)
{
	uint64_t wide;
	int rc = set_number(option, value, &wide, err);

	if (rc == 0)
		*number = (unsigned)wide;
	return rc;
}

static int set_seconds(const char *value, uint64_t *ns, struct error *err)
{
	if (number_parse_seconds(value, CLI_SECONDS_MAX, ns) == 0)
		return 0;
	return error_set(err, EINVAL, "'%s': seconds are wanted, like 10 or 0.5, at most %u", value,
		CLI_SECONDS_MAX);
}

static int set_address(const char *value, struct ip_addr *addr, struct error *err)
{
	if (ip_addr_parse(value, addr) == 0 && !ip_addr_is_multicast(addr))
		return 0;
	return error_set(err, EINVAL, "'%s': the address of a host is wanted", value);
}

static int set_idle(const char *value, bool *backoff, struct error *err)
{
	*backoff = strcmp(value, "backoff") == 0;
	if (*backoff || strcmp(value, "poll") == 0)
		return 0;
	return error_set(err, EINVAL, "'%s': poll or backoff is wanted", value);
}

static int set(const struct cli_option *option, const char *value, void *target, struct error *err)
{
	void *member = (uint8_t *)target + option->at;

	switch (option->kind) {
	case CLI_FLAG:
		*(bool *)member = true;
		return 0;
	case CLI_TEXT:
		*(const char **)member = value;
		return 0;
	case CLI_NUMBER:
		return set_number(option, value, member, err);
	case CLI_UNSIGNED:
		return set_unsigned(option, value, member, err);
	case CLI_SECONDS:
		return set_seconds(value, member, err);
	case CLI_ADDRESS:
		return set_address(value, member, err);
	case CLI_IDLE:
		return set_idle(value, member, err);
	case CLI_OTHER:
		return option->set(target, value, err);
	}
	return -EINVAL;
}

// 0: go on; 1: answered; -errno.
static int take(const struct cli *cli, unsigned index, void *target, struct error *err)
{
	int rc;

	if (index == cli->n) {
		print_help(cli);
		return 1;
	}
	if (index == cli->n + 1) {
		printf("%s %s\n", cli->program, VPED_VERSION);
		return 1;
	}
	rc = set(&cli->option[index], optarg, target, err);
	if (rc != 0)
		error_prefix(err, "--%s: ", cli->option[index].name);
	return rc;
}

int cli_parse_options(const struct cli *cli, int argc, char **argv, void *target, struct error *err)
{
	struct option *table = make_table(cli);
	int rc = 0;

	if (table == NULL)
		return error_set(err, ENOMEM, "no memory");
	optind = 0; // nothing is left of an earlier line
	opterr = 0;
	while (rc == 0) {
		// ":" tells a missing value from an unknown option.
		int found = getopt_long(argc, argv, "+:", table, NULL);

		if (found == -1)
			break;
		if (found == ':')
			rc = error_set(err, EINVAL, "%s wants a value", argv[optind - 1]);
		else if (found == '?')
			rc = error_set(err, EINVAL,
				"%s is no option, or has a value that it does "
				"not take; see --help",
				argv[optind - 1]);
		else
			rc = take(cli, (unsigned)found, target, err);
	}
	if (rc == 0 && optind < argc)
		rc = error_set(err, EINVAL, "'%s' is no option; see --help", argv[optind]);
	free(table);
	return rc;
}

int cli_parse(const struct cli *cli, int argc, char **argv, void *target, int *eal_argc,
	struct error *err)
{
	int eal = 1;
	int rc;

	while (eal < argc && strcmp(argv[eal], "--") != 0)
		eal++;
	if (eal == argc) {
		// Nobody who asks for help should have to know about EAL.
		if (argc != 2 ||
			(strcmp(argv[1], "--help") != 0 && strcmp(argv[1], "--version") != 0))
			return error_set(err, EINVAL,
				"usage: %s [EAL-ARGUMENT ...] -- [OPTION ...]; see %s --help",
				cli->program, cli->program);
		eal = 0;
	}
	*eal_argc = eal;
	// "--" stands where getopt expects the program's name.
	rc = cli_parse_options(cli, argc - eal, argv + eal, target, err);
	if (rc == 1) {
		*eal_argc = 0;
		return 0;
	}
	return rc;
}
