// vped: the ordered start and the reverse stop. The table of protocols is here.
#include "base/log.h"
#include "base/randomness.h"
#include "base/secret.h"
#include "ctl/config.h"
#include "ctl/eal.h"
#include "ctl/gateway.h"
#include "ctl/host_guard.h"
#include "ctl/privileges.h"
#include "ctl/process.h"
#include "ctl/service.h"
#include "ctl/wiped_memory.h"
#include "main_engines.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef VPED_VERSION
#define VPED_VERSION "unknown"
#endif

static const struct proto_table protos = {
	.n = 2,
	.proto = {&vpe_ops, &esp_ops},
};

struct options {
	const char *file;
	bool check;
	bool host_guard;
	bool verbose;
};

static const char usage[] = "usage: vped -c FILE [--check | --host-guard] [--verbose]\n"
			    "\n"
			    "  -c, --config FILE  the configuration, see vped.conf(5)\n"
			    "      --check        read and check the configuration, then exit\n"
			    "      --host-guard   install the host guard, then exit\n"
			    "  -v, --verbose      log more\n"
			    "  -h, --help         this text\n"
			    "  -V, --version      the version\n";

static void parse_options(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, 'k'},
		{"host-guard", no_argument, NULL, 'g'},
		{"verbose", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "c:vhV", known, NULL)) != -1) {
		switch (option) {
		case 'c':
			options->file = optarg;
			break;
		case 'k':
			options->check = true;
			break;
		case 'g':
			options->host_guard = true;
			break;
		case 'v':
			options->verbose = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(EXIT_SUCCESS);
		case 'V':
			puts("vped " VPED_VERSION);
			exit(EXIT_SUCCESS);
		default:
			fputs(usage, stderr);
			exit(2);
		}
	}
	if (options->file == NULL || optind != argc || (options->check && options->host_guard)) {
		fputs(usage, stderr);
		exit(2);
	}
}

// Before EAL, which opens virtual devices.
static int guard(const struct config *config, struct error *err)
{
	if (config->host_guard)
		return host_guard_install(config, err);
	log_warning("control.host_guard is false: the kernel may forward past the policies, and "
		    "does when vped is dead");
	return 0;
}

static int check(const char *file, const struct config *config, struct error *err)
{
	struct host_guard_names names;
	int rc = config->host_guard ? host_guard_collect(config, &names, err) : 0;

	if (rc == 0)
		printf("%s: configuration is valid\n", file);
	return rc;
}

static int guard_only(const struct config *config, struct error *err)
{
	if (!config->host_guard)
		return error_set(err, EINVAL,
			"--host-guard: the configuration says control.host_guard = false");
	return host_guard_install(config, err);
}

static int run(struct gateway *gateway, struct error *err)
{
	int rc = privileges_reduce(err);

	if (rc == 0)
		rc = service_start(gateway, err);
	if (rc == 0) {
		rc = gateway_run(gateway);
		if (rc != 0)
			error_set(err, -rc, "the control loop ended early");
	}
	service_stop(gateway);
	return rc;
}

static int serve(struct config *config, struct error *err)
{
	struct gateway *gateway = NULL;
	int rc = guard(config, err);

	if (rc == 0)
		rc = eal_start(config, err);
	if (rc != 0)
		return rc;
	if (config->host_guard)
		rc = host_guard_mark_sockets(err);
	if (rc == 0)
		rc = gateway_create(config, &protos, main_engines, &gateway, err);
	config_forget_keys(config);
	if (rc == 0) {
		rc = run(gateway, err);
		gateway_destroy(gateway);
	}
	eal_stop();
	return rc;
}

int main(int argc, char **argv)
{
	struct options options = {0};
	struct config *config = NULL;
	struct error err = {0};
	int rc;

	parse_options(argc, argv, &options);
	wiped_memory_install();
	log_init(options.verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_NOTICE);
	signal(SIGPIPE, SIG_IGN);
	// Before the first key is read.
	rc = process_harden(&err);
	if (rc == 0)
		rc = randomness_test(secret_random, &err);
	if (rc == 0)
		rc = main_engines_test(&err);
	if (rc == 0)
		rc = config_load(options.file, &protos, main_engines, &config, &err);
	if (rc == 0 && options.check)
		rc = check(options.file, config, &err);
	else if (rc == 0 && options.host_guard)
		rc = guard_only(config, &err);
	else if (rc == 0)
		rc = serve(config, &err);
	if (rc != 0)
		log_error("%s", err.text);
	config_free(config);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
