// Hard lifetimes over a gateway put together by hand: an SA whose removal is refused is stopped,
// and asked to go until it is gone.
#include "ctl/watch.h"

#include "ctl/apply.h"
#include "ctl/audit.h"
#include "ctl/change_requests.h"
#include "ctl/gateway.h"
#include "ctl/journal_service.h"
#include "ctl/notify.h"
#include "ctl/request.h"
#include "ctl/show.h"

#include "changes_stub.h"

#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LIMIT_PACKETS 10

static struct gateway gateway;
static struct dataplane dataplane = {.workers = 1};
static struct config config;
static struct config_tunnel tunnel;
static struct sa_out_lane lane;
static struct sa_out out = {.lane = &lane};
static struct sa sa;
static struct watch *watch;
static unsigned stopped, told, ended;

int change_expire(
	struct change *change, const json_t *arguments, json_t **result, struct error *err)
{
	(void)change;
	(void)arguments;
	(void)result;
	(void)err;
	return 0;
}

int apply_expiry(struct gateway *of, struct error *err)
{
	(void)err;
	assert_ptr_equal(of, &gateway);
	assert_true(sa.expired);
	stopped++;
	return 0;
}

void notify(const struct gateway *to, json_t *event)
{
	(void)to;
	json_decref(event);
}

void notify_sa(const struct gateway *to, const char *kind, const struct sa *of, const char *reason)
{
	(void)to;
	assert_ptr_equal(of, &sa);
	assert_string_equal(kind, "hard-expire");
	assert_string_equal(reason, "packets");
	told++;
}

void journal_service_end_key(
	struct journal_service *service, const uint8_t fingerprint[FINGERPRINT_OCTETS])
{
	assert_null(service);
	assert_ptr_equal(fingerprint, tunnel.out.fingerprint);
	// Before anybody hears of it.
	assert_int_equal(told, 0);
	ended++;
}

uint64_t audit_newest(const struct audit *audit)
{
	(void)audit;
	return 0;
}

const struct audit_record *audit_find(const struct audit *audit, uint64_t id)
{
	(void)audit;
	(void)id;
	return NULL;
}

json_t *show_event(const struct gateway *of, const struct audit_record *record)
{
	(void)of;
	(void)record;
	return NULL;
}

static uint64_t last_seq(bool esn)
{
	(void)esn;
	return UINT64_MAX - 1;
}

static void run_ms(unsigned ms)
{
	const struct timeval time = {
		.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};

	event_base_loopexit(gateway.events, &time);
	event_base_dispatch(gateway.events);
}

// Until there was one more submission.
static void run_to_submission(void)
{
	unsigned before = changes_stub.submitted;

	for (unsigned i = 0; i < 200 && changes_stub.submitted == before; i++)
		run_ms(50);
	assert_int_equal(changes_stub.submitted, before + 1);
	assert_int_equal(changes_stub.owner, OWNER_OPERATOR);
	assert_ptr_equal(changes_stub.request->change, change_expire);
}

static int start(void **state)
{
	static const struct proto_ops proto = {.name = "vpe", .last_seq = last_seq};
	struct error err;

	(void)state;
	changes_stub = (struct changes_stub){.answer = 0};
	stopped = told = ended = 0;
	lane = (struct sa_out_lane){.packets = LIMIT_PACKETS};
	sa = (struct sa){.name = "peer out",
		.params.proto = &proto,
		.out = &out,
		.body = &sa,
		.tunnel = NULL};
	tunnel = (struct config_tunnel){
		.has_out = true, .out = {.live = &sa, .hard.packets = LIMIT_PACKETS}};
	config = (struct config){.tunnels = &tunnel, .tunnels_n = 1};
	gateway = (struct gateway){.config = &config, .dp = &dataplane, .events = event_base_new()};
	return gateway.events ? watch_create(&gateway, &watch, &err) : -1;
}

static int stop(void **state)
{
	(void)state;
	watch_destroy(watch);
	event_base_free(gateway.events);
	return 0;
}

static void test_goes_at_once(void **state)
{
	(void)state;
	lane.packets = LIMIT_PACKETS - 1;
	run_ms(300);
	assert_int_equal(changes_stub.submitted, 0);
	assert_false(sa.expired);
	lane.packets = LIMIT_PACKETS;
	run_to_submission();
	tunnel.has_out = false;
	changes_stub.done(changes_stub.arg, 0, NULL, NULL);
	run_ms(1300);
	assert_int_equal(changes_stub.submitted, 1);
	assert_int_equal(stopped, 0);
	assert_int_equal(told, 1);
	assert_int_equal(ended, 0);
}

// A journaled key ends with its SA, once.
static void test_its_key_ends(void **state)
{
	(void)state;
	tunnel.out.params.journaled = true;
	changes_stub.answer = -ENOMEM;
	run_to_submission();
	run_to_submission();
	assert_int_equal(told, 1);
	assert_int_equal(ended, 1);
}

static void test_refused_at_once(void **state)
{
	(void)state;
	changes_stub.answer = -ENOMEM;
	run_to_submission();
	assert_int_equal(stopped, 1);
	run_to_submission();
	// It is told, and stopped, once.
	assert_int_equal(stopped, 1);
	assert_int_equal(told, 1);
	changes_stub.answer = 0;
	run_to_submission();
	tunnel.has_out = false;
	changes_stub.done(changes_stub.arg, 0, NULL, NULL);
	run_ms(1300);
	assert_int_equal(changes_stub.submitted, 3);
}

static void test_refused_later(void **state)
{
	const struct error err = {.text = "the kernel has no room"};

	(void)state;
	run_to_submission();
	assert_int_equal(stopped, 0);
	// While it is under way nothing is asked for twice.
	run_ms(1300);
	assert_int_equal(changes_stub.submitted, 1);
	changes_stub.done(changes_stub.arg, -ENOSPC, NULL, &err);
	assert_int_equal(stopped, 1);
	run_to_submission();
	assert_int_equal(told, 1);
}

static void test_nobody_waits_for_the_end(void **state)
{
	struct error err;

	(void)state;
	run_to_submission();
	watch_destroy(watch);
	assert_int_equal(changes_stub.forgotten, 1);
	assert_int_equal(watch_create(&gateway, &watch, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_goes_at_once, start, stop),
		cmocka_unit_test_setup_teardown(test_its_key_ends, start, stop),
		cmocka_unit_test_setup_teardown(test_refused_at_once, start, stop),
		cmocka_unit_test_setup_teardown(test_refused_later, start, stop),
		cmocka_unit_test_setup_teardown(test_nobody_waits_for_the_end, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
