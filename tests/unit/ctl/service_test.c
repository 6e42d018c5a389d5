// What the service manager hears, on a socket of the test's own: ready, alive while all workers
// turn, stopping.
#include "ctl/service.h"

#include "base/counter.h"
#include "ctl/gateway.h"
#include "scratch.h"

#include <event2/event.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define INTERVAL_US "200000"
#define LOOK_MS 50

struct manager {
	char directory[SCRATCH_PATH];
	int fd;
	struct dataplane *dp;
	struct worker *worker;
	struct config *config;
	struct gateway gateway;
};

static int enter(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct manager *m = calloc(1, sizeof(*m));

	if (m == NULL || scratch_create("service", m->directory) < 0)
		return -1;
	m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", m->directory);
	if (m->fd < 0 || bind(m->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	m->dp = aligned_alloc(CACHE_LINE, sizeof(*m->dp));
	m->worker = aligned_alloc(CACHE_LINE, 2 * sizeof(*m->worker));
	m->config = calloc(1, sizeof(*m->config));
	if (m->dp == NULL || m->worker == NULL || m->config == NULL)
		return -1;
	memset(m->dp, 0, sizeof(*m->dp));
	memset(m->worker, 0, 2 * sizeof(*m->worker));
	m->dp->workers = 2;
	m->dp->worker[0] = &m->worker[0];
	m->dp->worker[1] = &m->worker[1];
	m->config->policies_n = 7;
	m->gateway = (struct gateway){.config = m->config, .dp = m->dp, .tunnels = 3};
	m->gateway.events = event_base_new();
	*state = m;
	return m->gateway.events == NULL ? -1 : 0;
}

static int leave(void **state)
{
	struct manager *m = *state;

	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	event_base_free(m->gateway.events);
	close(m->fd);
	scratch_remove(m->directory);
	free(m->config);
	free(m->worker);
	free(m->dp);
	free(m);
	return 0;
}

// The next message; "" if there is none.
static const char *heard(const struct manager *m)
{
	static char text[512];
	ssize_t octets = recv(m->fd, text, sizeof(text) - 1, 0);

	text[octets < 0 ? 0 : octets] = '\0';
	return text;
}

// How often life was told of in that many looks. Who does not listen in between stops the speaker:
// the socket holds few messages.
static unsigned alive(const struct manager *m, unsigned looks)
{
	static const struct timeval period = {.tv_usec = 1000 * LOOK_MS};
	const char *text;
	unsigned n = 0;

	for (unsigned i = 0; i < looks; i++) {
		event_base_loopexit(m->gateway.events, &period);
		event_base_dispatch(m->gateway.events);
		for (text = heard(m); *text != '\0'; text = heard(m)) {
			assert_string_equal(text, "WATCHDOG=1");
			n++;
		}
	}
	return n;
}

static void tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	counter_add(arg, 1);
}

// A worker that turns: more often than anybody looks.
static struct event *turn(const struct manager *m, unsigned worker)
{
	static const struct timeval period = {.tv_usec = 5000};
	struct event *event =
		event_new(m->gateway.events, -1, EV_PERSIST, tick, &m->worker[worker].stats.turns);

	assert_non_null(event);
	assert_int_equal(event_add(event, &period), 0);
	return event;
}

static void start(struct manager *m)
{
	struct error err;

	assert_int_equal(service_start(&m->gateway, &err), 0);
	// Not before the loop runs.
	assert_string_equal(heard(m), "");
	event_base_loop(m->gateway.events, EVLOOP_ONCE);
	assert_string_equal(heard(m), "READY=1\nSTATUS=2 workers, 3 tunnels, 7 policies");
}

static void ready_and_stopping(void **state)
{
	struct manager *m = *state;

	start(m);
	// Nobody asked for signs of life.
	assert_int_equal(alive(m, 4), 0);
	service_stop(&m->gateway);
	assert_string_equal(heard(m), "STOPPING=1");
	assert_string_equal(heard(m), "");
	service_stop(&m->gateway);
	assert_string_equal(heard(m), "");
}

static void watchdog(void **state)
{
	struct manager *m = *state;
	struct event *first = turn(m, 0);
	struct event *second = turn(m, 1);

	assert_int_equal(setenv("WATCHDOG_USEC", INTERVAL_US, 1), 0);
	start(m);
	assert_true(alive(m, 20) > 4);
	// One worker that stands still is enough.
	event_del(second);
	alive(m, 2);
	assert_int_equal(alive(m, 8), 0);
	event_add(second, &(struct timeval){.tv_usec = 5000});
	assert_true(alive(m, 20) > 4);
	event_del(first);
	alive(m, 2);
	assert_int_equal(alive(m, 8), 0);
	service_stop(&m->gateway);
	assert_string_equal(heard(m), "STOPPING=1");
	event_free(first);
	event_free(second);
}

// What the loop of events waits for says it by itself: no more often than it would have been said,
// and not while a worker stands still.
static void alive_at_work(void **state)
{
	struct manager *m = *state;

	assert_int_equal(setenv("WATCHDOG_USEC", INTERVAL_US, 1), 0);
	start(m);
	for (unsigned worker = 0; worker < 2; worker++)
		counter_add(&m->worker[worker].stats.turns, 1);
	usleep(LOOK_MS * 1000);
	service_look(m->gateway.service);
	assert_string_equal(heard(m), "WATCHDOG=1");
	usleep(LOOK_MS * 1000);
	counter_add(&m->worker[0].stats.turns, 1);
	service_look(m->gateway.service);
	assert_string_equal(heard(m), "");
	service_stop(&m->gateway);
	assert_null(m->gateway.service);
	service_look(NULL);
}

// However long a turn took, the next one is not expected at once.
static void not_twice_at_once(void **state)
{
	struct manager *m = *state;

	assert_int_equal(setenv("WATCHDOG_USEC", "100000000", 1), 0);
	start(m);
	for (unsigned i = 0; i < 3; i++) {
		for (unsigned worker = 0; worker < 2; worker++)
			counter_add(&m->worker[worker].stats.turns, 1);
		service_look(m->gateway.service);
	}
	assert_string_equal(heard(m), "WATCHDOG=1");
	assert_string_equal(heard(m), "");
	service_stop(&m->gateway);
}

static void watchdog_of_another_process(void **state)
{
	struct manager *m = *state;
	struct event *first = turn(m, 0);
	struct event *second = turn(m, 1);

	assert_int_equal(setenv("WATCHDOG_USEC", INTERVAL_US, 1), 0);
	assert_int_equal(setenv("WATCHDOG_PID", "1", 1), 0);
	start(m);
	assert_int_equal(alive(m, 6), 0);
	service_stop(&m->gateway);
	event_free(first);
	event_free(second);
}

static void nobody_listens(void **state)
{
	struct manager *m = *state;
	struct error err;

	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	assert_int_equal(service_start(&m->gateway, &err), 0);
	assert_int_equal(alive(m, 1), 0);
	service_stop(&m->gateway);
	assert_string_equal(heard(m), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ready_and_stopping, enter, leave),
		cmocka_unit_test_setup_teardown(watchdog, enter, leave),
		cmocka_unit_test_setup_teardown(alive_at_work, enter, leave),
		cmocka_unit_test_setup_teardown(not_twice_at_once, enter, leave),
		cmocka_unit_test_setup_teardown(watchdog_of_another_process, enter, leave),
		cmocka_unit_test_setup_teardown(nobody_listens, enter, leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
