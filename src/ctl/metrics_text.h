// Metrics as text: Prometheus' format 0.0.4, or OpenMetrics 1.0. All samples of a family follow
// each other.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct evbuffer;

enum metrics_format { METRICS_PROMETHEUS, METRICS_OPENMETRICS, METRICS_FORMATS };
enum metrics_type { METRICS_COUNTER, METRICS_GAUGE, METRICS_INFO };

struct metrics_text {
	struct evbuffer *to;
	enum metrics_format format;
	// Of the family under way.
	const char *name;
	enum metrics_type type;
	bool no_memory;
};

// The value of the HTTP header.
const char *metrics_content_type(enum metrics_format format);

// name: without "_total" or "_info", in both formats.
void metrics_family(
	struct metrics_text *text, enum metrics_type type, const char *name, const char *help);
// One sample of the family: labels and their values in turn, NULL at the end.
__attribute__((sentinel)) void metrics_count(struct metrics_text *text, uint64_t value, ...);
__attribute__((sentinel)) void metrics_real(struct metrics_text *text, double value, ...);
// A family of one sample without labels.
void metrics_alone(struct metrics_text *text, enum metrics_type type, const char *name,
	const char *help, uint64_t value);
void metrics_end(struct metrics_text *text);
