// Building EAL's arguments from the configuration.
#include "ctl/eal.h"

#include "base/log.h"
#include "ctl/run_directory.h"

#include <errno.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_memory.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ARGS_MAX (24 + 2 * PORTS_MAX * PORT_DEVICES_MAX)

struct args {
	int n;
	char *arg[ARGS_MAX + 1];
};

static void add(struct args *args, const char *text)
{
	args->arg[args->n++] = strdup(text);
}

static void add_pair(struct args *args, const char *option, const char *value)
{
	add(args, option);
	add(args, value);
}

static void add_number(struct args *args, const char *option, unsigned value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	add_pair(args, option, text);
}

static void add_memory(struct args *args, const struct config_eal *eal)
{
	add_number(args, "-m", eal->memory_mb);
	if (eal->huge) {
		// Nothing of ours lies in a file that outlives the process: packets and keys.
		add(args, "--in-memory");
	} else {
		add(args, "--no-huge");
		add(args, "--no-shconf");
	}
}

static void add_devices(struct args *args, const struct config *config)
{
	bool pci = false;

	for (unsigned i = 0; i < config->ports_n; i++) {
		const struct config_port *port = &config->ports[i];

		for (unsigned d = 0; d < port->params.devices; d++)
			add_pair(args, port->pci ? "-a" : "--vdev",
				port->pci ? port->params.device[d] : port->device_args[d]);
		pci |= port->pci;
	}
	if (!pci)
		add(args, "--no-pci");
}

static bool complete(const struct args *args)
{
	for (int i = 0; i < args->n; i++) {
		if (args->arg[i] == NULL)
			return false;
	}
	return true;
}

static void keep_from_dumps(const void *memory, size_t octets)
{
	if (madvise((void *)(uintptr_t)memory, octets, MADV_DONTDUMP) != 0)
		log_warning("DPDK's memory would be in dumps (MADV_DONTDUMP): %s", strerror(errno));
}

static int keep_list_from_dumps(const struct rte_memseg_list *list, void *arg)
{
	(void)arg;
	keep_from_dumps(list->base_va, list->len);
	return 0;
}

static void on_memory(enum rte_mem_event event, const void *memory, size_t octets, void *arg)
{
	(void)arg;
	if (event == RTE_MEM_EVENT_ALLOC)
		keep_from_dumps(memory, octets);
}

// Packets are in DPDK's memory, in clear. A process that is not dumpable writes no core file, but
// root's debugger may. Without huge pages there is no memory to come, and no such event.
static void leave_out_of_dumps(void)
{
	rte_memseg_list_walk(keep_list_from_dumps, NULL);
	rte_mem_event_callback_register("dumps", on_memory, NULL);
}

int eal_start(const struct config *config, struct error *err)
{
	struct args args = {0};
	struct args init;
	cpu_set_t cpus;
	int rc;

	add(&args, "vped");
	if (!config->eal.telemetry)
		add(&args, "--no-telemetry");
	add_pair(&args, "--log-level", "*:warning");
	// Tables that cannot be made are told of by us, once.
	add_pair(&args, "--log-level", "lib.lpm:critical");
	add_pair(&args, "--lcores", config->eal.lcores);
	if (config->eal.simd_bits != 0)
		add_number(&args, "--force-max-simd-bitwidth", config->eal.simd_bits);
	add_memory(&args, &config->eal);
	add_devices(&args, config);
	if (!complete(&args) || run_directory_choose(config->socket) < 0 ||
		sched_getaffinity(0, sizeof(cpus), &cpus) != 0)
		return error_set(err, ENOMEM, "no memory to start DPDK");
	init = args; // EAL changes the order of its arguments
	rc = rte_eal_init(init.n, init.arg);
	for (int i = 0; i < args.n; i++)
		free(args.arg[i]);
	if (rc < 0)
		return error_set(err, rte_errno,
			"DPDK did not start: %s; its own messages are above%s",
			rte_strerror(rte_errno),
			config->eal.huge ? " (huge pages can be reserved in "
					   "/proc/sys/vm/nr_hugepages, or set eal.huge = false)"
					 : "");
	sched_setaffinity(0, sizeof(cpus), &cpus);
	leave_out_of_dumps();
	return 0;
}

void eal_stop(void)
{
	rte_eal_cleanup();
}
