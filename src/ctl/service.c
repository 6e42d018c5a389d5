// The protocol of sd_notify(3), and the watchdog's eye on the workers.
#include "ctl/service.h"

#include "base/counter.h"
#include "base/log.h"
#include "ctl/gateway.h"
#include "ctl/limiter.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

// A worker that the kernel kept from its CPU at one look has time for the next before the manager
// loses patience.
#define LOOKS_PER_INTERVAL 4

struct service {
	struct gateway *gateway;
	struct event *ready;
	struct event *look; // NULL: nobody waits for signs of life
	uint64_t period_ms;
	uint64_t looked_ms;
	uint64_t turns[WORKERS_MAX]; // at the last look
	bool stands_still[WORKERS_MAX];
};

static void say(const char *what)
{
	int rc = sd_notify(0, what);

	if (rc < 0)
		log_warning("the service manager cannot be told: %s", strerror(-rc));
}

static void judge(struct service *service, unsigned index, bool stands_still)
{
	const struct worker *worker = service->gateway->dp->worker[index];

	if (stands_still == service->stands_still[index])
		return;
	service->stands_still[index] = stands_still;
	if (stands_still)
		log_error("worker %u (lcore %u) stands still; the watchdog is told nothing until "
			  "it goes on",
			index, worker->lcore);
	else
		log_notice("worker %u (lcore %u) goes on", index, worker->lcore);
}

// Whether every worker has made a turn since the last look.
static bool workers_go_on(struct service *service)
{
	const struct dataplane *dp = service->gateway->dp;
	bool all = true;

	for (unsigned i = 0; i < dp->workers; i++) {
		uint64_t turns = counter_read(&dp->worker[i]->stats.turns);
		bool stands_still = turns == service->turns[i];

		judge(service, i, stands_still);
		service->turns[i] = turns;
		all &= !stands_still;
	}
	return all;
}

// That this runs at all says that the control thread lives.
void service_look(struct service *service)
{
	uint64_t now_ms = limiter_now_ms();

	// A worker must have had time for a turn since the last look.
	if (!service || !service->look || now_ms - service->looked_ms < service->period_ms / 2)
		return;
	service->looked_ms = now_ms;
	if (workers_go_on(service))
		say("WATCHDOG=1");
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	service_look(arg);
}

// In the loop, so that a signal which answers it finds its handler.
static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	const struct service *service = arg;
	const struct gateway *gateway = service->gateway;
	char text[128];

	(void)fd;
	(void)what;
	snprintf(text, sizeof(text), "READY=1\nSTATUS=%u workers, %u tunnels, %u policies",
		gateway->dp->workers, gateway->tunnels, gateway->config->policies_n);
	say(text);
}

static int create_events(struct service *service)
{
	static const struct timeval at_once = {0};
	struct event_base *events = service->gateway->events;
	uint64_t interval_us;
	struct timeval period;

	service->ready = event_new(events, -1, 0, on_ready, service);
	if (service->ready == NULL || event_add(service->ready, &at_once) != 0)
		return -ENOMEM;
	if (sd_watchdog_enabled(0, &interval_us) <= 0)
		return 0;
	interval_us /= LOOKS_PER_INTERVAL;
	service->period_ms = interval_us / 1000;
	period.tv_sec = (time_t)(interval_us / 1000000);
	period.tv_usec = (suseconds_t)(interval_us % 1000000);
	service->look = event_new(events, -1, EV_PERSIST, on_look, service);
	if (service->look == NULL || event_add(service->look, &period) != 0)
		return -ENOMEM;
	return 0;
}

static void destroy(struct service *service)
{
	if (service->ready != NULL)
		event_free(service->ready);
	if (service->look != NULL)
		event_free(service->look);
	free(service);
}

int service_start(struct gateway *gateway, struct error *err)
{
	struct service *service = calloc(1, sizeof(*service));
	int rc = service == NULL ? -ENOMEM : 0;

	if (rc == 0) {
		service->gateway = gateway;
		rc = create_events(service);
	}
	if (rc != 0) {
		if (service != NULL)
			destroy(service);
		return error_set(err, -rc, "no memory for the service manager's events");
	}
	gateway->service = service;
	return 0;
}

void service_stop(struct gateway *gateway)
{
	if (gateway->service == NULL)
		return;
	say("STOPPING=1");
	destroy(gateway->service);
	gateway->service = NULL;
}
