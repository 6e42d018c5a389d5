// The control socket and clients of every kind. The requests are the test's own; the gateway has
// nothing but an event loop.
#include "ctl/server.h"

#include "../random.h"
#include "ctl/api.h"
#include "ctl/gateway.h"
#include "ctl/session.h"

#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[64];
static char path[108];
static struct gateway gateway;
static struct server *server;

static int echo(struct gateway *g, const json_t *arguments, json_t **result, struct error *err)
{
	assert_ptr_equal(g, &gateway);
	(void)err;
	*result = json_deep_copy(arguments);
	return 0;
}

static int refuse(struct gateway *g, const json_t *arguments, json_t **result, struct error *err)
{
	(void)g;
	(void)arguments;
	(void)result;
	return error_set(err, EBUSY, "not today");
}

static int large(struct gateway *g, const json_t *arguments, json_t **result, struct error *err)
{
	json_int_t n = json_integer_value(json_object_get(arguments, "octets"));
	char *text = malloc((size_t)n + 1);

	(void)g;
	(void)err;
	assert_non_null(text);
	memset(text, 'x', (size_t)n);
	text[n] = '\0';
	*result = json_pack("{s:s}", "text", text);
	free(text);
	return 0;
}

static const struct request rows[] = {
	{.name = "echo",
		.handle = echo,
		.argument = {{"text", JSON_STRING}, {"number", JSON_INTEGER}, {"yes", JSON_TRUE}}},
	{.name = "refuse", .handle = refuse},
	{.name = "large", .handle = large, .argument = {{"octets", JSON_INTEGER}}},
	{.name = "monitor", .about = session_monitor},
};
static const struct request_table table = {.n = 4, .request = rows};

// Later than it is.
static uint64_t ahead_ms;
uint64_t __real_limiter_now_ms(void);
uint64_t __wrap_limiter_now_ms(void);

uint64_t __wrap_limiter_now_ms(void)
{
	return __real_limiter_now_ms() + ahead_ms;
}

// Who connects.
static uid_t uid;
int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *octets);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *octets);

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *octets)
{
	int ret = __real_getsockopt(fd, level, name, value, octets);

	if (ret == 0 && level == SOL_SOCKET && name == SO_PEERCRED)
		((struct ucred *)value)->uid = uid;
	return ret;
}

static void run_ms(unsigned ms)
{
	const struct timeval time = {
		.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};

	event_base_loopexit(gateway.events, &time);
	event_base_dispatch(gateway.events);
}

static int start(void **state)
{
	struct error err;

	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/vped-server-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/run/vped.sock", directory);
	uid = 0;
	gateway = (struct gateway){.events = event_base_new()};
	if (server_create(&gateway, path, "vped", &table, &server, &err) < 0) {
		print_error("%s\n", err.text);
		return -1;
	}
	return 0;
}

static int stop(void **state)
{
	char run[80];

	(void)state;
	server_destroy(server);
	server = NULL;
	event_base_free(gateway.events);
	assert_int_equal(access(path, F_OK), -1);
	snprintf(run, sizeof(run), "%s/run", directory);
	return rmdir(run) || rmdir(directory);
}

static int client_open(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	memcpy(addr.sun_path, path, strlen(path));
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

// Pushes it all, letting the server run; how much went in before it closed or stopped taking.
static size_t push(int fd, const char *text, size_t octets)
{
	size_t sent = 0;

	for (unsigned i = 0; sent < octets && i < 100; i++) {
		ssize_t n = send(fd, text + sent, octets - sent, MSG_NOSIGNAL);

		if (n > 0)
			sent += (size_t)n;
		else if (errno != EAGAIN)
			break;
		if (sent < octets)
			run_ms(1);
	}
	return sent;
}

// A line, without its end. false: none within a second, or the connection ended.
static bool pull(int fd, char *line, size_t room)
{
	size_t got = 0;

	for (unsigned i = 0; i < 1000 && got + 1 < room; i++) {
		ssize_t n = -1;

		while (got + 1 < room && (n = read(fd, line + got, 1)) == 1) {
			if (line[got] == '\n') {
				line[got] = '\0';
				return true;
			}
			got++;
		}
		if (n == 0)
			break;
		run_ms(1);
	}
	line[got] = '\0';
	return false;
}

static bool ended(int fd)
{
	char octet;

	for (unsigned i = 0; i < 100; i++) {
		ssize_t n = read(fd, &octet, 1);

		if (n == 0 || (n < 0 && errno != EAGAIN))
			return true;
		run_ms(1);
	}
	return false;
}

static void assert_answer(int fd, const char *question, size_t octets, const char *expected)
{
	char line[4096];

	assert_int_equal(push(fd, question, octets), octets);
	assert_int_equal(push(fd, "\n", 1), 1);
	assert_true(pull(fd, line, sizeof(line)));
	if (!strstr(line, expected))
		fail_msg("\"%.200s\" was answered %s, not %s", question, line, expected);
}

// A literal that may hold zero octets, and its length.
#define Q(text) text, sizeof(text) - 1

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

static void many_clients(void **state)
{
	int fd[SERVER_CLIENTS_MAX + 10];
	char line[256];

	(void)state;
	for (unsigned i = 0; i < SERVER_CLIENTS_MAX + 10; i++) {
		fd[i] = client_open();
		run_ms(1);
	}
	assert_int_equal(server_stats(server)->now, SERVER_CLIENTS_MAX);
	assert_int_equal(server_stats(server)->refused, 10);
	assert_true(pull(fd[SERVER_CLIENTS_MAX], line, sizeof(line)));
	assert_non_null(strstr(line, "too many clients"));
	assert_answer(fd[0], Q("{\"vped\":1,\"request\":\"echo\"}"), "result");
	// After a while the one that has asked nothing for longest makes room.
	run_ms(SERVER_IDLE_S * 1000 - 500);
	assert_answer(fd[0], Q("{\"vped\":1,\"request\":\"echo\"}"), "result");
	run_ms(600);
	close(fd[SERVER_CLIENTS_MAX]);
	fd[SERVER_CLIENTS_MAX] = client_open();
	assert_answer(fd[SERVER_CLIENTS_MAX], Q("{\"vped\":1,\"request\":\"echo\"}"), "result");
	assert_true(ended(fd[1]));
	assert_answer(fd[0], Q("{\"vped\":1,\"request\":\"echo\"}"), "result");
	for (unsigned i = 0; i < SERVER_CLIENTS_MAX + 10; i++)
		close(fd[i]);
	run_ms(20);
	assert_int_equal(server_stats(server)->now, 0);
}

static int connected_as(uid_t user)
{
	int fd;

	uid = user;
	fd = client_open();
	run_ms(1);
	return fd;
}

static void assert_refused(int fd, const char *why)
{
	char line[256];

	assert_true(pull(fd, line, sizeof(line)));
	if (!strstr(line, why))
		fail_msg("%s is not about \"%s\"", line, why);
	assert_true(ended(fd));
	close(fd);
}

#define ECHO Q("{\"vped\":1,\"request\":\"echo\"}")

// One who takes all that he may leaves others a place, and his own longest idle one makes room.
static void a_user_has_some_places(void **state)
{
	int fd[SERVER_CLIENTS_USER], other, late;

	(void)state;
	other = connected_as(1001);
	for (unsigned i = 0; i < SERVER_CLIENTS_USER; i++)
		fd[i] = connected_as(1000);
	assert_refused(
		connected_as(1000), "user 1000 has 16 connections, as many as one user may have");
	ahead_ms = 1000 * SERVER_IDLE_S + 500;
	for (unsigned i = 1; i < SERVER_CLIENTS_USER; i++)
		assert_answer(fd[i], ECHO, "result");
	late = connected_as(1000);
	assert_answer(late, ECHO, "result");
	assert_true(ended(fd[0]));
	// It was his, although another had asked nothing for longer.
	assert_answer(other, ECHO, "result");
	assert_int_equal(server_stats(server)->now, SERVER_CLIENTS_USER + 1);
	ahead_ms = 0;
	for (unsigned i = 0; i < SERVER_CLIENTS_USER; i++)
		close(fd[i]);
	close(other);
	close(late);
}

// Many users at once: root finds a place, and all others none.
static void root_finds_a_place(void **state)
{
	int fd[SERVER_CLIENTS_MAX];

	(void)state;
	for (unsigned i = 0; i < SERVER_CLIENTS_MAX - SERVER_CLIENTS_ROOT; i++)
		fd[i] = connected_as(1000 + i / 8);
	assert_refused(connected_as(2000), "too many clients; try again");
	for (unsigned i = SERVER_CLIENTS_MAX - SERVER_CLIENTS_ROOT; i < SERVER_CLIENTS_MAX; i++)
		fd[i] = connected_as(0);
	assert_answer(fd[SERVER_CLIENTS_MAX - 1], ECHO, "result");
	assert_int_equal(server_stats(server)->refused, 1);
	assert_refused(connected_as(0), "too many clients; try again");
	// Root's idle ones are no use to others.
	ahead_ms = 1000 * SERVER_IDLE_S + 500;
	for (unsigned i = 0; i < SERVER_CLIENTS_MAX - SERVER_CLIENTS_ROOT; i++)
		assert_answer(fd[i], ECHO, "result");
	assert_refused(connected_as(2000), "too many clients; try again");
	assert_int_equal(server_stats(server)->closed, 0);
	ahead_ms = 0;
	for (unsigned i = 0; i < SERVER_CLIENTS_MAX; i++)
		close(fd[i]);
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

#define served(test) cmocka_unit_test_setup_teardown(test, start, stop)

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
		served(many_clients),
		served(a_user_has_some_places),
		served(root_finds_a_place),
		served(random_octets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
