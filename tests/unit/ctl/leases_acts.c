// Workers that send and receive, and peers that send what was captured again.
#include "leases_world.h"

static void send(struct world *w, unsigned sa, unsigned worker, struct lane_run *run, unsigned n)
{
	struct counter *counter = &w->out[sa][world_proto(sa)->one_encryptor ? 0 : worker];

	for (unsigned i = 0; i < n && lane_has_number(run); i++) {
		w->violations += run->seq < counter->high;
		counter->high = run->seq + 1;
		w->sent++;
		lane_take(run, 100);
	}
	lane_end(run);
}

static unsigned worker_of(struct world *w, unsigned sa)
{
	return world_proto(sa)->one_encryptor ? w->sa[sa]->out->owner
					      : (unsigned)random_below(&w->random, WORLD_WORKERS);
}

// Sometimes long ones: leads follow the rate.
static unsigned some(struct world *w)
{
	static const unsigned most[] = {3, 30, 300, 60000};

	return 1 + (unsigned)random_below(&w->random, most[random_below(&w->random, 4)]);
}

void act_send(struct world *w)
{
	unsigned sa = (unsigned)random_below(&w->random, 3);
	struct lane_run run = lane_begin(&w->sa[sa]->out->lane[worker_of(w, sa)]);

	if (!w->burst.open && random_below(&w->random, 2) == 0) {
		w->burst = (struct open_burst){.open = true, .sa = sa, .run = run};
		return;
	}
	// A lane is in one burst at a time.
	if (w->burst.open && w->burst.sa == sa && w->burst.run.lane == run.lane)
		return;
	send(w, sa, (unsigned)(run.lane - w->sa[sa]->out->lane), &run, some(w));
}

void act_send_some(struct world *w, unsigned sa, unsigned worker, unsigned most)
{
	struct lane_run run = lane_begin(&w->sa[sa]->out->lane[worker]);

	send(w, sa, worker, &run, most);
}

static bool deliver_once(struct world *w, unsigned sa, unsigned window, uint64_t seq)
{
	uint64_t entry = (seq * WORLD_SAS + sa) * WORLD_WINDOWS + window + 1;
	uint64_t at = (entry * UINT64_C(0x9e3779b97f4a7c15)) >> 43;

	for (; w->delivered[at % WORLD_DELIVERED_SLOTS] != 0; at++)
		if (w->delivered[at % WORLD_DELIVERED_SLOTS] == entry)
			return false;
	w->delivered[at % WORLD_DELIVERED_SLOTS] = entry;
	return true;
}

static struct window_slot *slot_of(struct world *w, unsigned sa, unsigned window)
{
	struct sa_in *in = w->sa[sa]->in;
	struct window_slot *slot;

	assert_int_equal(
		window_claim(in->windows, &w->pool, world_name(w, sa, window).id_word, 0, &slot),
		DROP_NONE);
	return slot;
}

static void deliver(struct world *w, unsigned sa, unsigned window, uint64_t seq)
{
	struct counter *counter = &w->in[sa][window];

	w->got++;
	w->violations += !deliver_once(w, sa, window, seq);
	if (seq >= counter->high)
		counter->high = seq + 1;
}

static void receive(struct world *w, unsigned sa, unsigned window, uint64_t seq)
{
	if (window_commit(slot_of(w, sa, window), seq) == VERDICT_ACCEPT)
		deliver(w, sa, window, seq);
	else
		w->refused++;
}

// As far as the edge reached when the burst began.
static void receive_by_old_edge(struct world *w, const struct open_burst *burst, unsigned n)
{
	struct window_slot *slot = slot_of(w, burst->sa, burst->window);
	struct replay_window *window = atomic_load(&slot->window);
	uint64_t *next = &w->in[burst->sa][burst->window].peer;

	for (unsigned i = 0; i < n && *next + 1 < burst->edge; i++)
		if (replay_commit(window, ++*next) == REPLAY_NEW) {
			counter_add(&window->accepted, 1);
			deliver(w, burst->sa, burst->window, *next);
		}
}

// Now and then a window that is new.
static unsigned some_window(struct world *w, unsigned sa)
{
	if (world_proto(sa)->one_encryptor)
		return 0;
	return (unsigned)random_below(
		&w->random, random_below(&w->random, 20) == 0 ? WORLD_WINDOWS : 2);
}

static void open_in(struct world *w, unsigned sa, unsigned window)
{
	const struct replay_window *of = atomic_load(&slot_of(w, sa, window)->window);

	w->burst = (struct open_burst){
		.open = true, .sa = sa, .window = window, .edge = atomic_load(&of->edge)};
}

void act_receive(struct world *w)
{
	unsigned sa = 3 + (unsigned)random_below(&w->random, 3);
	unsigned window = some_window(w, sa);
	struct counter *counter = &w->in[sa][window];
	unsigned n = 1 + (some(w) - 1) % 300;

	if (!w->burst.open && random_below(&w->random, 3) == 0) {
		open_in(w, sa, window);
		return;
	}
	// A window has one owner, which is busy.
	if (w->burst.open && w->burst.sa == sa && w->burst.window == window)
		return;
	// Or a peer that goes on far ahead.
	if (random_below(&w->random, 40) == 0)
		counter->peer += random_below(&w->random, 1u << 20);
	for (unsigned i = 0; i < n; i++)
		receive(w, sa, window, ++counter->peer);
	// Everything captured comes again.
	for (unsigned i = 0; i < 40; i++)
		receive(w, sa, window, counter->peer - random_below(&w->random, counter->peer));
}

void act_receive_one(struct world *w, unsigned sa, unsigned window)
{
	receive(w, sa, window, ++w->in[sa][window].peer);
}

// The worker loaded the edge before control changed it, and judges by it after.
void act_close_burst(struct world *w)
{
	struct open_burst *burst = &w->burst;

	if (!burst->open)
		return;
	if (world_is_out(burst->sa))
		send(w, burst->sa, (unsigned)(burst->run.lane - w->sa[burst->sa]->out->lane),
			&burst->run, some(w));
	else
		receive_by_old_edge(w, burst, 300);
	burst->open = false;
	w->grace++;
}
