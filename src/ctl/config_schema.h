// Settings as tables: one row per setting, one walker that reads a group by its table and refuses
// everything that the table does not know.
#pragma once

#include "base/error.h"
#include "ctl/config_source.h"
#include "proto/outer.h"

#include <libconfig.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct proto_table;
struct aead_table;

// Packets with this DSCP get that one around them.
struct config_dscp {
	uint8_t inner;
	uint8_t outer;
	unsigned line;
};

// What every row may look at.
struct reader {
	struct config *config;
	const config_setting_t *root;
	const struct proto_table *protos;
	const struct aead_table *engines;
	const struct config_source *source; // NULL: a request at the control socket
	const char *key;		    // of such a request: hex digits
	struct error *err;
	// Of the tunnel that is read.
	unsigned dscp_map_n;
	struct config_dscp dscp_map[OUTER_DSCPS];
};

enum setting_kind {
	SETTING_BOOL,
	SETTING_NUMBER, // unsigned, into 1, 2, 4 or 8 octets
	SETTING_WORD,	// one of words, into an enum
	SETTING_TEXT,	// into an array of char
	SETTING_GROUP,
	SETTING_LIST,  // of groups
	SETTING_OTHER, // read decides
};

struct setting_word {
	const char *word; // NULL ends the array
	unsigned value;
};

struct settings;

struct setting {
	const char *name;
	enum setting_kind kind;
	// Must be there; missing says why in place of the walker's own words.
	bool required;
	const char *missing;
	// Absent, it is as if `fallback` or `fallback_text` were written; an absent group with
	// defaults is read as an empty one.
	bool defaults;
	uint64_t fallback;
	const char *fallback_text;
	// Where the value goes in the object.
	size_t offset;
	size_t octets;
	// Smallest and largest number, or count of a list's elements.
	uint64_t min;
	uint64_t max;
	bool hex; // how the range is told
	const struct setting_word *words;
	// Text: NULL, or what would be right.
	const char *(*wrong)(const char *text);
	// Group: of the object at offset. List: of each element.
	const struct settings *group;
	// List: where element i of n is to be read into. NULL: no memory.
	void *(*element)(struct reader *reader, void *object, unsigned i, unsigned n);
	// Other: setting is never NULL.
	int (*read)(struct reader *reader, const config_setting_t *setting, void *object);
	// NULL, or whether the object has this setting at all; otherwise says why not.
	bool (*applies)(const void *object);
	const char *otherwise;
};

// Rows are read in their order, whatever the file's order is: a row may look at the ones before it.
struct settings {
	const struct setting *row;
	unsigned n;
	// Checks the object as a whole. group is NULL where an absent group is read as empty.
	int (*finish)(struct reader *reader, const config_setting_t *group, void *object);
};

#define SETTINGS(rows, finish)                                 \
	{                                                      \
		rows, sizeof(rows) / sizeof((rows)[0]), finish \
	}
// offset and octets of a field.
#define FIELD(type, field) .offset = offsetof(type, field), .octets = sizeof(((type *)0)->field)

int settings_read(struct reader *reader, const struct settings *settings,
	const config_setting_t *group, void *object);

// Line of the whole text that a setting begins on, for reader_fail; NULL: the first.
unsigned setting_line(const config_setting_t *setting);
// "FILE:LINE: ...". Returns -errnum.
int reader_fail(const struct reader *reader, unsigned line, int errnum, const char *format, ...)
	PRINTF_LIKE(4, 5);
// Puts "FILE:LINE: " before what err says and returns ret.
int reader_failed(const struct reader *reader, unsigned line, int ret);

#define setting_fail(reader, setting, ...) \
	reader_fail(reader, setting_line(setting), EINVAL, __VA_ARGS__)

#define WHERE_TEXT 96
// "line 12", or "FILE:12" if that is not the file of line `from`.
const char *reader_where(
	const struct reader *reader, unsigned from, unsigned line, char buf[WHERE_TEXT]);

#define QUOTE_TEXT 64
// A value in an error: in quotation marks, cut, printable. What may be a key is left out.
const char *quote(const char *text, char buf[QUOTE_TEXT]);
bool quote_hides(const char *text);
bool quote_is_base64(const char *text);

// Appends, cut to the octets that text has.
void text_append(char *text, size_t octets, const char *format, ...) PRINTF_LIKE(3, 4);

// For rows that read themselves.
int setting_string(struct reader *reader, const config_setting_t *setting, const char **text);
int setting_number(struct reader *reader, const config_setting_t *setting, uint64_t min,
	uint64_t max, uint64_t *value);
bool setting_is_number(const config_setting_t *setting);
