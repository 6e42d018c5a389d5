// The metrics' server and its clients, good and slow. The families are the test's own.
#include "ctl/metrics.h"

#include "ctl/gateway.h"
#include "ctl/limiter.h"
#include "ctl/metrics_families.h"

#include <event2/buffer.h>
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
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS 10000
#define BIG 200000 // samples: far more than a socket takes

static unsigned samples = 1;
static uint64_t now_ms;

// In place of the clock.
uint64_t limiter_now_ms(void)
{
	return now_ms;
}

void metrics_of_process(struct metrics_text *text, const struct gateway *gateway)
{
	(void)gateway;
	metrics_family(text, METRICS_COUNTER, "vped_x", "What it is.");
	for (unsigned i = 0; i < samples; i++)
		metrics_count(text, 18446744073709551615u, "a", "1\"\\\n", "b", "2", NULL);
	metrics_family(text, METRICS_INFO, "vped_y", "Words.");
	metrics_count(text, 1, "c", "3", NULL);
	metrics_family(text, METRICS_GAUGE, "vped_z", "Level.");
	metrics_real(text, 0.25, NULL);
}

#define STAND_IN(name)                                                      \
	void name(struct metrics_text *text, const struct gateway *gateway) \
	{                                                                   \
		(void)text;                                                 \
		(void)gateway;                                              \
	}
STAND_IN(metrics_of_ports)
STAND_IN(metrics_of_workers)
STAND_IN(metrics_of_rings)
STAND_IN(metrics_of_tunnels)
STAND_IN(metrics_of_sas)
STAND_IN(metrics_of_control)

static const char prometheus[] = "# HELP vped_x_total What it is.\n"
				 "# TYPE vped_x_total counter\n"
				 "vped_x_total{a=\"1\\\"\\\\\\n\",b=\"2\"} 18446744073709551615\n"
				 "# HELP vped_y_info Words.\n"
				 "# TYPE vped_y_info gauge\n"
				 "vped_y_info{c=\"3\"} 1\n"
				 "# HELP vped_z Level.\n"
				 "# TYPE vped_z gauge\n"
				 "vped_z 0.25\n";
static const char openmetrics[] = "# HELP vped_x What it is.\n"
				  "# TYPE vped_x counter\n"
				  "vped_x_total{a=\"1\\\"\\\\\\n\",b=\"2\"} 18446744073709551615\n"
				  "# HELP vped_y Words.\n"
				  "# TYPE vped_y info\n"
				  "vped_y_info{c=\"3\"} 1\n"
				  "# HELP vped_z Level.\n"
				  "# TYPE vped_z gauge\n"
				  "vped_z 0.25\n"
				  "# EOF\n";

static struct gateway gateway;
static struct metrics *metrics;
static char directory[] = "/tmp/vped-metrics-XXXXXX";
static char path[64];

static int start(void **state)
{
	struct error err;

	(void)state;
	samples = 1;
	now_ms = 1000000;
	gateway.events = event_base_new();
	if (metrics_create(&gateway, path, &metrics, &err) != 0)
		fail_msg("%s", err.text);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	metrics_destroy(metrics);
	event_base_free(gateway.events);
	assert_int_equal(access(path, F_OK), -1);
	return 0;
}

static void turn(void)
{
	event_base_loop(gateway.events, EVLOOP_NONBLOCK);
	usleep(1000);
}

static int dial(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	memcpy(addr.sun_path, path, strlen(path) + 1);
	assert_int_equal(connect(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

// All that comes until the server has closed, with a zero behind; for free().
static char *hear(int fd, size_t *octets)
{
	size_t room = 64 * 1024 * 1024;
	char *heard = malloc(room);

	*octets = 0;
	for (unsigned i = 0; i < WAIT_MS; i++) {
		ssize_t n;

		turn();
		do {
			n = read(fd, heard + *octets, room - *octets - 1);
			*octets += n > 0 ? (size_t)n : 0;
		} while (n > 0);
		if (n == 0)
			break;
	}
	close(fd);
	heard[*octets] = '\0';
	return heard;
}

static char *ask(const char *request)
{
	int fd = dial();
	size_t octets;

	say(fd, request);
	return hear(fd, &octets);
}

static const char *body_of(const char *answer)
{
	const char *body = strstr(answer, "\r\n\r\n");

	assert_non_null(body);
	return body + 4;
}

static void both_formats(void **state)
{
	char *answer = ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");

	(void)state;
	assert_memory_equal(answer, "HTTP/1.1 200 ", 13);
	assert_non_null(strstr(answer, "\r\nContent-Type: text/plain; version=0.0.4;"));
	assert_string_equal(body_of(answer), prometheus);
	free(answer);
	answer =
		ask("GET /metrics HTTP/1.1\r\nHost: x\r\n"
		    "Accept: application/openmetrics-text;version=1.0.0;q=0.75,text/plain\r\n\r\n");
	assert_non_null(strstr(answer,
		"\r\nContent-Type: application/openmetrics-text; "
		"version=1.0.0; charset=utf-8\r\n"));
	assert_string_equal(body_of(answer), openmetrics);
	free(answer);
	assert_int_equal(metrics_stats(metrics)->requests, 2);
}

static void one_rendering_for_many(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 5; i++)
		free(ask("GET /metrics HTTP/1.1\r\n\r\n"));
	assert_int_equal(metrics_stats(metrics)->renderings, 1);
	now_ms += METRICS_FRESH_MS;
	free(ask("GET /metrics HTTP/1.1\r\n\r\n"));
	assert_int_equal(metrics_stats(metrics)->renderings, 2);
	assert_int_equal(metrics_stats(metrics)->requests, 6);
}

static void refuses(void **state)
{
	char *long_request = malloc(100000);
	char *answer;

	(void)state;
	answer = ask("GET / HTTP/1.1\r\n\r\n");
	assert_memory_equal(answer, "HTTP/1.1 404 ", 13);
	free(answer);
	answer = ask("DELETE /metrics HTTP/1.1\r\n\r\n");
	assert_memory_equal(answer, "HTTP/1.1 501 ", 13);
	free(answer);
	answer = ask("nonsense\r\n\r\n");
	assert_null(strstr(answer, "200"));
	free(answer);
	memset(long_request, 'a', 99999);
	memcpy(long_request, "GET /metrics HTTP/1.1\r\nX: ", 26);
	long_request[99999] = '\0';
	answer = ask(long_request);
	assert_null(strstr(answer, "200"));
	free(answer);
	free(long_request);
	assert_int_equal(metrics_stats(metrics)->requests, 0);
}

// As many as there are places for say nothing, or half a request. Others wait until one of these is
// thrown out, not longer.
static void a_crowd_that_says_nothing(void **state)
{
	int crowd[METRICS_CLIENTS_MAX];
	char *answer;
	size_t octets;
	int last;

	(void)state;
	for (unsigned i = 0; i < METRICS_CLIENTS_MAX; i++) {
		crowd[i] = dial();
		if (i % 2)
			say(crowd[i], "GET /metr");
		turn();
	}
	last = dial();
	say(last, "GET /metrics HTTP/1.1\r\n\r\n");
	for (unsigned i = 0; i < 100; i++)
		turn();
	assert_int_equal(metrics_stats(metrics)->now, METRICS_CLIENTS_MAX);
	assert_int_equal(metrics_stats(metrics)->requests, 0);
	now_ms += METRICS_CROWDED_S * 1000;
	answer = hear(last, &octets);
	assert_string_equal(body_of(answer), prometheus);
	free(answer);
	assert_true(metrics_stats(metrics)->closed >= 1);
	for (unsigned i = 0; i < METRICS_CLIENTS_MAX; i++)
		close(crowd[i]);
	for (unsigned i = 0; i < 1000 && metrics_stats(metrics)->now > 0; i++)
		turn();
	assert_int_equal(metrics_stats(metrics)->now, 0);
}

// One who takes nothing of a large answer ends in time, and meanwhile nobody waits for it.
static void a_slow_reader(void **state)
{
	int slow = dial();
	char *answer;
	size_t octets;

	(void)state;
	samples = BIG;
	say(slow, "GET /metrics HTTP/1.1\r\n\r\n");
	for (unsigned i = 0; i < 100; i++)
		turn();
	assert_int_equal(metrics_stats(metrics)->requests, 1);
	answer = ask("GET /metrics HTTP/1.1\r\n\r\n");
	assert_true(strlen(answer) > BIG);
	free(answer);
	assert_int_equal(metrics_stats(metrics)->renderings, 1);
	now_ms += METRICS_CLIENT_S * 1000;
	for (unsigned i = 0; i < 2000 && metrics_stats(metrics)->now > 0; i++)
		turn();
	assert_int_equal(metrics_stats(metrics)->now, 0);
	assert_int_equal(metrics_stats(metrics)->closed, 1);
	answer = hear(slow, &octets);
	assert_true(octets < BIG * 10);
	free(answer);
}

// The end comes while clients are there.
static void ends_with_clients(void **state)
{
	int fd = dial();

	(void)state;
	samples = BIG;
	say(fd, "GET /metrics HTTP/1.1\r\n\r\n");
	for (unsigned i = 0; i < 50; i++)
		turn();
	assert_int_equal(metrics_stats(metrics)->now, 1);
	dial();
	turn();
}

static void two_at_one_place(void **state)
{
	struct metrics *other;
	struct error err;

	(void)state;
	assert_int_not_equal(metrics_create(&gateway, path, &other, &err), 0);
	assert_memory_equal(err.text, "metrics: ", 9);
	assert_int_not_equal(metrics_create(&gateway, "192.0.2.1:9817", &other, &err), 0);
	assert_non_null(strstr(err.text, "metrics: 192.0.2.1:9817: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(both_formats, start, stop),
		cmocka_unit_test_setup_teardown(one_rendering_for_many, start, stop),
		cmocka_unit_test_setup_teardown(refuses, start, stop),
		cmocka_unit_test_setup_teardown(a_crowd_that_says_nothing, start, stop),
		cmocka_unit_test_setup_teardown(a_slow_reader, start, stop),
		cmocka_unit_test_setup_teardown(ends_with_clients, start, stop),
		cmocka_unit_test_setup_teardown(two_at_one_place, start, stop),
	};
	int failed;

	if (!mkdtemp(directory))
		return EXIT_FAILURE;
	snprintf(path, sizeof(path), "%s/m.sock", directory);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(directory);
	return failed;
}
