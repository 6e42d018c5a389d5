// What the kernel has of the host guard, and what is wrong with it.
#pragma once

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>

#define GUARD_RULES 7 // of a complete one

struct guard_status {
	bool installed;
	unsigned rules;
	bool strange; // something that is not ours, or in the wrong place
	bool forward;
	bool arrive;
	bool output;
	json_t *not_forwarded; // names
	json_t *interfaces;
	json_t *devices;
	json_t *indexes; // their names now; numbers of those that are gone
	json_t *ingress; // name -> true
	json_t *egress;
	// Chains of policies: hooked, or jumped to from those, and with all their rules. Name ->
	// true.
	json_t *policies_reached;
	json_t *policies_whole;
	unsigned policies_drop; // rules of the one that is being read
	unsigned policies_pass;
	unsigned policies_jump;
	json_t *faults; // sentences
};

// Reads it and judges it. 0 or -errno; status is to be cleared in any case.
int guard_status_read(struct guard_status *status, struct error *err);
void guard_status_clear(struct guard_status *status);
// Of a guard that is installed: adds its faults.
void guard_status_judge(struct guard_status *status);
