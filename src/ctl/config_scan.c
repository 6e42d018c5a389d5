// Copies tokens and says what libconfig 1.5 passes over in silence: numbers that it would cut to 32
// or 64 bits, a comment without an end (it would swallow every policy behind it), a zero octet in a
// string.
#include "ctl/config_scan.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define DEPTH_MAX 64

static int copy_octet(struct cursor *c)
{
	char octet = *c->at++;
	int ret = source_put(c, octet);

	if (ret < 0 || octet != '\n')
		return ret;
	c->line++;
	return source_start_line(c);
}

static int copy_until(struct cursor *c, const char *stop)
{
	int ret = 0;

	while (ret == 0 && c->at < stop)
		ret = copy_octet(c);
	return ret;
}

static char peek(const struct cursor *c, size_t ahead)
{
	return (size_t)(c->end - c->at) > ahead ? c->at[ahead] : '\0';
}

static bool is_digit(char octet)
{
	return octet >= '0' && octet <= '9';
}

static bool is_hex_digit(char octet)
{
	return is_digit(octet) || (octet >= 'a' && octet <= 'f') || (octet >= 'A' && octet <= 'F');
}

static bool is_letter(char octet)
{
	return (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z');
}

static const char *line_end(const struct cursor *c, const char *at)
{
	const char *newline = memchr(at, '\n', (size_t)(c->end - at));

	return newline ? newline : c->end;
}

static int copy_line_comment(struct cursor *c)
{
	return copy_until(c, line_end(c, c->at));
}

static int copy_block_comment(struct cursor *c)
{
	const char *end = memmem(c->at + 2, (size_t)(c->end - c->at - 2), "*/", 2);

	if (!end)
		return cursor_fail(
			c, EINVAL, "the comment that begins here has no end; close it with */");
	return copy_until(c, end + 2);
}

// Brackets are followed because of the strings in them; the rest of the grammar is libconfig's.
static int put_bracket(struct cursor *c, char octet)
{
	struct source_place *place = &c->source->place;

	place->last = octet;
	if (octet == '}' || octet == ')' || octet == ']') {
		place->depth -= place->depth > 0;
	} else if (place->depth == DEPTH_MAX) {
		return cursor_fail(
			c, EINVAL, "brackets in brackets; %d levels are allowed", DEPTH_MAX);
	} else {
		place->lists &= ~(UINT64_C(1) << place->depth);
		place->lists |= (uint64_t)(octet != '{') << place->depth;
		place->depth++;
	}
	return source_put(c, octet);
}

// libconfig 1.5 loses the memory of a string that it does not expect.
static bool string_expected(const struct source_place *place)
{
	bool in_list = place->depth > 0 && (place->lists >> (place->depth - 1) & 1);

	return place->last != '\0' && strchr(in_list ? "([,\"" : "=:\"", place->last);
}

// libconfig looks for a second string behind the first and takes the line where it stops looking:
// that of the bracket behind an array's last element. So the bracket comes to the string's line.
static int copy_closing(struct cursor *c)
{
	const char *at = c->at;

	while (at < c->end && strchr(" \t\r\n#/", *at)) {
		if (*at == '/' && (c->end - at < 2 || at[1] != '/'))
			return 0;
		if (*at == '#' || *at == '/')
			at = line_end(c, at);
		else
			at++;
	}
	if (at >= c->end || (*at != ')' && *at != ']'))
		return 0;
	c->copied = at;
	return put_bracket(c, *at);
}

// No setting wants a line break: a string ends on its line, so that a forgotten quotation mark is
// found where it is missing.
static int copy_string(struct cursor *c)
{
	const char *at = c->at + 1;
	int ret;

	for (; at < c->end && *at != '"' && *at != '\n'; at++) {
		if (*at != '\\' || c->end - at < 2)
			continue;
		if (c->end - at >= 4 && (at[1] | 0x20) == 'x' && at[2] == '0' && at[3] == '0')
			return cursor_fail(
				c, EINVAL, "\\x00 in a string; strings here are plain text");
		if (at[1] == '"' || at[1] == '\\')
			at++;
	}
	if (at >= c->end || *at != '"')
		return cursor_fail(c, EINVAL,
			"a string has no closing quotation mark; it ends on its own line");
	if (!string_expected(&c->source->place))
		return cursor_fail(c, EINVAL,
			"syntax error: a string out of place; '=' or a quotation mark is missing "
			"before it");
	c->source->place.last = '"';
	ret = copy_until(c, at + 1);
	return ret == 0 ? copy_closing(c) : ret;
}

// Reads digits from at on. The number's own text is not repeated in an error: someone may have put
// a key there.
static int number_value(const struct cursor *c, const char **at, unsigned base, uint64_t *value)
{
	*value = 0;
	for (; *at < c->end && (base == 16 ? is_hex_digit(**at) : is_digit(**at)); ++*at) {
		char lower = (char)(**at | 0x20);
		uint64_t digit = (uint64_t)(is_digit(**at) ? **at - '0' : lower - 'a' + 10);

		if (*value > (INT64_MAX - digit) / base)
			return cursor_fail(c, ERANGE,
				"a number does not fit into 64 bits; no setting takes one as "
				"large");
		*value = *value * base + digit;
	}
	return 0;
}

// One spelling for all versions of libconfig: what is beyond an int gets the suffix that says so.
static int copy_number(struct cursor *c)
{
	const char *at = c->at;
	uint64_t value;
	int ret;

	if (*at == '0' && (peek(c, 1) | 0x20) == 'x' && is_hex_digit(peek(c, 2))) {
		at += 2;
		ret = number_value(c, &at, 16, &value);
	} else {
		at += *at == '-' || *at == '+';
		ret = number_value(c, &at, 10, &value);
	}
	if (ret == 0)
		ret = copy_until(c, at);
	if (ret < 0)
		return ret;
	if (peek(c, 0) == '.' || (peek(c, 0) | 0x20) == 'e') {
		do
			ret = copy_octet(c);
		while (ret == 0 && is_digit(peek(c, 0)));
		return ret;
	}
	if (value > INT_MAX && peek(c, 0) != 'L')
		return source_put(c, 'L');
	while (ret == 0 && peek(c, 0) == 'L')
		ret = copy_octet(c);
	return ret;
}

static bool is_in_name(char octet)
{
	return is_letter(octet) || is_digit(octet) || octet == '-' || octet == '_' || octet == '*';
}

static int copy_name(struct cursor *c)
{
	int ret = 0;

	while (ret == 0 && is_in_name(peek(c, 0)))
		ret = copy_octet(c);
	return ret;
}

int scan_token(struct cursor *c)
{
	char octet = *c->at, next = peek(c, 1);

	if (c->at == c->copied) {
		c->at++;
		return 0;
	}
	if (octet == '#' || (octet == '/' && next == '/'))
		return copy_line_comment(c);
	if (octet == '/' && next == '*')
		return copy_block_comment(c);
	if (octet == '"')
		return copy_string(c);
	if (strchr(" \t\r\n\f", octet))
		return copy_octet(c);
	if (strchr("{}()[]", octet)) {
		c->at++;
		return put_bracket(c, octet);
	}
	c->source->place.last = octet;
	if (is_digit(octet) || ((octet == '-' || octet == '+') && is_digit(next)))
		return copy_number(c);
	if (is_letter(octet) || octet == '*')
		return copy_name(c);
	return copy_octet(c);
}
