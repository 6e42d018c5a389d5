// Clients of a control socket, of every kind but those who are too many.
#include "server_fixture.h"

#include "../random.h"
#include "ctl/api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void answers(void **state)
{
	int fd = client_open();

	(void)state;
	assert_answer(fd, Q("{\"vped\":1,\"id\":[7,null],\"request\":\"echo\"}"),
		"{\"vped\":1,\"id\":[7,null],\"result\":{}}");
	assert_answer(fd,
		Q("{\"request\":\"echo\",\"vped\":1,\"arguments\":{\"text\":\"\xc3\xa4\"}}"),
		"\"result\":{\"text\":\"\xc3\xa4\"}");
	assert_answer(fd, Q("{\"vped\":1,\"request\":\"refuse\",\"id\":\"a\"}\r"),
		"{\"vped\":1,\"id\":\"a\",\"error\":{\"text\":\"not today\"}}");
	close(fd);
}

static void says_what_is_wrong(void **state)
{
	static const struct {
		const char *question;
		size_t octets;
		const char *expected;
	} rows_wrong[] = {
		{Q(""), "not JSON"},
		{Q("garbage"), "not JSON: octet"},
		{Q("\x00\x01\x02"), "not JSON"},
		{Q("{\"vped\":1,\"request\":\"ec\x00ho\"}"), "not JSON"},
		{Q("{\"vped\":1,\"request\":\"\xff\xfe\"}"), "not JSON"},
		{Q("{\"vped\":1,\"request\":\"a\\u0000b\"}"), "not JSON"},
		{Q("{\"vped\":1,\"vped\":1,\"request\":\"echo\"}"), "duplicate"},
		{Q("{\"vped\":99999999999999999999999,\"request\":\"echo\"}"), "too big integer"},
		{Q("{\"vped\":1e999,\"request\":\"echo\"}"), "real number overflow"},
		{Q("{\"vped\":1,\"request\":\"echo\"} x"), "not JSON"},
		{Q("[]"), "a request is an object, this is an array"},
		{Q("{}"), "\\\"vped\\\" must be 1"},
		{Q("{\"vped\":2,\"request\":\"echo\"}"), "\\\"vped\\\" must be 1"},
		{Q("{\"vped\":\"1\",\"request\":\"echo\"}"), "\\\"vped\\\" must be 1"},
		{Q("{\"vped\":1}"), "\\\"request\\\" must be a string"},
		{Q("{\"vped\":1,\"request\":7}"), "\\\"request\\\" must be a string"},
		{Q("{\"vped\":1,\"request\":\"nope\"}"), "known: echo, refuse, large"},
		{Q("{\"vped\":1,\"request\":\"echo\",\"more\":1}"), "\\\"more\\\" is unknown"},
		{Q("{\"vped\":1,\"request\":\"echo\",\"arguments\":[]}"), "must be an object"},
		{Q("{\"vped\":1,\"request\":\"echo\",\"arguments\":{\"color\":1}}"),
			"echo has no argument \\\"color\\\""},
		{Q("{\"vped\":1,\"request\":\"echo\",\"arguments\":{\"text\":1}}"),
			"\\\"text\\\" must be a string"},
		{Q("{\"vped\":1,\"request\":\"echo\",\"arguments\":{\"yes\":0}}"),
			"must be a boolean"},
	};
	int fd = client_open();

	(void)state;
	for (size_t i = 0; i < sizeof(rows_wrong) / sizeof(rows_wrong[0]); i++)
		assert_answer(
			fd, rows_wrong[i].question, rows_wrong[i].octets, rows_wrong[i].expected);
	// The connection is none the worse.
	assert_answer(fd, Q("{\"vped\":1,\"request\":\"echo\",\"arguments\":{\"yes\":false}}"),
		"{\"yes\":false}");
	close(fd);
}

static void bounds_depth_and_length(void **state)
{
	char *text = malloc(2 * API_LINE_MAX);
	char line[4096];
	int fd = client_open();

	(void)state;
	assert_non_null(text);
	memset(text, '[', API_LINE_MAX - 1);
	assert_answer(fd, text, API_LINE_MAX - 1, "maximum parsing depth reached");
	// A request that is as long as allowed.
	memset(text, ' ', API_LINE_MAX);
	memcpy(text, "{\"vped\":1,\"request\":\"echo\"", 26);
	text[API_LINE_MAX - 2] = '}';
	assert_answer(fd, text, API_LINE_MAX - 1, "\"result\":{}");
	// Longer, with and without an end.
	memset(text, 'a', 2 * API_LINE_MAX);
	push(fd, text, 2 * API_LINE_MAX);
	assert_true(pull(fd, line, sizeof(line)));
	assert_non_null(strstr(line, "too long"));
	assert_true(ended(fd));
	close(fd);
	assert_int_equal(server_stats(server)->now, 0);
	free(text);
}

static void truncated_requests_end_quietly(void **state)
{
	static const char question[] = "{\"vped\":1,\"request\":\"echo\"}\n";
	char line[128];

	(void)state;
	for (size_t n = 0; n < sizeof(question); n++) {
		int fd = client_open();

		push(fd, question, n);
		shutdown(fd, SHUT_WR);
		assert_int_equal(pull(fd, line, sizeof(line)) ? 1 : 0, n == sizeof(question) - 1);
		assert_true(ended(fd));
		close(fd);
	}
	assert_int_equal(server_stats(server)->now, 0);
}

// All lines at once, the sending half closed behind them: every one is answered, in order.
static void answers_what_came_before_the_end(void **state)
{
	char text[4096] = "";
	char line[256], expected[32];
	size_t used = 0;
	int fd = client_open();

	(void)state;
	for (unsigned i = 0; i < 50; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
			"{\"vped\":1,\"id\":%u,\"request\":\"echo\"}\n", i);
	assert_int_equal(push(fd, text, used), used);
	shutdown(fd, SHUT_WR);
	for (unsigned i = 0; i < 50; i++) {
		assert_true(pull(fd, line, sizeof(line)));
		snprintf(expected, sizeof(expected), "\"id\":%u,", i);
		assert_non_null(strstr(line, expected));
	}
	assert_true(ended(fd));
	close(fd);
}

// Who asks for much and reads nothing has one answer waiting, not a thousand.
static void a_reader_that_does_not_read_stops_itself(void **state)
{
	static const char question[] =
		"{\"vped\":1,\"request\":\"large\",\"arguments\":{\"octets\":1000000}}\n";
	int deaf = client_open();
	int other = client_open();

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		if (send(deaf, question, sizeof(question) - 1, MSG_NOSIGNAL) < 0)
			break;
	run_ms(50);
	assert_int_equal(server_stats(server)->requests, 1);
	assert_answer(other, Q("{\"vped\":1,\"request\":\"echo\"}"), "result");
	// It goes away in the middle.
	close(deaf);
	run_ms(20);
	assert_int_equal(server_stats(server)->now, 1);
	close(other);
}

// An answer may take a minute. Events come for ever, and some may always be on their way.
static void a_minute_is_for_answers(void **state)
{
	static const char question[] =
		"{\"vped\":1,\"request\":\"large\",\"arguments\":{\"octets\":1000000}}\n";
	json_t *event = json_pack("{s:s}", "kind", "link");
	int listener = client_open(), slow = client_open();

	(void)state;
	assert_answer(listener, Q("{\"vped\":1,\"request\":\"monitor\"}"), "monitoring");
	assert_int_equal(push(slow, question, sizeof(question) - 1), sizeof(question) - 1);
	run_ms(50);
	for (unsigned i = 0; i < 10000; i++)
		server_notify(server, event);
	json_decref(event);
	ahead_ms = SERVER_ANSWER_S * 1000;
	run_ms(1200);
	ahead_ms = 0;
	assert_int_equal(server_stats(server)->closed, 1);
	assert_int_equal(server_stats(server)->now, 1);
	close(listener);
	close(slow);
}

static void too_large_an_answer_is_an_error(void **state)
{
	int fd = client_open();

	(void)state;
	assert_answer(fd,
		Q("{\"vped\":1,\"id\":1,\"request\":\"large\",\"arguments\":{\"octets\":20000000}"
		  "}"),
		"\"id\":1,\"error\":{\"text\":\"the answer is too large");
	close(fd);
}

// Random octets and broken requests: an answer for each line, never anything else.
static void random_octets(void **state)
{
	char out[512], line[4096];
	struct random chance = {.state = 0};
	int fd = client_open();

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		int n = snprintf(out, sizeof(out),
			"{\"vped\":1,\"id\":%u,\"request\":\"echo\",\"arguments\":{\"text\":\"%u\"}"
			"}",
			i, i);

		for (unsigned j = 0; j <= i % 4; j++)
			out[random_below(&chance, (unsigned)n)] = (char)random_next(&chance);
		for (int j = 0; j < n; j++)
			if (out[j] == '\n')
				out[j] = ' ';
		out[n++] = '\n';
		push(fd, out, (size_t)n);
		assert_true(pull(fd, line, sizeof(line)));
		assert_memory_equal(line, "{\"vped\":1,", 10);
	}
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		served(answers),
		served(says_what_is_wrong),
		served(bounds_depth_and_length),
		served(truncated_requests_end_quietly),
		served(answers_what_came_before_the_end),
		served(a_reader_that_does_not_read_stops_itself),
		served(a_minute_is_for_answers),
		served(too_large_an_answer_is_an_error),
		served(random_octets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
