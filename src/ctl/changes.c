// Drafts of the configuration, gathered and put in force.
#include "ctl/changes.h"

#include "base/log.h"
#include "ctl/apply.h"
#include "ctl/config_tables.h"
#include "ctl/gateway.h"
#include "ctl/limiter.h"
#include "ctl/live.h"
#include "ctl/request.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#define GATHER_MAX_MS 100
// Workers that are about to use the tables before are looked at so often, and a worker that stands
// still is waited for no longer.
#define SETTLE_LOOK_US 500
#define SETTLE_MAX_MS 2000

struct change_ticket {
	struct change_ticket *next;
	change_done *done; // NULL: forgotten
	void *arg;
};

struct changes {
	struct gateway *gateway;
	struct config *pending; // NULL: nothing waits
	struct change_ticket *first;
	struct change_ticket **last;
	struct event *due;
	uint64_t took_ms; // to put the last one in force
	// In force, and to be told so once all workers go by it.
	struct change_ticket *settling;
	struct event *settle;
	uint64_t mark;
	uint64_t marked_ms;
};

static void *copy_of(const void *items, size_t n, size_t octets)
{
	void *copied = calloc(n + 1, octets);

	if (copied && n > 0)
		memcpy(copied, items, n * octets);
	return copied;
}

static void draft_free(struct config *draft)
{
	if (!draft)
		return;
	free(draft->tunnels);
	free(draft->policies);
	name_index_forget(&draft->tunnel_names);
	name_index_forget(&draft->policy_names);
	free(draft);
}

static struct config *draft_of(const struct config *config)
{
	struct config *draft = malloc(sizeof(*draft));

	if (!draft)
		return NULL;
	*draft = *config;
	draft->tunnel_names = (struct name_index){.n = 0};
	draft->policy_names = (struct name_index){.n = 0};
	draft->tunnels = copy_of(config->tunnels, config->tunnels_n, sizeof(*config->tunnels));
	draft->policies = copy_of(config->policies, config->policies_n, sizeof(*config->policies));
	if (draft->tunnels && draft->policies)
		return draft;
	draft_free(draft);
	return NULL;
}

static struct change_ticket *take_tickets(struct changes *changes)
{
	struct change_ticket *first = changes->first;

	changes->first = NULL;
	changes->last = &changes->first;
	return first;
}

static void tell(struct change_ticket *ticket, int ret, const struct error *err)
{
	while (ticket) {
		struct change_ticket *next = ticket->next;

		if (ticket->done)
			ticket->done(ticket->arg, ret, err);
		free(ticket);
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
	if (changes->pending)
		schedule(changes);
	tell(settled, 0, NULL);
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
	struct changes *changes = arg;
	struct config *next = changes->pending;
	struct error err = {.text = ""};
	uint64_t start = limiter_now_ms();
	int ret;

	(void)fd;
	(void)what;
	if (!next)
		return;
	changes->pending = NULL;
	ret = apply(changes->gateway, next, &err);
	if (ret < 0)
		log_error("a change could not be put in force: %s", err.text);
	draft_free(next);
	if (ret < 0)
		sweep(changes);
	changes->took_ms = limiter_now_ms() - start;
	// The time for reading the answer begins now, not when this began.
	event_base_update_cache_time(changes->gateway->events);
	if (ret < 0) {
		tell(take_tickets(changes), ret, &err);
		return;
	}
	changes->settling = take_tickets(changes);
	changes->mark = dataplane_mark(changes->gateway->dp);
	changes->marked_ms = limiter_now_ms();
	on_settle(-1, 0, changes);
}

static int check(struct gateway *gateway, struct config *draft, struct error *err)
{
	struct reader reader = {
		.config = draft,
		.protos = gateway->dp->protos,
		.engines = gateway->dp->engines,
		.err = err,
	};
	int ret = check_tunnels(&reader);

	return ret == 0 ? check_policies(&reader) : ret;
}

static int run_steps(struct change *change, const struct change_step *steps, unsigned n,
	json_t *results, struct error *err)
{
	for (unsigned i = 0; i < n; i++) {
		json_t *result = NULL;
		int ret = steps[i].request->change(change, steps[i].arguments, &result, err);

		if (ret < 0) {
			json_decref(result);
			if (n > 1)
				error_prefix(err, "request %u of the batch, %s: ", i + 1,
					steps[i].request->name);
			return ret;
		}
		json_array_append_new(results, result ? result : json_object());
	}
	return 0;
}

int changes_submit(struct changes *changes, uint16_t owner, const struct change_step *steps,
	unsigned n, change_done *done, void *arg, struct change_ticket **ticket, json_t **result,
	struct error *err)
{
	struct gateway *gateway = changes->gateway;
	struct change change = {
		.gateway = gateway,
		.draft = draft_of(changes->pending ? changes->pending : gateway->config),
		.owner = owner,
	};
	struct change_ticket *made = calloc(1, sizeof(*made));
	json_t *results = json_array();
	int ret = change.draft && made && results ? 0 : error_set(err, ENOMEM, "no memory");

	if (ret == 0)
		ret = run_steps(&change, steps, n, results, err);
	if (ret == 0)
		ret = check(gateway, change.draft, err);
	if (ret < 0) {
		draft_free(change.draft);
		free(made);
		json_decref(results);
		sweep(changes);
		return ret;
	}
	draft_free(changes->pending);
	changes->pending = change.draft;
	made->done = done;
	made->arg = arg;
	*changes->last = made;
	changes->last = &made->next;
	*ticket = made;
	*result = results;
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
	if (!changes->due || !changes->settle) {
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
	tell(take_tickets(changes), -ESHUTDOWN, &err);
	draft_free(changes->pending);
	if (changes->due)
		event_free(changes->due);
	if (changes->settle)
		event_free(changes->settle);
	free(changes);
}

int change_may(const struct change *change, uint16_t owner, const char *what, const char *name,
	struct error *err)
{
	if (change->owner == OWNER_OPERATOR || change->owner == owner)
		return 0;
	return error_set(err, EPERM,
		"%s \"%s\" belongs to somebody else; who says hello with an owner changes what is "
		"that owner's",
		what, name);
}

struct config_tunnel *change_find_tunnel(struct config *config, const char *name)
{
	unsigned at = name_index_find(&config->tunnel_names, config->tunnels, config->tunnels_n,
		sizeof(config->tunnels[0]), name);

	return at < config->tunnels_n ? &config->tunnels[at] : NULL;
}

struct config_tunnel *change_tunnel(
	const struct change *change, const char *name, struct error *err)
{
	struct config_tunnel *tunnel = change_find_tunnel(change->draft, name ? name : "");

	if (!tunnel)
		error_set(err, ENOENT, "there is no tunnel \"%.64s\"", name ? name : "");
	return tunnel;
}

struct config_sa *change_find_sa(struct config_tunnel *tunnel, bool inbound, uint32_t spi)
{
	if (!inbound)
		return tunnel->has_out && tunnel->out.params.spi == spi ? &tunnel->out : NULL;
	for (unsigned i = 0; i < tunnel->in_n; i++)
		if (tunnel->in[i].params.spi == spi)
			return &tunnel->in[i];
	return NULL;
}

void change_remove_sa(struct config_tunnel *tunnel, struct config_sa *sa)
{
	unsigned at;

	if (sa == &tunnel->out) {
		tunnel->has_out = false;
		memset(sa, 0, sizeof(*sa));
		return;
	}
	at = (unsigned)(sa - tunnel->in);
	tunnel->in_n--;
	memmove(sa, sa + 1, (tunnel->in_n - at) * sizeof(*sa));
	memset(&tunnel->in[tunnel->in_n], 0, sizeof(*sa));
}
