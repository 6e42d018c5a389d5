// Mailboxes emptied, bursts followed, lines written.
#include "ctl/audit.h"

#include "base/log.h"
#include "ctl/gateway.h"
#include "ctl/limiter.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// One event for a kind, SPI and source in this time.
#define SAME_MS 10000
#define LIMITER_SETS 64
// Whoever sends with ever new SPIs and sources gets so many records of a kind in this time.
#define KIND_RECORDS 16
#define KIND_MS 10000
// How often drop counters are read while there is a burst, how long none must grow until it is
// over, and how long it may last until there is a count in between.
#define LOOK_MS 100
#define QUIET_MS 1000
#define BURST_MS 10000

struct kind {
	struct limiter *same;
	uint64_t period_ms; // begin of the one that records are counted in
	unsigned records;
	bool burst;
	uint64_t counted;  // packets, when last looked
	uint64_t told;	   // of them, in records
	uint64_t grown_ms; // when counted last grew
	uint64_t told_ms;  // begin of the burst, or the last count in it
};

struct audit {
	const struct gateway *gateway;
	struct kind kind[AUDIT_KIND_COUNT];
	uint64_t polled_ms;
	uint64_t looked_ms;
	uint64_t newest;
	struct audit_record record[AUDIT_RECORDS]; // id % AUDIT_RECORDS
};

static uint64_t unix_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void log_more(const struct audit_record *record)
{
	log_warning(
		"audit: %s: %" PRIu64 " more", drop_name(audit_reason(record->kind)), record->more);
}

#define ENDPOINT_TEXT (IP_ADDR_TEXT + 16)

static const char *endpoint(
	const struct ip_addr *addr, bool has_port, uint16_t port, char text[ENDPOINT_TEXT])
{
	char ip[IP_ADDR_TEXT];

	ip_addr_format(addr, ip);
	if (has_port)
		snprintf(text, ENDPOINT_TEXT, "%s port %u", ip, port);
	else
		snprintf(text, ENDPOINT_TEXT, "%s", ip);
	return text;
}

static void log_event(const struct audit *audit, const struct audit_record *record)
{
	const struct gateway *gateway = audit->gateway;
	const struct audit_event *event = &record->event;
	enum drop_reason reason = audit_reason(record->kind);
	bool has_ports = (event->has & AUDIT_HAS_PORTS) != 0;
	char source[ENDPOINT_TEXT], destination[ENDPOINT_TEXT];
	char spi[32] = "", seq[48] = "", flow[32] = "";
	const struct tunnel *tunnel =
		event->has & AUDIT_HAS_TUNNEL ? gateway->tunnel[event->tunnel] : NULL;

	if (event->has & AUDIT_HAS_SPI)
		snprintf(spi, sizeof(spi), ", SPI 0x%08" PRIx32, event->spi);
	if (event->has & AUDIT_HAS_SEQ)
		snprintf(seq, sizeof(seq), ", sequence %" PRIu64, event->seq);
	if (event->source.family == IP_V6)
		snprintf(flow, sizeof(flow), ", flow label 0x%05" PRIx32, event->flow_label);
	log_warning("audit: %s: port %s%s%s%s%s, from %s to %s, protocol %u%s: %s",
		drop_name(reason), gateway->dp->port[event->port].name, spi, seq,
		tunnel ? ", tunnel " : "", tunnel ? tunnel->name : "",
		endpoint(&event->source, has_ports, event->source_port, source),
		endpoint(&event->destination, has_ports, event->destination_port, destination),
		event->protocol, flow, drop_text(reason));
}

static void record(
	struct audit *audit, enum audit_kind kind, uint64_t more, const struct audit_event *event)
{
	uint64_t id = ++audit->newest;
	struct audit_record *place = &audit->record[id % AUDIT_RECORDS];

	*place = (struct audit_record){.id = id, .unix_ms = unix_ms(), .kind = kind, .more = more};
	if (event)
		place->event = *event;
	if (event)
		log_event(audit, place);
	else
		log_more(place);
}

static uint64_t count(const struct audit *audit, enum audit_kind kind)
{
	const struct dataplane *dp = audit->gateway->dp;
	enum drop_reason reason = audit_reason(kind);
	uint64_t sum = 0;

	for (unsigned i = 0; i < dp->workers; i++)
		for (unsigned p = 0; p < dp->ports; p++)
			sum += counter_read(&dp->worker[i]->stats.port[p].drops[reason]);
	return sum;
}

static bool admit(struct kind *kind, const struct audit_event *event, uint64_t now_ms)
{
	if (now_ms - kind->period_ms >= KIND_MS) {
		kind->period_ms = now_ms;
		kind->records = 0;
	}
	if (kind->records == KIND_RECORDS)
		return false;
	if (!limiter_take(kind->same, &event->source, event->spi, now_ms))
		return false;
	kind->records++;
	return true;
}

static void take(struct audit *audit, enum audit_kind index, const struct audit_event *event,
	uint64_t now_ms)
{
	struct kind *kind = &audit->kind[index];

	if (!kind->burst) {
		kind->burst = true;
		kind->grown_ms = now_ms;
		kind->told_ms = now_ms;
	}
	if (!admit(kind, event, now_ms))
		return;
	record(audit, index, 0, event);
	kind->told++;
}

// Tells of the packets that had no record of their own.
static void tell_rest(struct audit *audit, enum audit_kind index)
{
	struct kind *kind = &audit->kind[index];

	if (kind->counted <= kind->told)
		return;
	record(audit, index, kind->counted - kind->told, NULL);
	kind->told = kind->counted;
}

static void look(struct audit *audit, enum audit_kind index, uint64_t now_ms)
{
	struct kind *kind = &audit->kind[index];
	uint64_t counted = count(audit, index);

	if (counted != kind->counted) {
		kind->counted = counted;
		kind->grown_ms = now_ms;
	}
	if (now_ms - kind->grown_ms >= QUIET_MS) {
		tell_rest(audit, index);
		kind->burst = false;
	} else if (now_ms - kind->told_ms >= BURST_MS) {
		tell_rest(audit, index);
		kind->told_ms = now_ms;
	}
}

static void empty(struct audit *audit, uint64_t now_ms)
{
	const struct dataplane *dp = audit->gateway->dp;
	struct audit_event event;

	for (unsigned i = 0; i < dp->workers; i++)
		for (unsigned kind = 0; kind < AUDIT_KIND_COUNT; kind++)
			if (audit_take(&dp->worker[i]->audit[kind], &event))
				take(audit, (enum audit_kind)kind, &event, now_ms);
}

void audit_poll(struct audit *audit, uint64_t now_ms)
{
	audit->polled_ms = now_ms;
	empty(audit, now_ms);
	if (now_ms - audit->looked_ms < LOOK_MS)
		return;
	audit->looked_ms = now_ms;
	for (unsigned kind = 0; kind < AUDIT_KIND_COUNT; kind++)
		if (audit->kind[kind].burst)
			look(audit, (enum audit_kind)kind, now_ms);
}

uint64_t audit_newest(const struct audit *audit)
{
	return audit->newest;
}

const struct audit_record *audit_find(const struct audit *audit, uint64_t id)
{
	const struct audit_record *found = &audit->record[id % AUDIT_RECORDS];

	return id > 0 && found->id == id ? found : NULL;
}

int audit_create(const struct gateway *gateway, struct audit **created, struct error *err)
{
	struct audit *audit = calloc(1, sizeof(*audit));
	int ret = audit ? 0 : -ENOMEM;

	for (unsigned i = 0; i < AUDIT_KIND_COUNT && ret == 0; i++)
		ret = limiter_create(LIMITER_SETS, 1, SAME_MS, &audit->kind[i].same);
	if (ret < 0) {
		for (unsigned i = 0; audit && i < AUDIT_KIND_COUNT; i++)
			limiter_destroy(audit->kind[i].same);
		free(audit);
		return error_set(err, -ret, "no memory for auditable events");
	}
	audit->gateway = gateway;
	*created = audit;
	return 0;
}

void audit_destroy(struct audit *audit)
{
	if (!audit)
		return;
	empty(audit, audit->polled_ms);
	for (unsigned i = 0; i < AUDIT_KIND_COUNT; i++) {
		audit->kind[i].counted = count(audit, (enum audit_kind)i);
		tell_rest(audit, (enum audit_kind)i);
		limiter_destroy(audit->kind[i].same);
	}
	free(audit);
}
