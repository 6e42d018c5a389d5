// The tokens of a configuration's text, as far as its preparation must know them.
#pragma once

#include "ctl/config_source.h"

// One file on its way into the text.
struct cursor {
	struct config_source *source;
	struct error *err;
	unsigned file;
	unsigned line;
	unsigned depth;
	const char *at;
	const char *end;
	const char *copied; // a bracket that is in the text already
};

#define cursor_fail(cursor, errnum, format, ...)                                                   \
	error_set((cursor)->err, errnum, "%s:%u: " format, (cursor)->source->file[(cursor)->file], \
		(cursor)->line, ##__VA_ARGS__)

// Copies the next token into the source's text: a comment, string, number or name whole, else one
// octet. 0 or -errno with err filled.
int scan_token(struct cursor *cursor);

// What the scanner writes with. 0 or -errno with err filled.
int source_put(const struct cursor *cursor, char octet);
// The cursor's line begins on a new line of the text.
int source_start_line(const struct cursor *cursor);
