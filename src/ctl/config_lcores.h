// EAL's --lcores: which lcores a text names, and a text for lcores.
#pragma once

#include "base/error.h"

#include <rte_config.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>

#define LCORES_MAX RTE_MAX_LCORE

struct lcore_set {
	unsigned n;
	bool has[LCORES_MAX];
};

// "0@0,1@1", "0@(0-3),(1,2)@1", "0-3". 0, or -EINVAL with what is wrong.
int lcores_parse(const char *text, struct lcore_set *set, struct error *err);
// The lowest: EAL's main lcore, where the control thread runs.
unsigned lcores_main(const struct lcore_set *set);

// Lcore 0 on all of cpus, each worker's lcore on one of them: the (lcore modulo their number)-th.
// 0, or -E2BIG.
int lcores_make(const struct lcore_set *workers, const cpu_set_t *cpus, char *text, size_t octets);

// The CPUs that this process may run on.
void lcores_cpus(cpu_set_t *cpus);
