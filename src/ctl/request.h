// What can be asked over a control socket: a table of names and functions. A new request is one row
// and one function.
#pragma once

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>

struct change;
struct gateway;
struct session;

#define REQUEST_ARGUMENTS_MAX 5

// An argument that a request knows; all are optional unless the function says otherwise.
struct request_argument {
	const char *name; // NULL: end
	json_type type;
};

// One of the three functions. Each returns 0 with *result set to a new reference, or -errno with
// err filled. arguments: an object with known names and right types.
struct request {
	const char *name;
	// Answers from what there is.
	int (*handle)(struct gateway *gateway, const json_t *arguments, json_t **result,
		struct error *err);
	struct request_argument argument[REQUEST_ARGUMENTS_MAX + 1];
	// Edits a draft; the answer comes when that is in force.
	int (*change)(
		struct change *change, const json_t *arguments, json_t **result, struct error *err);
	bool looks;	       // change edits nothing
	bool read_by_settings; // the function looks at the arguments' names and types itself
	// Is about the connection. -EINPROGRESS: the answer comes later.
	int (*about)(struct session *session, const json_t *arguments, json_t **result,
		struct error *err);
};

struct request_table {
	unsigned n;
	const struct request *request;	  // [n]
	const struct request_table *more; // NULL: that is all
};

// What there is, without a connection's own requests.
extern const struct request_table request_table_show;
// Of the read-only socket, and of the one that changes things.
extern const struct request_table request_table_read;
extern const struct request_table request_table_admin;

// NULL: there is none of this name.
const struct request *request_find(const struct request_table *table, const char *name);

// Answers one line (without its end) with one line, newline included, to be freed by the caller.
// NULL: no memory; or, with session->waiting, the answer comes later.
char *request_answer(
	struct session *session, const char *line, size_t octets, size_t *answer_octets);
// The answer to something that is no line, or comes at a bad time.
char *request_refuse(const char *text, size_t *answer_octets);
// Makes an error's text fit to be shown: it may quote anything that a client sent.
void request_clean(char *text);
// One line, newline included, to be freed by the caller; takes the message. NULL: no memory, or too
// much to say.
char *request_line(json_t *message, size_t *octets);
// A line with this answer; takes the result. error: instead of one. NULL: no memory, or too long.
char *request_encode(json_t *id, json_t *result, const char *error, size_t *octets);
