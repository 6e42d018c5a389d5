// Captures by request, over a data plane on memory ports: what passes, what is told, what is
// refused.
#include "../dataplane/in_flows.h"

#include "ctl/capture_filter.h"
#include "ctl/capture_requests.h"
#include "ctl/gateway.h"
#include "ctl/limiter.h"
#include "ctl/session.h"
#include "dataplane/capture.h"

#include "log_lines.h"

#include <event2/event.h>
#include <pcap/pcap.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ms = 1000;

// In place of the clock.
uint64_t limiter_now_ms(void)
{
	return now_ms;
}

struct bench {
	struct lab *lab;
	struct gateway gateway;
};

static int open_bench(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	void *lab = NULL;

	lab_setup(&lab);
	one_tunnel(&lab, NULL);
	bench->lab = lab;
	bench->gateway.dp = bench->lab->dp;
	bench->gateway.events = event_base_new();
	owners_init(&bench->gateway.owners);
	*state = bench;
	return 0;
}

static int close_bench(void **state)
{
	struct bench *bench = *state;
	void *lab = bench->lab;

	capture_end(&bench->gateway);
	event_base_free(bench->gateway.events);
	free(bench);
	return lab_teardown(&lab);
}

// Until what workers copied has been looked at.
static void poll_some(struct bench *bench)
{
	for (unsigned i = 0; i < 10; i++) {
		usleep(2000);
		event_base_loop(bench->gateway.events, EVLOOP_NONBLOCK);
	}
}

typedef int request_handle(
	struct gateway *gateway, const json_t *arguments, json_t **result, struct error *err);

// The others are not about a connection.
static int start_capture(
	struct gateway *gateway, const json_t *arguments, json_t **result, struct error *err)
{
	struct session session = {
		.gateway = gateway, .author = {.owner = OWNER_OPERATOR, .uid = 5, .pid = 6}};

	return capture_start(&session, arguments, result, err);
}

static json_t *ask(struct bench *bench, request_handle *handle, json_t *arguments)
{
	json_t *result = NULL;
	struct error err;

	if (handle(&bench->gateway, arguments, &result, &err) != 0)
		fail_msg("%s", err.text);
	json_decref(arguments);
	return result;
}

static void refuse(struct bench *bench, request_handle *handle, json_t *arguments, const char *why)
{
	json_t *result = NULL;
	struct error err;

	assert_true(handle(&bench->gateway, arguments, &result, &err) < 0);
	assert_null(result);
	if (!strstr(err.text, why))
		fail_msg("\"%s\" is not in \"%s\"", why, err.text);
	json_decref(arguments);
}

static json_int_t number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

// As vpectl does it.
static json_t *compiled(const char *expression)
{
	pcap_t *dead = pcap_open_dead(DLT_EN10MB, CAPTURE_SNAP_MAX);
	json_t *list = json_array();
	struct bpf_program program;

	assert_int_equal(pcap_compile(dead, &program, expression, 1, PCAP_NETMASK_UNKNOWN), 0);
	for (unsigned i = 0; i < program.bf_len; i++) {
		const struct bpf_insn *at = &program.bf_insns[i];

		json_array_append_new(list,
			json_pack("[i, i, i, I]", at->code, at->jt, at->jf, (json_int_t)at->k));
	}
	pcap_freecode(&program);
	pcap_close(dead);
	return list;
}

// n packets out of the tunnel, numbered from `first`, to ports 1000 + number.
static void deliver(struct bench *bench, unsigned first, unsigned n)
{
	for (unsigned i = first; i < first + n; i++) {
		struct flow flow = flow_in(i);

		flow.destination_port = (uint16_t)(1000 + i);
		lab_receive(bench->lab, WAN, 0, peer_seal_flow(bench->lab, 0, 0, &flow));
		lab_turn(bench->lab, 0);
		expect_delivered(bench->lab, 0, &flow);
	}
}

static uint8_t digit(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

// Of the UDP packet in the frame.
static uint16_t destination_port(const json_t *frame)
{
	const char *data = json_string_value(json_object_get(frame, "data"));
	uint16_t port = 0;

	for (unsigned i = 0; i < 4; i++)
		port = (uint16_t)(port << 4 | digit(data[2 * (ETHER + 22) + i]));
	return port;
}

static void filtered_and_counted(void **state)
{
	struct bench *bench = *state;
	json_t *started = ask(bench, start_capture,
		json_pack("{s:[s], s:o, s:i}", "points", "protected-out", "filter",
			compiled("udp and dst portrange 1002-1005"), "count", 3));
	json_int_t id = number(started, "capture");
	json_t *read, *frame;
	struct timespec now;
	uint64_t ns;

	assert_int_equal(json_array_size(json_object_get(started, "ports")), 2);
	deliver(bench, 0, 10);
	poll_some(bench);
	read = ask(bench, capture_read, json_pack("{s:I}", "capture", id));
	clock_gettime(CLOCK_REALTIME, &now);
	assert_int_equal(json_array_size(json_object_get(read, "frames")), 3);
	for (unsigned i = 0; i < 3; i++) {
		frame = json_array_get(json_object_get(read, "frames"), i);
		assert_int_equal(destination_port(frame), 1002 + i);
		assert_string_equal(
			json_string_value(json_object_get(frame, "point")), "protected-out");
		assert_int_equal(number(frame, "port"), LAN);
		assert_int_equal(number(frame, "octets") * 2,
			json_string_length(json_object_get(frame, "data")));
		ns = strtoull(json_string_value(json_object_get(frame, "time_ns")), NULL, 10);
		assert_true(ns / 1000000000 + 60 > (uint64_t)now.tv_sec &&
			ns / 1000000000 <= (uint64_t)now.tv_sec);
	}
	// All that was wanted is there, so workers copy no more.
	assert_true(json_is_false(json_object_get(read, "more")));
	assert_int_equal(number(read, "seen"), 5);
	assert_int_equal(number(read, "passed"), 3);
	assert_int_equal(number(read, "lost"), 0);
	assert_null(atomic_load(&bench->gateway.dp->capture));
	json_decref(ask(bench, capture_stop, json_pack("{s:I}", "capture", id)));
	refuse(bench, capture_read, json_pack("{s:I}", "capture", id), "there is no capture 1");
	json_decref(read);
	json_decref(started);
}

static void snapped(void **state)
{
	struct bench *bench = *state;
	json_t *frame, *read;

	json_decref(ask(bench, start_capture,
		json_pack("{s:[s, s], s:i}", "points", "wire-in", "protected-out", "snap", 40)));
	deliver(bench, 0, 1);
	poll_some(bench);
	read = ask(bench, capture_read, json_pack("{s:i}", "capture", 1));
	assert_int_equal(json_array_size(json_object_get(read, "frames")), 2);
	frame = json_array_get(json_object_get(read, "frames"), 0);
	assert_string_equal(json_string_value(json_object_get(frame, "point")), "wire-in");
	assert_int_equal(json_string_length(json_object_get(frame, "data")), 80);
	assert_true(number(frame, "octets") > 100);
	assert_true(json_is_true(json_object_get(read, "more")));
	json_decref(read);
}

// Who goes away without a word leaves nothing running.
static void ends_alone(void **state)
{
	struct bench *bench = *state;

	json_decref(ask(bench, start_capture, json_pack("{s:[s]}", "points", "wire-in")));
	refuse(bench, start_capture, json_pack("{s:[s]}", "points", "wire-in"),
		"somebody captures already");
	now_ms += CAPTURE_IDLE_MS;
	poll_some(bench);
	assert_non_null(atomic_load(&bench->gateway.dp->capture));
	now_ms++;
	poll_some(bench);
	assert_null(bench->gateway.capturing);
	assert_null(atomic_load(&bench->gateway.dp->capture));
	json_decref(ask(bench, start_capture, json_pack("{s:[s]}", "points", "wire-in")));
	assert_int_equal(bench->gateway.captures, 2);
}

// More than is kept: the rest is counted.
static void who_reads_too_little_loses(void **state)
{
	struct bench *bench = *state;
	json_t *read;

	json_decref(ask(bench, start_capture, json_pack("{s:[s]}", "points", "protected-out")));
	for (unsigned i = 0; i < 2600; i++) {
		deliver(bench, 50 * i, 50);
		event_base_loop(bench->gateway.events, EVLOOP_NONBLOCK);
	}
	poll_some(bench);
	read = ask(bench, capture_read, json_pack("{s:i}", "capture", 1));
	assert_true(json_array_size(json_object_get(read, "frames")) >=
		CAPTURE_ANSWER_MAX / (100 + ETHER + sizeof(struct capture_record)));
	assert_true(json_array_size(json_object_get(read, "frames")) <=
		CAPTURE_ANSWER_MAX / (100 + ETHER) + 1);
	assert_true(number(read, "lost") > 0);
	assert_int_equal(number(read, "passed") + number(read, "lost"), 50 * 2600);
	json_decref(read);
}

static void refuses_what_is_wrong(void **state)
{
	struct bench *bench = *state;
	json_t *program = json_array();

	refuse(bench, start_capture, json_object(), "names no point");
	refuse(bench, start_capture, json_pack("{s:[s]}", "points", "wire"), "a point is one of");
	refuse(bench, start_capture, json_pack("{s:[i]}", "points", 1), "a point is one of");
	refuse(bench, start_capture, json_pack("{s:[s], s:i}", "points", "wire-in", "count", 0),
		"\"count\" is 0; 1 to 100000000 are allowed");
	refuse(bench, start_capture, json_pack("{s:[s], s:i}", "points", "wire-in", "snap", 9729),
		"\"snap\" is 9729; 1 to 9728 are allowed");
	refuse(bench, start_capture,
		json_pack("{s:[s], s:[[i,i,i]]}", "points", "wire-in", "filter", 6, 0, 0),
		"instruction 0 of the filter");
	refuse(bench, start_capture,
		json_pack("{s:[s], s:[[i,i,i,i]]}", "points", "wire-in", "filter", 6, 256, 0, 1),
		"instruction 0 of the filter");
	// Falls off its end.
	refuse(bench, start_capture,
		json_pack("{s:[s], s:[[i,i,i,i]]}", "points", "wire-in", "filter", 0x20, 0, 0, 0),
		"no valid program");
	// A jump back to itself, for ever.
	refuse(bench, start_capture,
		json_pack("{s:[s], s:[[i,i,i,I], [i,i,i,i]]}", "points", "wire-in", "filter",
			BPF_JMP | BPF_JA, 0, 0, (json_int_t)UINT32_MAX, BPF_RET | BPF_K, 0, 0, 1),
		"no valid program");
	for (unsigned i = 0; i <= CAPTURE_FILTER_MAX; i++)
		json_array_append_new(program, json_pack("[i,i,i,i]", BPF_RET | BPF_K, 0, 0, 1));
	refuse(bench, start_capture,
		json_pack("{s:[s], s:o}", "points", "wire-in", "filter", program),
		"has 1025 instructions; 1024 are allowed");
	refuse(bench, capture_stop, json_pack("{s:i}", "capture", 1), "there is no capture 1");
	assert_null(bench->gateway.capturing);
	assert_null(atomic_load(&bench->gateway.dp->capture));
}

static void the_log_says_who(void **state)
{
	struct bench *bench = *state;
	char text[1024];

	log_lines_begin();
	refuse(bench, start_capture, json_pack("{s:[s]}", "points", "wire"), "a point is one of");
	refuse(bench, start_capture,
		json_pack("{s:[s], s:[[i,i,i]]}", "points", "wire-in", "filter", 6, 0, 0),
		"instruction 0 of the filter");
	json_decref(ask(bench, start_capture,
		json_pack("{s:[s, s], s:o, s:i, s:i}", "points", "protected-out", "wire-in",
			"filter", compiled("len > 0"), "count", 30, "snap", 64)));
	deliver(bench, 0, 2);
	poll_some(bench);
	json_decref(ask(bench, capture_stop, json_pack("{s:i}", "capture", 2)));
	log_lines_end(text, sizeof(text));
	assert_string_equal(text,
		"capture_requests_test: notice: control: operator (user 5, process 6) captures "
		"(number 2) at protected-out wire-in, filter of 4 instructions, at most 30 frames, "
		"64 octets of each\n"
		"capture_requests_test: notice: control: capture 2 of operator (user 5, process 6) "
		"has ended: 4 frames passed its filter, of 4 seen; 0 lost\n");
}

static void few_begin_in_a_second(void **state)
{
	struct bench *bench = *state;

	for (int i = 1; i <= CAPTURES_PER_SECOND; i++) {
		json_decref(ask(bench, start_capture, json_pack("{s:[s]}", "points", "wire-in")));
		json_decref(ask(bench, capture_stop, json_pack("{s:i}", "capture", i)));
	}
	refuse(bench, start_capture, json_pack("{s:[s]}", "points", "wire-in"),
		"10 captures have begun within a second");
	now_ms += 1000;
	json_decref(ask(bench, start_capture, json_pack("{s:[s]}", "points", "wire-in")));
}

#define BENCH_TEST(f) cmocka_unit_test_setup_teardown(f, open_bench, close_bench)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(filtered_and_counted),
		BENCH_TEST(snapped),
		BENCH_TEST(ends_alone),
		BENCH_TEST(who_reads_too_little_loses),
		BENCH_TEST(refuses_what_is_wrong),
		BENCH_TEST(the_log_says_who),
		BENCH_TEST(few_begin_in_a_second),
	};

	lab_eal(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
