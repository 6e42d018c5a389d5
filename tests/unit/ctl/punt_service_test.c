// Who gets what the workers hand up: all neighbours of the service are the test's own.
#include "ctl/punt_service.h"

#include "ctl/audit.h"
#include "ctl/gateway.h"
#include "ctl/host_if.h"
#include "ctl/icmp.h"
#include "ctl/liveness.h"
#include "ctl/notify.h"
#include "ctl/path_mtu.h"
#include "ctl/unresolved.h"
#include "dataplane/punt.h"

#include "eal_fixture.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct rte_mempool *pool;
static struct dataplane dp;
static struct gateway gateway = {.dp = &dp};
// Frames, and the two kinds of requests.
static struct queue {
	struct rte_mbuf *m[4096];
	unsigned n;
} frames, unknown, told;

static unsigned acquired, acquired_tunnel;
static unsigned written, answered, heard, unresolved_taken, looked, reclaimed, audited,
	asked_for_peers;

static unsigned drain(struct queue *queue, struct rte_mbuf *m[], unsigned n)
{
	if (n > queue->n)
		n = queue->n;
	memcpy(m, queue->m, n * sizeof(m[0]));
	queue->n -= n;
	memmove(queue->m, queue->m + n, queue->n * sizeof(m[0]));
	return n;
}

unsigned punt_drain(struct dataplane *d, struct rte_mbuf *m[], unsigned n)
{
	assert_ptr_equal(d, &dp);
	return drain(&frames, m, n);
}

unsigned punt_drain_requests(
	struct dataplane *d, enum punt_request kind, struct rte_mbuf *m[], unsigned n)
{
	assert_ptr_equal(d, &dp);
	return drain(kind == PUNT_UNRESOLVED ? &unknown : &told, m, n);
}

void audit_poll(struct audit *audit, uint64_t now_ms)
{
	assert_ptr_equal(audit, gateway.audit);
	assert_true(now_ms > 0);
	audited++;
}

void dataplane_reclaim(struct dataplane *d)
{
	assert_ptr_equal(d, &dp);
	reclaimed++;
}

void host_if_write(struct host_if *host_if, struct rte_mbuf *m)
{
	assert_ptr_equal(host_if, gateway.host_if[2]);
	written++;
	rte_pktmbuf_free(m);
}

void notify_acquire(const struct gateway *g, unsigned tunnel, const struct rte_mbuf *m)
{
	assert_ptr_equal(g, &gateway);
	assert_non_null(m);
	acquired_tunnel = tunnel;
	acquired++;
}

void notify_peer_addresses(const struct gateway *g)
{
	assert_ptr_equal(g, &gateway);
	asked_for_peers++;
}

bool icmp_answer(struct icmp *icmp, struct rte_mbuf *m)
{
	(void)icmp;
	assert_non_null(m);
	assert_int_equal(meta_of(m)->port, 2);
	assert_int_equal(meta_of(m)->mtu, 1400);
	answered++;
	return meta_of(m)->reason != DROP_runt;
}

void path_mtu_hear(struct path_mtu *path_mtu, const struct rte_mbuf *m, uint64_t now_ms)
{
	(void)path_mtu;
	assert_non_null(m);
	assert_true(now_ms > 0);
	heard++;
}

void unresolved_take(struct unresolved *unresolved, struct rte_mbuf *m, uint64_t now_ms)
{
	assert_ptr_equal(unresolved, gateway.unresolved);
	assert_true(now_ms > 0);
	assert_int_equal(meta_of(m)->kind, META_UNRESOLVED);
	unresolved_taken++;
	rte_pktmbuf_free(m);
}

void unresolved_look(struct unresolved *unresolved, uint64_t now_ms)
{
	assert_ptr_equal(unresolved, gateway.unresolved);
	assert_true(now_ms > 0);
	looked++;
}

static bool about_liveness;
static unsigned probes;

bool liveness_hear(struct liveness *liveness, struct rte_mbuf *m)
{
	assert_ptr_equal(liveness, gateway.liveness);
	assert_int_equal(meta_of(m)->tunnel, 7);
	probes++;
	if (about_liveness)
		rte_pktmbuf_free(m);
	return about_liveness;
}

static enum drop_reason put_reason = DROP_too_big;

static void put(enum meta_kind kind, uint8_t port, uint8_t version, uint16_t octets)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct queue *queue = kind == META_UNRESOLVED ? &unknown
		: kind == META_TELL		      ? &told
						      : &frames;
	uint8_t *packet;

	assert_non_null(m);
	packet = rte_pktmbuf_mtod(m, uint8_t *);
	m->data_len = octets;
	m->pkt_len = octets;
	memset(packet, 0x11, octets);
	packet[0] = (uint8_t)(version << 4 | 5);
	*meta_of(m) = (struct meta){.kind = (uint8_t)kind,
		.port = port,
		.mtu = 1400,
		.reason = put_reason,
		.tunnel = 7};
	queue->m[queue->n++] = m;
}

// Until everything put in is served, and a little longer.
static void run(void)
{
	unsigned before = reclaimed;

	while (frames.n + unknown.n + told.n > 0 || reclaimed < before + 3)
		event_base_loop(gateway.events, EVLOOP_ONCE);
}

static void each_to_its_own(void **state)
{
	struct punt_service *service;
	const struct punt_service_stats *stats;
	struct error err;

	(void)state;
	gateway.host_if[2] = (struct host_if *)&written; // only compared
	assert_int_equal(punt_service_create(&gateway, &service, &err), 0);
	stats = punt_service_stats(service);
	put(META_PUNT, 2, 4, 60);
	put(META_PUNT, 1, 4, 60);
	put(META_TELL, 2, 4, 60);
	put_reason = DROP_runt;
	put(META_TELL, 2, 4, 60);
	put_reason = DROP_no_outbound_sa;
	put(META_TELL, 2, 4, 60);
	put(META_UNRESOLVED, 2, 4, 60);
	put(META_PATH_MTU, 2, 4, 60);
	put(META_COMMIT, 2, 4, 60);
	run();
	assert_int_equal(written, 1);
	assert_int_equal(stats->frames, 2);
	assert_int_equal(stats->no_host_if, 1);
	assert_int_equal(answered, 3);
	assert_int_equal(acquired, 1);
	assert_int_equal(acquired_tunnel, 7);
	assert_int_equal(unresolved_taken, 1);
	assert_true(looked >= 3);
	assert_int_equal(stats->told, 3);
	assert_int_equal(heard, 1);
	assert_int_equal(stats->unknown, 2);
	assert_true(reclaimed >= 3);
	assert_int_equal(audited, reclaimed);
	assert_int_equal(asked_for_peers, reclaimed);
	punt_service_destroy(service);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

// An echo out of a tunnel is liveness's to look at, and the kernel's if it is somebody else's.
static void echoes(void **state)
{
	struct punt_service *service;
	const struct punt_service_stats *stats;
	struct error err;
	unsigned before = written;

	(void)state;
	gateway.liveness = (struct liveness *)&probes; // only compared
	assert_int_equal(punt_service_create(&gateway, &service, &err), 0);
	stats = punt_service_stats(service);
	about_liveness = true;
	put(META_PROBE, 2, 4, 60);
	run();
	assert_int_equal(probes, 1);
	assert_int_equal(written, before);
	assert_int_equal(stats->frames, 0);
	about_liveness = false;
	put(META_PROBE, 2, 4, 60);
	run();
	assert_int_equal(probes, 2);
	assert_int_equal(written, before + 1);
	assert_int_equal(stats->frames, 1);
	punt_service_destroy(service);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

// Full rings take more than one period, so that the rest of the loop gets its turn, and none of
// them takes that of another.
static void is_bounded(void **state)
{
	struct punt_service *service;
	struct error err;
	unsigned before;

	(void)state;
	assert_int_equal(punt_service_create(&gateway, &service, &err), 0);
	for (unsigned i = 0; i < 3000; i++)
		put(META_PUNT, 2, 4, 60);
	for (unsigned i = 0; i < 200; i++) {
		put(META_TELL, 2, 4, 60);
		put(META_UNRESOLVED, 2, 4, 60);
	}
	before = reclaimed;
	while (reclaimed == before)
		event_base_loop(gateway.events, EVLOOP_ONCE);
	assert_int_equal(frames.n, 3000 - 1024);
	assert_int_equal(unknown.n, 200 - 128);
	assert_int_equal(told.n, 200 - 128);
	run();
	punt_service_destroy(service);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_to_its_own),
		cmocka_unit_test(echoes),
		cmocka_unit_test(is_bounded),
	};
	int failed;

	pool = eal_fixture_pool(4095, 64, 512);
	if (!pool)
		return 1;
	gateway.events = event_base_new();
	gateway.unresolved = (struct unresolved *)&looked; // only compared
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	event_base_free(gateway.events);
	return failed;
}
