// Sentences for the operator: formatted aside, then put in place, so that an argument may be the
// old one.
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char cut_mark[] = "...";

// Shows that words are missing. length is what the whole sentence would have taken.
static void mark_cut(char text[ERROR_TEXT], int length)
{
	if (length >= ERROR_TEXT)
		memcpy(text + ERROR_TEXT - sizeof(cut_mark), cut_mark, sizeof(cut_mark));
}

int error_set(struct error *err, int errnum, const char *format, ...)
{
	char text[ERROR_TEXT] = "";
	va_list arguments;

	if (!err)
		return -errnum;
	va_start(arguments, format);
	mark_cut(text, vsnprintf(text, sizeof(text), format, arguments));
	va_end(arguments);
	memcpy(err->text, text, sizeof(text));
	return -errnum;
}

void error_prefix(struct error *err, const char *format, ...)
{
	char prefix[ERROR_TEXT] = "";
	char text[ERROR_TEXT] = "";
	va_list arguments;

	if (!err)
		return;
	va_start(arguments, format);
	mark_cut(prefix, vsnprintf(prefix, sizeof(prefix), format, arguments));
	va_end(arguments);
	mark_cut(text, snprintf(text, sizeof(text), "%s%s", prefix, err->text));
	memcpy(err->text, text, sizeof(text));
}
