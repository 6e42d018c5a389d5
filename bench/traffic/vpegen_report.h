// What vpegen says: a line a second while it runs, JSON at the end.
#pragma once

#include "bench/traffic/totals.h"

#include <jansson.h>

struct vpegen_report {
	const struct generator *generator;
	json_t *intervals;
	struct totals last;
	uint64_t last_tsc;
};

// 0 or -errno. vpegen_report_free() is due in any case.
int vpegen_report_start(struct vpegen_report *report, const struct generator *generator);
// Reports what came since the last time. now: TSC.
void vpegen_report_interval(struct vpegen_report *report, uint64_t now);
// The whole run, after the workers have ended; stopped: TSC when sending ended. A new reference, or
// NULL without memory.
json_t *vpegen_report_end(struct vpegen_report *report, uint64_t stopped);
void vpegen_report_free(struct vpegen_report *report);
