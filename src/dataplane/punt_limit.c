// Leaky buckets without a division.
#include "dataplane/punt_limit.h"

#include <string.h>

static struct punt_rate make(uint64_t per_second, uint64_t tsc_hz)
{
	uint64_t burst = per_second / PUNT_BURST_PER_SECOND;
	uint64_t interval = tsc_hz / per_second;

	if (burst < PUNT_BURST_MIN)
		burst = PUNT_BURST_MIN;
	return (struct punt_rate){.interval = interval, .depth = (burst - 1) * interval};
}

void punt_limit_init(struct punt_limit *limit, uint32_t per_second, uint32_t part, uint64_t tsc_hz)
{
	uint32_t of_sender = per_second / part;

	memset(limit, 0, sizeof(*limit));
	if (per_second == 0)
		return;
	limit->all = make(per_second, tsc_hz);
	limit->sender = make(of_sender > 0 ? of_sender : 1, tsc_hz);
}

static bool fits(const struct punt_rate *rate, uint64_t due, uint64_t now)
{
	return due <= now + rate->depth;
}

static void take(const struct punt_rate *rate, uint64_t *due, uint64_t now)
{
	*due = (*due > now ? *due : now) + rate->interval;
}

bool punt_limit_take(struct punt_limit *limit, uint32_t sender, uint64_t now)
{
	uint64_t *sender_due = &limit->sender_due[sender % PUNT_SENDERS];

	if (!fits(&limit->sender, *sender_due, now) || !fits(&limit->all, limit->due, now))
		return false;
	take(&limit->sender, sender_due, now);
	take(&limit->all, &limit->due, now);
	return true;
}
