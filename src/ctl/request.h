// What can be asked over a control socket: a table of names and functions. A new request is one row
// and one function.
#pragma once

#include "base/error.h"

#include <jansson.h>

struct gateway;

#define REQUEST_ARGUMENTS_MAX 4

// An argument that a request knows; all are optional unless the function says otherwise.
struct request_argument {
	const char *name; // NULL: end
	json_type type;
};

struct request {
	const char *name;
	// 0 with *result set to a new reference, or -errno with err filled. arguments: an object
	// with known names and right types.
	int (*handle)(struct gateway *gateway, const json_t *arguments, json_t **result,
		struct error *err);
	struct request_argument argument[REQUEST_ARGUMENTS_MAX + 1];
};

struct request_table {
	unsigned n;
	const struct request *request; // [n]
};

// Of the read-only socket.
extern const struct request_table request_table_show;

// Answers one line (without its end) with one line, newline included, to be freed by the caller.
// NULL: no memory.
char *request_answer(const struct request_table *table, struct gateway *gateway, const char *line,
	size_t octets, size_t *answer_octets);
// The answer to something that is no line, or comes at a bad time.
char *request_refuse(const char *text, size_t *answer_octets);
