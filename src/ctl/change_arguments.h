// A request's arguments read by the configuration's tables of settings: one schema, one set of
// errors.
#pragma once

#include "ctl/changes.h"
#include "ctl/config_schema.h"

// Fills object. "key" is kept out of memory that is not wiped; the table reads it from the reader.
int change_read(const struct change *change, const json_t *arguments,
	const struct settings *settings, void *object, struct error *err);
