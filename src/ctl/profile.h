// The stage profile of the workers (dataplane/stage.h), by request.
#pragma once

#include "base/error.h"

#include <jansson.h>

struct gateway;

// Requests without arguments; of each: 0 with *result a new reference, or -errno. A profile that
// begins forgets the one before; one that ends keeps its figures.
int profile_on(
	struct gateway *gateway, const json_t *arguments, json_t **result, struct error *err);
int profile_off(
	struct gateway *gateway, const json_t *arguments, json_t **result, struct error *err);
int profile_show(
	struct gateway *gateway, const json_t *arguments, json_t **result, struct error *err);
