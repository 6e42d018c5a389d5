// Members of the daemon's answers.
#pragma once

#include <jansson.h>

// A string, or "-".
static inline const char *member_text(const json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));

	return value ? value : "-";
}

// An integer, or 0.
static inline json_int_t member_number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}
