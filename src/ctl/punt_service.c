// The control thread's end of the rings from workers. Polled, so that workers need no system call
// to wake us. Nothing here blocks.
#include "ctl/punt_service.h"

#include "ctl/audit.h"
#include "ctl/gateway.h"
#include "ctl/host_if.h"
#include "ctl/icmp.h"
#include "ctl/limiter.h"
#include "ctl/liveness.h"
#include "ctl/notify.h"
#include "ctl/path_mtu.h"
#include "ctl/unresolved.h"
#include "dataplane/forward.h"
#include "dataplane/punt.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define PERIOD_NS 1000000
#define BATCH 64
#define FRAME_BATCHES 16  // a period
#define REQUEST_BATCHES 2 // a period, of each kind

struct punt_service {
	struct gateway *gateway;
	int timer; // timerfd: libevent's own timers tick every 4 ms or so
	struct event *ticked;
	struct punt_service_stats stats;
};

static void serve(struct punt_service *service, struct rte_mbuf *m)
{
	struct gateway *gateway = service->gateway;
	const struct meta *meta = meta_of(m);
	struct host_if *host_if = gateway->host_if[meta->port];

	if (meta->kind == META_PROBE && liveness_hear(gateway->liveness, m))
		return;
	switch (meta->kind) {
	case META_PROBE: // somebody else's echo
	case META_PUNT:
		service->stats.frames++;
		if (host_if) {
			host_if_write(host_if, m);
			return;
		}
		service->stats.no_host_if++;
		break;
	case META_TELL:
		service->stats.told++;
		if (meta->reason == DROP_no_outbound_sa && meta->origin != FORWARD_DECRYPTED)
			notify_acquire(gateway, meta->tunnel, m);
		if (!icmp_answer(gateway->icmp, m))
			service->stats.unknown++;
		break;
	case META_UNRESOLVED:
		unresolved_take(gateway->unresolved, m, limiter_now_ms());
		return;
	case META_PATH_MTU:
		rte_pktmbuf_adj(m, RTE_ETHER_HDR_LEN);
		path_mtu_hear(gateway->path_mtu, m, limiter_now_ms());
		break;
	default:
		service->stats.unknown++;
		break;
	}
	rte_pktmbuf_free(m);
}

// False: nothing more waits.
static bool serve_batch(struct punt_service *service, struct rte_mbuf *batch[], unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		serve(service, batch[i]);
	return n == BATCH;
}

static void serve_frames(struct punt_service *service)
{
	struct dataplane *dp = service->gateway->dp;
	struct rte_mbuf *batch[BATCH];
	bool more = true;

	for (unsigned i = 0; more && i < FRAME_BATCHES; i++)
		more = serve_batch(service, batch, punt_drain(dp, batch, BATCH));
}

// Each kind within bounds of its own: no flood of one is paid for by another, or by the frames.
static void serve_requests(struct punt_service *service, enum punt_request kind)
{
	struct dataplane *dp = service->gateway->dp;
	struct rte_mbuf *batch[BATCH];
	bool more = true;

	for (unsigned i = 0; more && i < REQUEST_BATCHES; i++)
		more = serve_batch(service, batch, punt_drain_requests(dp, kind, batch, BATCH));
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct punt_service *service = arg;
	uint64_t ticks;

	(void)what;
	// Missed ticks are not made up for.
	if (read(fd, &ticks, sizeof(ticks)) < 0)
		return;
	serve_frames(service);
	serve_requests(service, PUNT_UNRESOLVED);
	serve_requests(service, PUNT_TELL);
	audit_poll(service->gateway->audit, limiter_now_ms());
	notify_peer_addresses(service->gateway);
	unresolved_look(service->gateway->unresolved, limiter_now_ms());
	dataplane_reclaim(service->gateway->dp);
}

static int start_timer(struct punt_service *service)
{
	const struct itimerspec period = {
		.it_interval.tv_nsec = PERIOD_NS, .it_value.tv_nsec = PERIOD_NS};

	service->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (service->timer < 0 || timerfd_settime(service->timer, 0, &period, NULL) < 0)
		return -errno;
	service->ticked = event_new(
		service->gateway->events, service->timer, EV_READ | EV_PERSIST, on_tick, service);
	return service->ticked && event_add(service->ticked, NULL) == 0 ? 0 : -ENOMEM;
}

int punt_service_create(struct gateway *gateway, struct punt_service **created, struct error *err)
{
	struct punt_service *service = calloc(1, sizeof(*service));
	int ret;

	if (!service)
		return error_set(err, ENOMEM, "no memory to serve the workers");
	service->gateway = gateway;
	ret = start_timer(service);
	if (ret < 0) {
		punt_service_destroy(service);
		return error_set(err, -ret, "timer: %s", strerror(-ret));
	}
	*created = service;
	return 0;
}

void punt_service_destroy(struct punt_service *service)
{
	if (!service)
		return;
	if (service->ticked)
		event_free(service->ticked);
	if (service->timer >= 0)
		close(service->timer);
	free(service);
}

const struct punt_service_stats *punt_service_stats(const struct punt_service *service)
{
	return &service->stats;
}
