// capture-start, capture-read, capture-stop.
#include "ctl/capture_requests.h"

#include "base/counter.h"
#include "base/log.h"
#include "ctl/author.h"
#include "ctl/capture_filter.h"
#include "ctl/gateway.h"
#include "ctl/limiter.h"
#include "ctl/session.h"
#include "dataplane/capture.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <inttypes.h>
#include <rte_cycles.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PERIOD_US 2000
#define FRAMES_PER_PERIOD 4096
#define SECOND_NS UINT64_C(1000000000)
#define POINTS_TEXT 80

struct capturing {
	struct gateway *gateway;
	struct author author;
	bool told; // that it began
	uint64_t id;
	struct capture *capture; // NULL: workers copy no more
	struct capture_filter *filter;
	struct event *poll;
	struct evbuffer *kept; // records, each with its frame behind
	uint64_t wanted;       // frames that may still pass
	uint64_t asked_ms;
	uint64_t seen;
	uint64_t passed;
	uint64_t lost; // for want of room, here or in the rings
	// The same moment by both clocks.
	uint64_t tsc;
	uint64_t unix_ns;
};

static void look_at_clocks(struct capturing *capturing)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	capturing->tsc = rte_rdtsc();
	capturing->unix_ns = (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

// Of a moment that lies at most some seconds off.
static uint64_t unix_ns_of(const struct capturing *capturing, uint64_t tsc)
{
	double seconds = (double)(int64_t)(tsc - capturing->tsc) / (double)rte_get_tsc_hz();

	return capturing->unix_ns + (uint64_t)(int64_t)(seconds * (double)SECOND_NS);
}

// The ring whose oldest frame is the oldest of all, or NULL.
static struct capture_ring *oldest(
	struct capture *capture, struct capture_record *record, const uint8_t **data)
{
	struct capture_ring *found = NULL;

	for (unsigned i = 0; i < capture->workers; i++) {
		struct capture_record one;
		const uint8_t *its;

		if (!capture_peek(capture->ring[i], &one, &its) ||
			(found && one.tsc >= record->tsc))
			continue;
		found = capture->ring[i];
		*record = one;
		*data = its;
	}
	return found;
}

static void keep(struct capturing *capturing, struct capture_record record, const uint8_t *data)
{
	capturing->seen++;
	if (!capture_filter_passes(capturing->filter, data, record.octets, record.kept))
		return;
	if (evbuffer_get_length(capturing->kept) + sizeof(record) + record.kept >
			CAPTURE_KEPT_MAX ||
		evbuffer_expand(capturing->kept, sizeof(record) + record.kept) != 0) {
		capturing->lost++;
		return;
	}
	record.tsc = unix_ns_of(capturing, record.tsc);
	evbuffer_add(capturing->kept, &record, sizeof(record));
	evbuffer_add(capturing->kept, data, record.kept);
	capturing->passed++;
	capturing->wanted--;
}

static void take(struct capturing *capturing)
{
	struct capture_record record;
	struct capture_ring *ring;
	const uint8_t *data;

	look_at_clocks(capturing);
	for (unsigned n = 0; n < FRAMES_PER_PERIOD && capturing->wanted > 0; n++) {
		ring = oldest(capturing->capture, &record, &data);
		if (!ring)
			return;
		keep(capturing, record, data);
		capture_next(ring);
	}
}

// No frame is copied any more; those in the rings are given up.
static void stop_copying(struct capturing *capturing)
{
	struct dataplane *dp = capturing->gateway->dp;

	if (!capturing->capture)
		return;
	for (unsigned i = 0; i < capturing->capture->workers; i++)
		capturing->lost += counter_read(&capturing->capture->ring[i]->lost);
	capture_publish(dp, NULL);
	dataplane_retire(dp, capturing->capture, capture_free);
	capturing->capture = NULL;
}

static void on_poll(evutil_socket_t fd, short what, void *arg)
{
	struct capturing *capturing = arg;

	(void)fd;
	(void)what;
	if (limiter_now_ms() - capturing->asked_ms > CAPTURE_IDLE_MS) {
		capture_end(capturing->gateway);
		return;
	}
	if (capturing->capture)
		take(capturing);
	if (capturing->wanted == 0)
		stop_copying(capturing);
}

static void tell_begin(struct capturing *capturing, uint32_t points, uint32_t snap, size_t filter)
{
	char who[AUTHOR_TEXT], where[POINTS_TEXT] = "";

	for (unsigned i = 0; i < CAPTURE_POINT_COUNT; i++) {
		size_t used = strlen(where);

		if (points & 1u << i)
			snprintf(where + used, sizeof(where) - used, " %s",
				capture_point_name((enum capture_point)i));
	}
	log_notice("control: %s captures (number %" PRIu64 ") at%s, filter of %zu instructions, at "
		   "most %" PRIu64 " frames, %u octets of each",
		author_text(&capturing->gateway->owners, &capturing->author, who), capturing->id,
		where, filter, capturing->wanted, snap);
	capturing->told = true;
}

static void tell_end(const struct capturing *capturing)
{
	char who[AUTHOR_TEXT];

	log_notice("control: capture %" PRIu64 " of %s has ended: %" PRIu64
		   " frames passed its filter, of %" PRIu64 " seen; %" PRIu64 " lost",
		capturing->id, author_text(&capturing->gateway->owners, &capturing->author, who),
		capturing->passed, capturing->seen, capturing->lost);
}

void capture_end(struct gateway *gateway)
{
	struct capturing *capturing = gateway->capturing;

	if (!capturing)
		return;
	stop_copying(capturing);
	if (capturing->told)
		tell_end(capturing);
	if (capturing->poll)
		event_free(capturing->poll);
	if (capturing->kept)
		evbuffer_free(capturing->kept);
	capture_filter_destroy(capturing->filter);
	free(capturing);
	gateway->capturing = NULL;
}

static int read_points(const json_t *names, uint32_t *points, struct error *err)
{
	const json_t *name;
	size_t i;

	*points = 0;
	json_array_foreach(names, i, name)
	{
		const char *text = json_string_value(name);
		unsigned point = 0;

		while (point < CAPTURE_POINT_COUNT &&
			(!text || strcmp(text, capture_point_name((enum capture_point)point)) != 0))
			point++;
		if (point == CAPTURE_POINT_COUNT)
			return error_set(err, EINVAL,
				"capture-start: a point is one of protected-in, protected-out, "
				"wire-in, wire-out");
		*points |= 1u << point;
	}
	return *points ? 0 : error_set(err, EINVAL, "capture-start: \"points\" names no point");
}

static int read_number(const json_t *arguments, const char *name, json_int_t fallback,
	json_int_t max, uint64_t *value, struct error *err)
{
	const json_t *given = json_object_get(arguments, name);
	json_int_t number = given ? json_integer_value(given) : fallback;

	if (number < 1 || number > max)
		return error_set(err, EINVAL,
			"capture-start: \"%s\" is %" JSON_INTEGER_FORMAT
			"; 1 to %" JSON_INTEGER_FORMAT " are allowed",
			name, number, max);
	*value = (uint64_t)number;
	return 0;
}

static json_t *ports(const struct dataplane *dp)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < dp->ports; i++)
		json_array_append_new(list,
			json_pack("{s:s, s:s}", "name", dp->port[i].name, "side",
				dp->port[i].side == PORT_PROTECTED ? "protected" : "unprotected"));
	return list;
}

// Everything but the filter, which is there already.
static int begin(struct capturing *capturing, uint32_t points, uint32_t snap, struct error *err)
{
	const struct timeval period = {.tv_usec = PERIOD_US};
	struct gateway *gateway = capturing->gateway;

	capturing->kept = evbuffer_new();
	capturing->poll = event_new(gateway->events, -1, EV_PERSIST, on_poll, capturing);
	if (!capturing->kept || !capturing->poll || event_add(capturing->poll, &period) != 0)
		return error_set(err, ENOMEM, "capture-start: no memory");
	capturing->capture = capture_create(gateway->dp->workers, points, snap);
	if (!capturing->capture)
		return error_set(err, ENOMEM, "capture-start: no memory for the workers' rings");
	capturing->asked_ms = limiter_now_ms();
	capture_publish(gateway->dp, capturing->capture);
	return 0;
}

static int check_free(struct gateway *gateway, struct error *err)
{
	uint64_t now_ms = limiter_now_ms();

	if (gateway->capturing)
		return error_set(err, EBUSY,
			"capture-start: somebody captures already; a capture that nobody reads "
			"ends after %d s",
			CAPTURE_IDLE_MS / 1000);
	if (now_ms - gateway->captures_ms >= 1000) {
		gateway->captures_ms = now_ms;
		gateway->captures_lately = 0;
	}
	if (gateway->captures_lately == CAPTURES_PER_SECOND)
		return error_set(err, EAGAIN,
			"capture-start: %d captures have begun within a second; try again",
			CAPTURES_PER_SECOND);
	return 0;
}

int capture_start(
	struct session *session, const json_t *arguments, json_t **result, struct error *err)
{
	const json_t *filter = json_object_get(arguments, "filter");
	struct gateway *gateway = session->gateway;
	struct capturing *capturing;
	uint32_t points;
	uint64_t count = 0, snap = 0;
	int rc = read_points(json_object_get(arguments, "points"), &points, err);

	if (rc == 0)
		rc = read_number(
			arguments, "count", CAPTURE_COUNT_MAX, CAPTURE_COUNT_MAX, &count, err);
	if (rc == 0)
		rc = read_number(arguments, "snap", CAPTURE_SNAP_MAX, CAPTURE_SNAP_MAX, &snap, err);
	if (rc == 0)
		rc = check_free(gateway, err);
	if (rc != 0)
		return rc;
	capturing = calloc(1, sizeof(*capturing));
	if (!capturing)
		return error_set(err, ENOMEM, "capture-start: no memory");
	gateway->capturing = capturing;
	capturing->gateway = gateway;
	capturing->author = session->author;
	capturing->wanted = count;
	capturing->id = ++gateway->captures;
	rc = capture_filter_create(filter, &capturing->filter, err);
	if (rc == 0)
		rc = begin(capturing, points, (uint32_t)snap, err);
	if (rc != 0) {
		capture_end(gateway);
		return rc;
	}
	gateway->captures_lately++;
	tell_begin(capturing, points, (uint32_t)snap, json_array_size(filter));
	*result = json_pack(
		"{s:I, s:o}", "capture", (json_int_t)capturing->id, "ports", ports(gateway->dp));
	return *result ? 0 : -ENOMEM;
}

static struct capturing *find(struct gateway *gateway, const json_t *arguments, struct error *err)
{
	json_int_t id = json_integer_value(json_object_get(arguments, "capture"));

	if (gateway->capturing && (json_int_t)gateway->capturing->id == id)
		return gateway->capturing;
	error_set(err, ENOENT, "there is no capture %" JSON_INTEGER_FORMAT " (any more)", id);
	return NULL;
}

static json_t *digits_of(const uint8_t *data, uint32_t octets)
{
	static const char digit[] = "0123456789abcdef";
	static char text[2 * CAPTURE_SNAP_MAX];

	for (uint32_t i = 0; i < octets; i++) {
		text[2 * i] = digit[data[i] >> 4];
		text[2 * i + 1] = digit[data[i] & 15];
	}
	return json_stringn(text, 2 * octets);
}

static json_t *next_frame(struct capturing *capturing)
{
	static uint8_t data[CAPTURE_SNAP_MAX];
	struct capture_record record;

	evbuffer_remove(capturing->kept, &record, sizeof(record));
	evbuffer_remove(capturing->kept, data, record.kept);
	return json_pack("{s:o, s:s, s:i, s:I, s:o}", "time_ns",
		json_sprintf("%" PRIu64, record.tsc), "point",
		capture_point_name((enum capture_point)record.point), "port", (int)record.port,
		"octets", (json_int_t)record.octets, "data", digits_of(data, record.kept));
}

static void add_counts(const struct capturing *capturing, json_t *to)
{
	uint64_t lost = capturing->lost;

	for (unsigned i = 0; capturing->capture && i < capturing->capture->workers; i++)
		lost += counter_read(&capturing->capture->ring[i]->lost);
	json_object_set_new(to, "seen", json_integer((json_int_t)capturing->seen));
	json_object_set_new(to, "passed", json_integer((json_int_t)capturing->passed));
	json_object_set_new(to, "lost", json_integer((json_int_t)lost));
}

int capture_read(
	struct gateway *gateway, const json_t *arguments, json_t **result, struct error *err)
{
	struct capturing *capturing = find(gateway, arguments, err);
	json_t *frames;
	size_t start, left;

	if (!capturing)
		return -ENOENT;
	capturing->asked_ms = limiter_now_ms();
	frames = json_array();
	start = left = evbuffer_get_length(capturing->kept);
	while (frames && left > 0 && start - left < CAPTURE_ANSWER_MAX) {
		json_array_append_new(frames, next_frame(capturing));
		left = evbuffer_get_length(capturing->kept);
	}
	*result = json_pack(
		"{s:o, s:b}", "frames", frames, "more", (int)(left > 0 || capturing->capture));
	if (!*result)
		return error_set(err, ENOMEM, "capture-read: no memory");
	add_counts(capturing, *result);
	return 0;
}

int capture_stop(
	struct gateway *gateway, const json_t *arguments, json_t **result, struct error *err)
{
	struct capturing *capturing = find(gateway, arguments, err);

	if (!capturing)
		return -ENOENT;
	*result = json_object();
	if (!*result)
		return error_set(err, ENOMEM, "capture-stop: no memory");
	add_counts(capturing, *result);
	capture_end(gateway);
	return 0;
}
