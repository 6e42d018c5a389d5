// Writing metrics in either format.
#include "ctl/metrics_text.h"

#include <event2/buffer.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

static const char *const suffixes[] = {
	[METRICS_COUNTER] = "_total", [METRICS_GAUGE] = "", [METRICS_INFO] = "_info"};
// Prometheus knows no type for information.
static const char *const types[METRICS_FORMATS][3] = {
	[METRICS_PROMETHEUS] = {"counter", "gauge", "gauge"},
	[METRICS_OPENMETRICS] = {"counter", "gauge", "info"},
};

const char *metrics_content_type(enum metrics_format format)
{
	return format == METRICS_OPENMETRICS
		? "application/openmetrics-text; version=1.0.0; charset=utf-8"
		: "text/plain; version=0.0.4; charset=utf-8";
}

static void put(struct metrics_text *text, const char *data, size_t octets)
{
	text->no_memory |= evbuffer_add(text->to, data, octets) != 0;
}

__attribute__((format(printf, 2, 3))) static void print(
	struct metrics_text *text, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	text->no_memory |= evbuffer_add_vprintf(text->to, format, arguments) < 0;
	va_end(arguments);
}

// A backslash before what would end a label's value.
static void put_escaped(struct metrics_text *text, const char *value)
{
	while (*value) {
		size_t plain = strcspn(value, "\\\"\n");

		put(text, value, plain);
		value += plain;
		if (*value) {
			char escaped[2] = {'\\', *value == '\n' ? 'n' : *value};

			put(text, escaped, sizeof(escaped));
			value++;
		}
	}
}

void metrics_family(
	struct metrics_text *text, enum metrics_type type, const char *name, const char *help)
{
	// OpenMetrics gives the suffix to samples only.
	const char *suffix = text->format == METRICS_OPENMETRICS ? "" : suffixes[type];

	text->name = name;
	text->type = type;
	print(text, "# HELP %s%s %s\n# TYPE %s%s %s\n", name, suffix, help, name, suffix,
		types[text->format][type]);
}

static void put_name(struct metrics_text *text, va_list labels)
{
	const char *separator = "{";
	const char *label;

	print(text, "%s%s", text->name, suffixes[text->type]);
	while ((label = va_arg(labels, const char *)) != NULL) {
		print(text, "%s%s=\"", separator, label);
		put_escaped(text, va_arg(labels, const char *));
		put(text, "\"", 1);
		separator = ",";
	}
	if (*separator == ',')
		put(text, "}", 1);
}

void metrics_count(struct metrics_text *text, uint64_t value, ...)
{
	va_list labels;

	va_start(labels, value);
	put_name(text, labels);
	va_end(labels);
	print(text, " %" PRIu64 "\n", value);
}

void metrics_real(struct metrics_text *text, double value, ...)
{
	va_list labels;

	va_start(labels, value);
	put_name(text, labels);
	va_end(labels);
	print(text, " %.15g\n", value);
}

void metrics_alone(struct metrics_text *text, enum metrics_type type, const char *name,
	const char *help, uint64_t value)
{
	metrics_family(text, type, name, help);
	metrics_count(text, value, NULL);
}

void metrics_end(struct metrics_text *text)
{
	if (text->format == METRICS_OPENMETRICS)
		put(text, "# EOF\n", 6);
}
