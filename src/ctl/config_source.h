// The text of a configuration: the file and what it includes, as one text for libconfig, with the
// way back from a line of that text to file and line.
#pragma once

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

#define SOURCE_FILES_MAX 256

struct source_position {
	unsigned file; // index
	unsigned line;
};

// The scanner's place in the text, over all files.
struct source_place {
	char last; // octet of the text that is neither blank nor comment
	unsigned depth;
	uint64_t lists; // bit d: depth d + 1 is a list or an array, not a group
};

struct config_source {
	char *text; // ends with a newline and a zero octet
	size_t octets;
	size_t octets_room;
	struct source_position *position; // of line i + 1 of the text
	unsigned lines;
	unsigned lines_room;
	char *file[SOURCE_FILES_MAX];
	unsigned files;
	struct source_place place;
};

// Reads file and, in place of `@include "NAME"` at the start of a line, NAME; relative names are
// looked up beside file. 0 or -errno with err filled; source_free is due either way.
int source_read(const char *file, struct config_source *source, struct error *err);
void source_free(struct config_source *source);

// line: of the text; one outside of it counts as the nearest inside.
const char *source_file(const struct config_source *source, unsigned line);
unsigned source_line(const struct config_source *source, unsigned line);

// name, looked up beside file unless it is absolute. Allocated; NULL: no memory.
char *source_beside(const char *file, const char *name);
