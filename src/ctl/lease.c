// When a counter's edge moves, and in which order its worker and the disk learn of it: up, the disk
// first; down, the worker first.
#include "ctl/lease.h"

#include "base/counter.h"

#define IN_FLOOR 16
// Costs nothing but numbers, of which 64 bits have enough.
#define OUT_FLOOR (UINT64_C(1) << 20)
#define OUT_FLOOR_SHORT (UINT64_C(1) << 16)

// A peer that starts again goes on behind its lease, or by its clock, and says nothing of its rate.
// What is no further than this was held up, and so is what is further twice within a short time.
#define HELD_UP_MAX 16384
#define FAR_AGAIN_NS UINT64_C(1000000000)

// A packet has at most 64 KiB.
#define BLOCKS_PER_PACKET 4096

// So many leads the edge may move at once with one write.
#define BOUND_LEADS 4

static uint64_t add(uint64_t a, uint64_t b, uint64_t most)
{
	return b > most || a > most - b ? most : a + b;
}

// The next number that the counter has not passed.
static uint64_t position(const struct lease *lease)
{
	uint64_t top;

	if (lease->lane)
		return counter_read(&lease->lane->next);
	top = counter_read(&lease->window->top);
	return top == 0 ? 0 : top + 1;
}

// Where it would be if nothing had held it up.
static uint64_t asked(const struct lease *lease, uint64_t at)
{
	uint64_t wanted;

	if (lease->lane)
		return at;
	wanted = atomic_load_explicit(&lease->window->wanted, memory_order_relaxed);
	return wanted < at ? at : wanted + 1;
}

static uint64_t packets(const struct lease *lease)
{
	return counter_read(lease->lane ? &lease->lane->packets : &lease->window->accepted);
}

static uint64_t limit(const struct lease *lease)
{
	return lease->lowered != 0 ? lease->lowered : lease->edge;
}

static void set_limit(struct lease *lease, uint64_t edge)
{
	if (lease->lane)
		__atomic_store_n(&lease->lane->lease_end, edge, __ATOMIC_RELEASE);
	else
		atomic_store_explicit(&lease->window->edge, edge, memory_order_release);
}

void lease_open_out(
	struct lease *lease, struct sa_out_lane *lane, struct journal_record *record, uint64_t most)
{
	*lease = (struct lease){
		.lane = lane,
		.record = record,
		.most = most,
		.blocks_before = record->blocks,
	};
	lead_init(&lease->lead, most > UINT32_MAX + UINT64_C(1) ? OUT_FLOOR : OUT_FLOOR_SHORT);
}

void lease_open_in(struct lease *lease, struct replay_window *window, struct journal_record *record)
{
	*lease = (struct lease){.window = window, .record = record, .most = UINT64_MAX};
	lead_init(&lease->lead, IN_FLOOR);
	replay_resume(window, record->edge);
}

uint64_t lease_blocks(const struct lease *lease)
{
	// A trailer and a part of a block for each.
	return lease->blocks_before + counter_read(&lease->lane->octets) / 16 +
		2 * counter_read(&lease->lane->packets);
}

static void put(struct lease *lease, struct journal *journal, uint64_t at, uint64_t edge)
{
	uint64_t ahead = edge - at;

	if (lease->lane)
		lease->record->blocks = add(lease_blocks(lease),
			ahead < UINT64_MAX / BLOCKS_PER_PACKET ? ahead * BLOCKS_PER_PACKET
							       : UINT64_MAX,
			UINT64_MAX);
	lease->planned = edge;
	journal_put(journal, lease->record, edge,
		add(edge, BOUND_LEADS * lease->lead.size, lease->most));
}

// The worker must not pass what the disk is going to say.
static void lower(struct lease *lease, const struct lease_grace *grace, uint64_t edge)
{
	lease->lowered = edge;
	set_limit(lease, edge);
	lease->token = grace->start(grace->handle);
}

static bool plan_lowered(
	struct lease *lease, struct journal *journal, const struct lease_grace *grace)
{
	uint64_t at, ask;

	if (!grace->over(grace->handle, lease->token))
		return false;
	// All that the worker did by the higher edge is to be seen now.
	at = position(lease);
	ask = asked(lease, at);
	if (ask >= lease->lowered)
		put(lease, journal, at, add(ask, lead_before_edge(&lease->lead), lease->most));
	else
		put(lease, journal, at, lease->lowered);
	return true;
}

static bool was_held_up(struct lease *lease, uint64_t ask, uint64_t now_ns)
{
	bool again = lease->far_ns != 0 && now_ns - lease->far_ns < FAR_AGAIN_NS;

	if (ask < lease->edge || lease->edge == 0)
		return false;
	if (ask - lease->edge <= HELD_UP_MAX)
		return true;
	lease->far_ns = now_ns;
	return again;
}

// Where the rate has fallen since the edge was set, this would be lower: that takes another way.
static void put_higher(struct lease *lease, struct journal *journal, uint64_t at, uint64_t edge)
{
	if (edge > lease->edge)
		put(lease, journal, at, edge);
}

bool lease_plan(struct lease *lease, struct journal *journal, const struct lease_grace *grace,
	uint64_t now_ns)
{
	uint64_t at = position(lease);
	uint64_t ask = asked(lease, at);

	lead_count(&lease->lead, packets(lease), now_ns);
	if (lease->lowered != 0)
		return plan_lowered(lease, journal, grace);
	if (lease->edge == lease->most)
		return false;
	if (was_held_up(lease, ask, now_ns))
		put_higher(lease, journal, at,
			add(ask, lead_after_edge(&lease->lead, ask - lease->edge), lease->most));
	else if (ask >= lease->edge || lease->edge - at < lease->lead.size / 2)
		put_higher(
			lease, journal, at, add(ask, lead_before_edge(&lease->lead), lease->most));
	else if (lease->edge - at > 2 * lead_target(&lease->lead))
		lower(lease, grace, at + lead_before_edge(&lease->lead));
	return lease->planned != 0;
}

bool lease_apply(struct lease *lease)
{
	uint64_t before = limit(lease);

	if (lease->planned == 0)
		return false;
	lease->edge = lease->planned;
	lease->planned = 0;
	lease->lowered = 0;
	if (lease->lane && lease->edge == lease->most)
		atomic_store_explicit(
			&lease->lane->without_lease, DROP_seq_exhausted, memory_order_relaxed);
	set_limit(lease, lease->edge);
	return lease->edge > before;
}

void lease_stop(struct lease *lease, enum drop_reason reason)
{
	atomic_store_explicit(&lease->lane->without_lease, (uint16_t)reason, memory_order_relaxed);
	set_limit(lease, 0);
}

void lease_give_back(struct lease *lease, struct journal *journal)
{
	uint64_t at = position(lease);

	if (lease->edge == 0)
		return;
	if (lease->lane)
		lease->record->blocks = lease_blocks(lease);
	journal_put(journal, lease->record, at, at);
}
