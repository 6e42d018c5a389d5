// The main function of both programs: options first, so that a mistake costs no EAL.
#include "bench/traffic/program.h"

#include "bench/traffic/signals.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <stdio.h>
#include <stdlib.h>

static int with_eal(const struct program *program, int eal_argc, char **argv, struct error *err)
{
	int rc;

	// Inherited by EAL's threads.
	signals_block();
	if (rte_eal_init(eal_argc, argv) < 0)
		return error_set(err, rte_errno,
			"DPDK did not start: %s; its own messages are above",
			rte_strerror(rte_errno));
	rc = program->run(program->options, err);
	rte_eal_cleanup();
	return rc;
}

int program_main(const struct program *program, int argc, char **argv)
{
	struct error err = {.text = ""};
	int eal_argc;
	int rc = program->parse(argc, argv, program->options, &eal_argc, &err);

	if (rc == 0 && eal_argc != 0)
		rc = with_eal(program, eal_argc, argv, &err);
	if (rc != 0)
		fprintf(stderr, "%s: %s\n", program->name, err.text);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
