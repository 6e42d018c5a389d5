// Ten times a second a tenth of the tunnels is looked at, so each SA once a second.
#include "ctl/watch.h"

#include "base/log.h"
#include "ctl/apply.h"
#include "ctl/audit.h"
#include "ctl/change_requests.h"
#include "ctl/gateway.h"
#include "ctl/journal_service.h"
#include "ctl/limiter.h"
#include "ctl/links.h"
#include "ctl/notify.h"
#include "ctl/request.h"
#include "ctl/show.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS 100
#define TICKS 10

struct watch {
	struct gateway *gateway;
	struct event *tick;
	struct links *links;
	unsigned turn;
	uint64_t audited;	       // id of the last event that was told
	bool over;		       // SAs in force have come to their ends
	struct change_ticket *removal; // of those, under way
	bool refused;		       // it was, and is tried again
	bool unstopped;		       // some ended since they were stopped without being removed
};

struct used {
	uint64_t seconds;
	uint64_t octets;
	uint64_t packets;
};

static struct used used_of(const struct gateway *gateway, const struct sa *sa, uint64_t now_ms)
{
	struct used used = {.seconds = (now_ms - sa->born_ms) / 1000};

	for (unsigned i = 0; i < gateway->dp->workers; i++) {
		used.packets += counter_read(
			sa->inbound ? &sa->in->lane[i].packets : &sa->out->lane[i].packets);
		used.octets += counter_read(
			sa->inbound ? &sa->in->lane[i].octets : &sa->out->lane[i].octets);
	}
	return used;
}

// NULL: nothing has run out.
static const char *over(const struct used *used, const struct config_limits *limits)
{
	if (limits->seconds > 0 && used->seconds >= limits->seconds)
		return "seconds";
	if (limits->octets > 0 && used->octets >= limits->octets)
		return "octets";
	if (limits->packets > 0 && used->packets >= limits->packets)
		return "packets";
	return NULL;
}

// Fifteen sixteenths of an outbound SA's numbers are used.
static bool numbers_run_out(const struct gateway *gateway, const struct sa *sa)
{
	uint64_t last = sa->params.proto->last_seq(sa->params.esn);

	if (sa->inbound)
		return false;
	for (unsigned i = 0; i < gateway->dp->workers; i++)
		if (counter_read(&sa->out->lane[i].next) > last - last / 16)
			return true;
	return false;
}

// A key that may come back with the next start has come to its end with the SA.
static void expire(struct watch *watch, const struct config_sa *from, const char *reason)
{
	struct sa *sa = from->live;

	if (from->params.journaled)
		journal_service_end_key(watch->gateway->journal, from->fingerprint);
	sa->body->expired = true;
	watch->unstopped = true;
	log_notice("SA %s, SPI 0x%08x, has come to the end of its life: %s", sa->name,
		sa->params.spi, reason);
	notify_sa(watch->gateway, "hard-expire", sa, reason);
}

static void look_at(struct watch *watch, const struct config_sa *from, uint64_t now_ms)
{
	struct used used = used_of(watch->gateway, from->live, now_ms);
	struct sa *sa = from->live;
	const char *soft = over(&used, &from->soft);
	const char *hard = over(&used, &from->hard);

	if (!sa->numbers_told && numbers_run_out(watch->gateway, sa)) {
		sa->numbers_told = true;
		notify_sa(watch->gateway, "sequence-space", sa, "numbers");
	}
	if (soft && !sa->soft_told) {
		sa->soft_told = true;
		notify_sa(watch->gateway, "soft-expire", sa, soft);
	}
	if (hard && !sa->body->expired)
		expire(watch, from, hard);
	watch->over |= sa->body->expired && !watch->removal;
}

// What cannot be removed carries nothing meanwhile.
static void on_refused(struct watch *watch, const struct error *refusal)
{
	struct error err;

	if (!watch->refused)
		log_error("SAs at the end of their lives could not be removed, which is tried "
			  "again every second: %s",
			refusal->text);
	watch->refused = true;
	watch->over = true;
	if (!watch->unstopped)
		return;
	watch->unstopped = apply_expiry(watch->gateway, &err) < 0;
	if (watch->unstopped)
		log_error("SAs at the end of their lives go on: %s", err.text);
}

static void on_removed(void *arg, int ret, json_t *results, const struct error *err)
{
	struct watch *watch = arg;

	(void)results;
	watch->removal = NULL;
	if (ret < 0) {
		on_refused(watch, err);
		return;
	}
	if (watch->refused)
		log_notice("SAs at the end of their lives are removed now");
	watch->refused = false;
}

static void remove_expired(struct watch *watch)
{
	static const struct request expiry = {.name = "expire", .change = change_expire};
	const struct change_step step = {.request = &expiry, .arguments = NULL};
	struct error err;

	if (!watch->over || watch->removal || (watch->refused && watch->turn != 0))
		return;
	watch->over = false;
	if (changes_submit(watch->gateway->changes, &author_daemon, &step, 1, on_removed, watch,
		    &watch->removal, &err) < 0)
		on_refused(watch, &err);
}

static void look_at_sas(struct watch *watch)
{
	const struct config *config = watch->gateway->config;
	uint64_t now_ms = limiter_now_ms();

	for (unsigned i = watch->turn; i < config->tunnels_n; i += TICKS) {
		const struct config_tunnel *tunnel = &config->tunnels[i];

		if (tunnel->has_out)
			look_at(watch, &tunnel->out, now_ms);
		for (unsigned k = 0; k < tunnel->in_n; k++)
			look_at(watch, &tunnel->in[k], now_ms);
	}
	remove_expired(watch);
}

static void tell_audited(struct watch *watch)
{
	const struct gateway *gateway = watch->gateway;
	uint64_t newest = audit_newest(gateway->audit);

	// A flood that displaced records is told from where they are left.
	if (newest - watch->audited > AUDIT_RECORDS)
		watch->audited = newest - AUDIT_RECORDS;
	while (watch->audited < newest)
		notify(gateway, show_event(gateway, audit_find(gateway->audit, ++watch->audited)));
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct watch *watch = arg;

	(void)fd;
	(void)what;
	tell_audited(watch);
	look_at_sas(watch);
	if (watch->turn == 0)
		links_look(watch->links);
	watch->turn = (watch->turn + 1) % TICKS;
}

int watch_create(struct gateway *gateway, struct watch **created, struct error *err)
{
	static const struct timeval period = {.tv_usec = TICK_MS * 1000};
	struct watch *watch = calloc(1, sizeof(*watch));
	int ret = watch ? links_create(gateway, &watch->links) : -ENOMEM;

	if (ret == 0) {
		watch->tick = event_new(gateway->events, -1, EV_PERSIST, on_tick, watch);
		ret = watch->tick && event_add(watch->tick, &period) == 0 ? 0 : -ENOMEM;
	}
	if (ret < 0) {
		watch_destroy(watch);
		return error_set(
			err, -ret, "lifetimes and links cannot be watched: %s", strerror(-ret));
	}
	watch->gateway = gateway;
	*created = watch;
	return 0;
}

void watch_destroy(struct watch *watch)
{
	if (!watch)
		return;
	if (watch->tick)
		event_free(watch->tick);
	changes_forget(watch->removal);
	links_destroy(watch->links);
	free(watch);
}
