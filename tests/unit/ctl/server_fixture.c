// The requests are the test's own; the gateway has nothing but an event loop.
#include "server_fixture.h"

#include "ctl/gateway.h"
#include "ctl/session.h"

#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
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
struct server *server;

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

uint64_t ahead_ms;
uint64_t __real_limiter_now_ms(void);
uint64_t __wrap_limiter_now_ms(void);

uint64_t __wrap_limiter_now_ms(void)
{
	return __real_limiter_now_ms() + ahead_ms;
}

uid_t uid;
int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *octets);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *octets);

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *octets)
{
	int ret = __real_getsockopt(fd, level, name, value, octets);

	if (ret == 0 && level == SOL_SOCKET && name == SO_PEERCRED)
		((struct ucred *)value)->uid = uid;
	return ret;
}

void run_ms(unsigned ms)
{
	const struct timeval time = {
		.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};

	event_base_loopexit(gateway.events, &time);
	event_base_dispatch(gateway.events);
}

int server_fixture_start(void **state)
{
	struct error err;

	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/vped-server-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/run/vped.sock", directory);
	uid = 0;
	ahead_ms = 0;
	gateway = (struct gateway){.events = event_base_new()};
	if (server_create(&gateway, path, "vped", &table, &server, &err) < 0) {
		print_error("%s\n", err.text);
		return -1;
	}
	return 0;
}

int server_fixture_stop(void **state)
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

int client_open(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	memcpy(addr.sun_path, path, strlen(path));
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

size_t push(int fd, const char *text, size_t octets)
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

bool pull(int fd, char *line, size_t room)
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

bool ended(int fd)
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

void assert_answer(int fd, const char *question, size_t octets, const char *expected)
{
	char line[4096];

	assert_int_equal(push(fd, question, octets), octets);
	assert_int_equal(push(fd, "\n", 1), 1);
	assert_true(pull(fd, line, sizeof(line)));
	if (!strstr(line, expected))
		fail_msg("\"%.200s\" was answered %s, not %s", question, line, expected);
}
