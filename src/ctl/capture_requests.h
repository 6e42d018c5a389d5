// Captures by request: one at a time. The workers copy frames at the points asked for
// (dataplane/capture.h); the control thread filters them and keeps what passes until it is read.
#pragma once

#include "base/error.h"

#include <jansson.h>

struct gateway;
struct session;

// What passed the filter and waits to be read; frames beyond are lost and counted.
#define CAPTURE_KEPT_MAX (16 * 1024 * 1024)
// Octets of frames in one answer, before they are written as hexadecimal digits.
#define CAPTURE_ANSWER_MAX (512 * 1024)
#define CAPTURE_COUNT_MAX 100000000
// Whoever does not read for so long has gone.
#define CAPTURE_IDLE_MS 10000
// So many begin in a second at the most: each has two lines in the log.
#define CAPTURES_PER_SECOND 10

// Requests; of each: 0 with *result a new reference, or -errno.

// points: a list of names; filter: see ctl/capture_filter.h; count: frames to be captured; snap:
// octets kept of each. {"capture": id, "ports": [{"name", "side"}]}. The log says who captures,
// what, and when it ends.
int capture_start(
	struct session *session, const json_t *arguments, json_t **result, struct error *err);
// capture: id. {"frames": [{"time_ns", "point", "port", "octets", "data"}], "more", "seen",
// "passed", "lost"}: time as text in nanoseconds since 1970, port by its place in the list, data in
// hexadecimal digits; more: there are or may be more.
int capture_read(
	struct gateway *gateway, const json_t *arguments, json_t **result, struct error *err);
// capture: id. {"seen", "passed", "lost"}.
int capture_stop(
	struct gateway *gateway, const json_t *arguments, json_t **result, struct error *err);

// The capture that runs, if one does. Workers may run.
void capture_end(struct gateway *gateway);
