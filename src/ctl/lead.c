// Packets counted in thirds of the time that is looked at.
#include "ctl/lead.h"

#define NS_PER_MS UINT64_C(1000000)
#define PART_NS (200 * NS_PER_MS)
// A counter that runs ever faster than it is seen to.
#define SIZE_MAX_PACKETS (UINT64_C(1) << 32)

void lead_init(struct lead *lead, uint64_t floor)
{
	*lead = (struct lead){.floor = floor, .size = floor};
}

void lead_count(struct lead *lead, uint64_t packets, uint64_t now_ns)
{
	uint64_t parts = (now_ns - lead->begin_ns) / PART_NS;

	lead->now = packets - lead->counted;
	if (parts == 0)
		return;
	lead->before[1] = parts == 1 ? lead->before[0] : 0;
	// Longer than a part: what came in it is spread over its time.
	lead->before[0] = lead->now / parts;
	if (parts > 1)
		lead->before[1] = lead->before[0];
	lead->counted = packets;
	lead->begin_ns += parts * PART_NS;
	lead->now = 0;
}

uint64_t lead_target(const struct lead *lead)
{
	uint64_t target = 2 * (lead->before[0] + lead->before[1] + lead->now);

	return target > lead->floor ? target : lead->floor;
}

uint64_t lead_before_edge(struct lead *lead)
{
	lead->size = lead_target(lead);
	return lead->size;
}

uint64_t lead_after_edge(struct lead *lead, uint64_t held_up)
{
	uint64_t size = 2 * (lead->size > held_up ? lead->size : held_up);
	uint64_t target = lead_target(lead);

	lead->size = size > SIZE_MAX_PACKETS ? SIZE_MAX_PACKETS : size;
	if (lead->size < target)
		lead->size = target;
	return lead->size;
}
