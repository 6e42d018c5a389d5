// Errors of the configuration's reader: where, and values fit to be shown.
#include "ctl/config_schema.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// So many hex digits in a row are taken for a key.
#define KEY_DIGITS 24
// And so many characters that base64 may have: 16 octets.
#define KEY_BASE64 22
#define QUOTE_CHARACTERS 40

unsigned setting_line(const config_setting_t *setting)
{
	return setting ? config_setting_source_line(setting) : 1;
}

int reader_failed(const struct reader *reader, unsigned line, int ret)
{
	if (reader->source)
		error_prefix(reader->err, "%s:%u: ", source_file(reader->source, line),
			source_line(reader->source, line));
	return ret;
}

int reader_fail(const struct reader *reader, unsigned line, int errnum, const char *format, ...)
{
	char text[ERROR_TEXT];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return reader_failed(reader, line, error_set(reader->err, errnum, "%s", text));
}

void text_append(char *text, size_t octets, const char *format, ...)
{
	size_t used = strlen(text);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text + used, octets - used, format, arguments);
	va_end(arguments);
}

const char *reader_where(
	const struct reader *reader, unsigned from, unsigned line, char buf[WHERE_TEXT])
{
	const char *file;

	if (!reader->source) {
		snprintf(buf, WHERE_TEXT, line > 0 ? "the configuration's line %u" : "by a request",
			line);
		return buf;
	}
	file = source_file(reader->source, line);
	if (strcmp(file, source_file(reader->source, from)) == 0)
		snprintf(buf, WHERE_TEXT, "line %u", source_line(reader->source, line));
	else
		snprintf(buf, WHERE_TEXT, "%.80s:%u", file, source_line(reader->source, line));
	return buf;
}

// As wg(8) and others write keys: letters of both cases and digits, perhaps '+' and '/', '=' at the
// end. A path that begins at the root is none unless it ends so.
bool quote_is_base64(const char *text)
{
	static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char lower[] = "abcdefghijklmnopqrstuvwxyz";
	static const char rest[] = "0123456789+/";
	size_t octets = 0;

	while (text[octets] && (isalnum((unsigned char)text[octets]) || strchr(rest, text[octets])))
		octets++;
	if (octets < KEY_BASE64 || text[octets + strspn(text + octets, "=")] != '\0')
		return false;
	if (text[0] == '/' && text[octets] == '\0')
		return false;
	return strpbrk(text, upper) && strpbrk(text, lower) && strpbrk(text, rest);
}

bool quote_hides(const char *text)
{
	unsigned digits = 0, pairs = 0;

	for (const char *at = text; *at; at++) {
		digits = isxdigit((unsigned char)*at) ? digits + 1 : 0;
		if (digits >= KEY_DIGITS)
			return true;
		// "00:11:22", as other tools write keys.
		if (*at == ':')
			pairs = at - text >= 2 && isxdigit((unsigned char)at[-1]) &&
					isxdigit((unsigned char)at[-2])
				? pairs + 1
				: 0;
		if (pairs >= KEY_DIGITS / 2)
			return true;
	}
	return quote_is_base64(text);
}

const char *quote(const char *text, char buf[QUOTE_TEXT])
{
	size_t used = 0;

	if (quote_hides(text)) {
		snprintf(buf, QUOTE_TEXT, "(not shown, it looks like a key)");
		return buf;
	}
	buf[used++] = '\'';
	for (; *text && used <= QUOTE_CHARACTERS; text++)
		buf[used++] = isprint((unsigned char)*text) ? *text : '?';
	snprintf(buf + used, QUOTE_TEXT - used, "%s'", *text ? "..." : "");
	return buf;
}
