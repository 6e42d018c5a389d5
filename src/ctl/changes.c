// Drafts of the configuration, gathered and put in force: one draft for all who ask within a
// moment, and where that cannot be, one for each of them.
#include "ctl/changes.h"

#include "base/log.h"
#include "ctl/apply.h"
#include "ctl/change_draft.h"
#include "ctl/change_log.h"
#include "ctl/gateway.h"
#include "ctl/journal_service.h"
#include "ctl/limiter.h"
#include "ctl/live.h"
#include "ctl/request.h"
#include "ctl/service.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#define GATHER_MAX_MS 100
// Workers that are about to use the tables before are looked at so often, and a worker that stands
// still is waited for no longer.
#define SETTLE_LOOK_US 500
#define SETTLE_MAX_MS 2000
// Steps between looks at the leases, which are used up meanwhile, and at the watchdog.
#define STEPS_A_LOOK 64

struct change_ticket {
	struct change_ticket *next;
	change_done *done; // NULL: forgotten
	void *arg;
	json_t *results; // of its steps, once they have edited a draft
	struct author author;
	unsigned n;
	struct change_step step[]; // with a reference to each one's arguments
};

struct changes {
	struct gateway *gateway;
	struct change_log *log;
	struct config *pending; // of all tickets that wait; NULL: there is none
	struct change_ticket *first;
	struct change_ticket **last;
	// All together could not be put in force: tickets take turns with drafts of their own, and
	// edit these when it is theirs.
	bool by_turns;
	struct event *due;
	uint64_t took_ms; // to put the last one in force
	// In force, and to be told so once all workers go by it.
	struct change_ticket *settling;
	struct event *settle;
	uint64_t mark;
	uint64_t marked_ms;
};

static void ticket_free(struct change_ticket *ticket)
{
	if (!ticket)
		return;
	for (unsigned i = 0; i < ticket->n; i++)
		json_decref((json_t *)(uintptr_t)ticket->step[i].arguments);
	json_decref(ticket->results);
	free(ticket);
}

static struct change_ticket *ticket_of(const struct change_step *steps, unsigned n)
{
	struct change_ticket *ticket = calloc(1, sizeof(*ticket) + n * sizeof(ticket->step[0]));

	if (!ticket)
		return NULL;
	ticket->n = n;
	for (unsigned i = 0; i < n; i++) {
		ticket->step[i] = steps[i];
		json_incref((json_t *)(uintptr_t)steps[i].arguments);
	}
	return ticket;
}

static void append(struct changes *changes, struct change_ticket *ticket)
{
	*changes->last = ticket;
	while (*changes->last)
		changes->last = &(*changes->last)->next;
}

// All of them, or the first while they take turns.
static struct change_ticket *take_tickets(struct changes *changes)
{
	struct change_ticket *first = changes->first;

	changes->first = NULL;
	changes->last = &changes->first;
	if (first && changes->by_turns) {
		append(changes, first->next);
		first->next = NULL;
	}
	return first;
}

static void tell(struct change_ticket *ticket, int ret, const struct error *err)
{
	while (ticket) {
		struct change_ticket *next = ticket->next;

		if (ticket->done)
			ticket->done(ticket->arg, ret, ticket->results, err);
		ticket_free(ticket);
		ticket = next;
	}
}

static void sweep(struct changes *changes)
{
	const struct config *const named[] = {changes->gateway->config, changes->pending};

	live_sweep(changes->gateway, named, 2);
}

// Large tables wait longer for company, so that building them does not take all of the time.
static void schedule(struct changes *changes)
{
	uint64_t wait_ms = changes->took_ms < GATHER_MAX_MS ? changes->took_ms : GATHER_MAX_MS;
	const struct timeval wait = {.tv_usec = (suseconds_t)wait_ms * 1000};

	if (!changes->settling && !evtimer_pending(changes->due, NULL))
		evtimer_add(changes->due, &wait);
}

// A worker that has begun its turn before goes on by the tables before, for as long as the kernel
// keeps it from its CPU, and whoever hears that an SA is there may send by it at once.
static void on_settle(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval wait = {.tv_usec = SETTLE_LOOK_US};
	struct changes *changes = arg;
	struct change_ticket *settled = changes->settling;

	(void)fd;
	(void)what;
	if (!dataplane_passed(changes->gateway->dp, changes->mark) &&
		limiter_now_ms() - changes->marked_ms < SETTLE_MAX_MS) {
		evtimer_add(changes->settle, &wait);
		return;
	}
	changes->settling = NULL;
	if (changes->first)
		schedule(changes);
	tell(settled, 0, NULL);
}

static void look_aside(const struct gateway *gateway)
{
	journal_service_poll(gateway->journal);
	service_look(gateway->service);
}

static int run_steps(
	struct change *change, struct change_ticket *ticket, json_t *results, struct error *err)
{
	for (unsigned i = 0; i < ticket->n; i++) {
		struct change_step *step = &ticket->step[i];
		unsigned tunnels = change->draft->tunnels_n;
		json_t *result = NULL;
		int ret;

		change->extent = step->request->looks ? CHANGE_NONE : CHANGE_ALL;
		ret = step->request->change(change, step->arguments, &result, err);
		change_end_step(change, tunnels);
		step->edited = change->extent != CHANGE_NONE;
		if (i % STEPS_A_LOOK == STEPS_A_LOOK - 1)
			look_aside(change->gateway);

		if (ret < 0) {
			json_decref(result);
			if (ticket->n > 1)
				error_prefix(err, "request %u of the batch, %s: ", i + 1,
					step->request->name);
			return ret;
		}
		json_array_append_new(results, result ? result : json_object());
	}
	return 0;
}

// What is pending is what it was, or has the ticket's changes too, where it has any.
static int edit(struct changes *changes, struct change_ticket *ticket, struct error *err)
{
	struct gateway *gateway = changes->gateway;
	struct change change = {
		.gateway = gateway,
		.draft = draft_of(changes->pending ? changes->pending : gateway->config),
		.owner = ticket->author.owner,
	};
	json_t *results = json_array();
	int ret = change.draft && results ? 0 : error_set(err, ENOMEM, "no memory");

	if (ret == 0)
		ret = run_steps(&change, ticket, results, err);
	if (ret == 0)
		ret = change_check(&change, err);
	if (ret < 0) {
		draft_free(change.draft);
		json_decref(results);
		sweep(changes);
		return ret;
	}
	if (change.edited) {
		draft_free(changes->pending);
		changes->pending = change.draft;
	} else {
		draft_free(change.draft);
	}
	json_decref(ticket->results);
	ticket->results = results;
	return 0;
}

static int put_in_force(struct changes *changes, struct error *err)
{
	struct config *next = changes->pending;
	uint64_t start = limiter_now_ms();
	int ret;

	if (!next)
		return 0;
	changes->pending = NULL;
	service_look(changes->gateway->service);
	ret = apply(changes->gateway, next, err);
	service_look(changes->gateway->service);
	draft_free(next);
	if (ret < 0)
		sweep(changes);
	changes->took_ms = limiter_now_ms() - start;
	// The time for reading the answer begins now, not when this began.
	event_base_update_cache_time(changes->gateway->events);
	return ret;
}

// One that is at fault must not undo what others have asked for.
static void take_turns(struct changes *changes, struct change_ticket *tickets)
{
	changes->by_turns = true;
	append(changes, tickets);
	schedule(changes);
}

// Whoever submits the daemon's own changes tells of them.
static bool is_daemons(const struct change_ticket *ticket)
{
	return ticket->author.pid == AUTHOR_DAEMON;
}

static void tell_log(struct changes *changes, const struct change_ticket *ticket)
{
	for (; ticket; ticket = ticket->next)
		if (!is_daemons(ticket))
			change_log_add(changes->log, &ticket->author, ticket->step, ticket->n);
}

static void on_refused(
	struct changes *changes, struct change_ticket *ticket, int ret, const struct error *err)
{
	char who[AUTHOR_TEXT];

	if (!is_daemons(ticket))
		log_error("control: %s: a change could not be put in force: %s",
			author_text(&changes->gateway->owners, &ticket->author, who), err->text);
	if (changes->first)
		schedule(changes);
	tell(ticket, ret, err);
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
	struct changes *changes = arg;
	struct change_ticket *tickets = take_tickets(changes);
	struct error err = {.text = ""};
	int ret = 0;

	(void)fd;
	(void)what;
	if (!tickets)
		return;
	if (changes->by_turns)
		ret = edit(changes, tickets, &err);
	if (ret == 0)
		ret = put_in_force(changes, &err);
	changes->by_turns = changes->first != NULL;
	if (ret < 0 && tickets->next) {
		take_turns(changes, tickets);
		return;
	}
	if (ret < 0) {
		on_refused(changes, tickets, ret, &err);
		return;
	}
	tell_log(changes, tickets);
	changes->settling = tickets;
	changes->mark = dataplane_mark(changes->gateway->dp);
	changes->marked_ms = limiter_now_ms();
	on_settle(-1, 0, changes);
}

int changes_look(struct changes *changes, const struct author *author,
	const struct change_step *step, json_t **result, struct error *err)
{
	struct change change = {
		.gateway = changes->gateway,
		.draft = changes->pending ? changes->pending : changes->gateway->config,
		.owner = author->owner,
	};

	return step->request->change(&change, step->arguments, result, err);
}

int changes_submit(struct changes *changes, const struct author *author,
	const struct change_step *steps, unsigned n, change_done *done, void *arg,
	struct change_ticket **ticket, struct error *err)
{
	struct change_ticket *made = ticket_of(steps, n);
	int ret = made ? 0 : error_set(err, ENOMEM, "no memory");

	if (ret == 0) {
		made->author = *author;
		made->done = done;
		made->arg = arg;
	}
	if (ret == 0 && !changes->by_turns) {
		ret = edit(changes, made, err);
		// Timers that are set now have not waited since this began.
		event_base_update_cache_time(changes->gateway->events);
	}
	if (ret < 0) {
		ticket_free(made);
		return ret;
	}
	append(changes, made);
	*ticket = made;
	schedule(changes);
	return 0;
}

void changes_forget(struct change_ticket *ticket)
{
	if (ticket)
		ticket->done = NULL;
}

int changes_create(struct gateway *gateway, struct changes **created, struct error *err)
{
	struct changes *changes = calloc(1, sizeof(*changes));

	if (!changes)
		return error_set(err, ENOMEM, "no memory for changes");
	changes->gateway = gateway;
	changes->last = &changes->first;
	changes->due = evtimer_new(gateway->events, on_due, changes);
	changes->settle = evtimer_new(gateway->events, on_settle, changes);
	changes->log = change_log_create(gateway->events, &gateway->owners);
	if (!changes->due || !changes->settle || !changes->log) {
		changes_destroy(changes);
		return error_set(err, ENOMEM, "no memory for changes");
	}
	*created = changes;
	return 0;
}

void changes_destroy(struct changes *changes)
{
	struct error err;

	if (!changes)
		return;
	error_set(&err, ESHUTDOWN, "the daemon stops");
	tell(changes->settling, -ESHUTDOWN, &err);
	changes->by_turns = false;
	tell(take_tickets(changes), -ESHUTDOWN, &err);
	draft_free(changes->pending);
	change_log_destroy(changes->log);
	if (changes->due)
		event_free(changes->due);
	if (changes->settle)
		event_free(changes->settle);
	free(changes);
}
