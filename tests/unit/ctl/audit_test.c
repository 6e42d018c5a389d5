// Bursts and floods of auditable events against a clock of the test's own. Workers are memory.
#include "ctl/audit.h"

#include "ctl/gateway.h"

#include "log_lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORKERS 2
#define START 1000000

static struct dataplane dp = {
	.ports = 2, .port = {{.name = "lan"}, {.name = "wan", .index = 1}}, .workers = WORKERS};
static struct tunnel tunnels[] = {{.name = "site-b"}, {.name = "site-c"}};
static struct tunnel *tunnel_places[] = {&tunnels[0], &tunnels[1]};
static struct gateway gateway = {.dp = &dp, .tunnels = 2, .tunnel = tunnel_places};
static struct audit *audit;
static uint64_t now;

static int start(void **state)
{
	struct error err;

	(void)state;
	for (unsigned i = 0; i < WORKERS; i++) {
		dp.worker[i] = aligned_alloc(CACHE_LINE, sizeof(*dp.worker[i]));
		if (!dp.worker[i])
			return -1;
		memset(dp.worker[i], 0, sizeof(*dp.worker[i]));
	}
	now = START;
	return audit_create(&gateway, &audit, &err);
}

static int stop(void **state)
{
	(void)state;
	audit_destroy(audit);
	for (unsigned i = 0; i < WORKERS; i++)
		free(dp.worker[i]);
	return 0;
}

static struct audit_event event_of(uint32_t spi, uint8_t source)
{
	return (struct audit_event){
		.has = AUDIT_HAS_SPI | AUDIT_HAS_SEQ | AUDIT_HAS_TUNNEL,
		.spi = spi,
		.seq = 17,
		.tunnel = 1,
		.source = {IP_V4, {192, 0, 2, source}},
		.destination = {IP_V4, {192, 0, 2, 1}},
		.protocol = 50,
		.port = 1,
	};
}

// As a worker does it.
static void drop(unsigned worker, enum audit_kind kind, const struct audit_event *event)
{
	struct audit_box *box = &dp.worker[worker]->audit[kind];

	if (!atomic_load(&box->full)) {
		box->event = *event;
		atomic_store(&box->full, true);
	}
	dp.worker[worker]->stats.port[1].drops[audit_reason(kind)]++;
}

static void run_ms(unsigned ms)
{
	for (unsigned i = 0; i < ms; i++)
		audit_poll(audit, ++now);
}

static const struct audit_record *record_of(uint64_t id)
{
	const struct audit_record *found = audit_find(audit, id);

	assert_non_null(found);
	assert_int_equal(found->id, id);
	return found;
}

static void expect_event(uint64_t id, enum audit_kind kind, uint32_t spi)
{
	assert_int_equal(record_of(id)->kind, kind);
	assert_int_equal(record_of(id)->more, 0);
	assert_int_equal(record_of(id)->event.spi, spi);
}

static void expect_more(uint64_t id, enum audit_kind kind, uint64_t more)
{
	assert_int_equal(record_of(id)->kind, kind);
	assert_int_equal(record_of(id)->more, more);
}

// Over both workers, and over more than one look at the mailboxes.
static void once_for_a_burst(void **state)
{
	struct audit_event event = event_of(0xc0000001, 2);

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		drop(i % WORKERS, AUDIT_replay_seen, &event);
		run_ms(i % 3);
	}
	run_ms(5);
	assert_int_equal(audit_newest(audit), 1);
	expect_event(1, AUDIT_replay_seen, 0xc0000001);
	assert_true(record_of(1)->unix_ms > 1700000000000);
	run_ms(2000);
	assert_int_equal(audit_newest(audit), 2);
	expect_more(2, AUDIT_replay_seen, 99);
	run_ms(60000);
	assert_int_equal(audit_newest(audit), 2);
}

static void single_packet(void **state)
{
	struct audit_event event = event_of(1, 2);

	(void)state;
	drop(0, AUDIT_no_sa, &event);
	run_ms(5000);
	assert_int_equal(audit_newest(audit), 1);
}

static void same_again_later(void **state)
{
	struct audit_event event = event_of(1, 2);

	(void)state;
	drop(0, AUDIT_no_sa, &event);
	run_ms(3000);
	// Too soon for a record of its own, but told.
	drop(0, AUDIT_no_sa, &event);
	run_ms(3000);
	assert_int_equal(audit_newest(audit), 2);
	expect_more(2, AUDIT_no_sa, 1);
	run_ms(10000);
	drop(0, AUDIT_no_sa, &event);
	run_ms(3000);
	assert_int_equal(audit_newest(audit), 3);
	expect_event(3, AUDIT_no_sa, 1);
}

// Another SPI or source, and another kind, are other events.
static void told_apart(void **state)
{
	struct audit_event event = event_of(1, 2);

	(void)state;
	drop(0, AUDIT_icv_failed, &event);
	run_ms(1);
	event.spi = 2;
	drop(0, AUDIT_icv_failed, &event);
	run_ms(1);
	event.source.octets[3] = 3;
	drop(0, AUDIT_icv_failed, &event);
	drop(0, AUDIT_replay_old, &event);
	run_ms(5000);
	assert_int_equal(audit_newest(audit), 4);
	expect_event(1, AUDIT_icv_failed, 1);
	expect_event(2, AUDIT_icv_failed, 2);
	expect_event(3, AUDIT_icv_failed, 2);
	expect_event(4, AUDIT_replay_old, 2);
}

// While it lasts there is a count now and then.
static void flood_that_lasts(void **state)
{
	struct audit_event event = event_of(1, 2);
	uint64_t told = 0;
	unsigned events = 0;

	(void)state;
	for (unsigned i = 0; i < 60000; i++) {
		drop(0, AUDIT_clear_protected, &event);
		run_ms(1);
	}
	run_ms(2000);
	for (uint64_t id = 1; id <= audit_newest(audit); id++) {
		events += record_of(id)->more == 0;
		told += record_of(id)->more + (record_of(id)->more == 0);
	}
	assert_in_range(events, 5, 7);
	assert_in_range(audit_newest(audit), 8, 15);
	assert_int_equal(told, 60000);
}

// Ever new SPIs and sources: bounded, and another kind is seen all the same.
static void flood_of_strangers(void **state)
{
	uint64_t told = 0, others = 0;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		struct audit_event event = event_of(i + 1, (uint8_t)i);

		drop(0, AUDIT_no_sa, &event);
		if (i == 15000)
			drop(0, AUDIT_icv_failed, &event);
		run_ms(1);
	}
	run_ms(2000);
	assert_in_range(audit_newest(audit), 10, 70);
	for (uint64_t id = 1; id <= audit_newest(audit); id++) {
		if (record_of(id)->kind == AUDIT_icv_failed)
			others++;
		else
			told += record_of(id)->more == 0 ? 1 : record_of(id)->more;
	}
	assert_int_equal(others, 1);
	assert_int_equal(told, 20000);
}

static void keeps_the_last(void **state)
{
	(void)state;
	assert_int_equal(audit_newest(audit), 0);
	assert_null(audit_find(audit, 0));
	assert_null(audit_find(audit, 1));
	for (unsigned i = 0; i < AUDIT_RECORDS + 10; i++) {
		struct audit_event event = event_of(1, 2);

		drop(0, AUDIT_no_sa, &event);
		run_ms(1);
		now += 12000;
	}
	assert_int_equal(audit_newest(audit), AUDIT_RECORDS + 10);
	assert_null(audit_find(audit, 10));
	expect_event(11, AUDIT_no_sa, 1);
	expect_event(AUDIT_RECORDS + 10, AUDIT_no_sa, 1);
	assert_null(audit_find(audit, AUDIT_RECORDS + 11));
}

// What the log says, to the end of the daemon.
static void log_lines(void **state)
{
	struct audit_event event = event_of(0xc0000001, 2);
	char text[2048];

	(void)state;
	log_lines_begin();
	drop(0, AUDIT_replay_seen, &event);
	run_ms(1);
	event = (struct audit_event){
		.has = AUDIT_HAS_SPI | AUDIT_HAS_TUNNEL | AUDIT_HAS_PORTS,
		.spi = 0x1001,
		.source = {IP_V6, {0xfd, [15] = 1}},
		.destination = {IP_V6, {0xfd, [15] = 2}},
		.source_port = 1234,
		.destination_port = 53,
		.protocol = 17,
		.flow_label = 0xabc,
		.port = 1,
	};
	drop(0, AUDIT_selector_mismatch, &event);
	run_ms(1);
	for (unsigned i = 0; i < 5; i++)
		drop(1, AUDIT_selector_mismatch, &event);
	audit_destroy(audit);
	audit = NULL;
	log_lines_end(text, sizeof(text));
	assert_string_equal(text,
		"audit_test: warning: audit: replay_seen: port wan, SPI 0xc0000001, sequence 17, "
		"tunnel site-c, from 192.0.2.2 to 192.0.2.1, protocol 50: "
		"sequence number already seen\n"
		"audit_test: warning: audit: selector_mismatch: port wan, SPI 0x00001001, "
		"tunnel site-b, from fd00::1 port 1234 to fd00::2 port 53, protocol 17, "
		"flow label 0x00abc: inner packet outside the SA's selectors (RFC 4301)\n"
		"audit_test: warning: audit: selector_mismatch: 5 more\n");
}

#define fresh(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fresh(once_for_a_burst),
		fresh(single_packet),
		fresh(same_again_later),
		fresh(told_apart),
		fresh(flood_that_lasts),
		fresh(flood_of_strangers),
		fresh(keeps_the_last),
		fresh(log_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
