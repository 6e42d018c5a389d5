// A step of a change, by itself.
#pragma once

#include "ctl/change_draft.h"

#include <jansson.h>

typedef int change_step_function(
	struct change *change, const json_t *arguments, json_t **result, struct error *err);

// Takes the arguments. *result: the caller's, or NULL.
int do_step(struct change *change, change_step_function *step, json_t *arguments, json_t **result,
	struct error *err);
// One that goes well. The result is the caller's.
json_t *done_step(struct change *change, change_step_function *step, json_t *arguments);
