// Neighbours that the kernel has taken away without a word that they do not answer, for want of
// room as a rule: while they are in use they keep their last link address for some seconds, in
// which the kernel is asked for them anew.
#include "ctl/mirror_private.h"

#include "ctl/limiter.h"

#define GRACE_MS 5000 // room that others took comes back when they fail, after 3 s

static void end(struct mirror *mirror, struct mirror_neighbour *n)
{
	mirror->neighbours.present--;
	mirror->neighbours_changed = true;
	n->present = false;
	n->grace_ms = 0;
}

bool mirror_grace_begin(const struct mirror *mirror, struct mirror_neighbour *n)
{
	if (n->fixed || !n->present || n->entry.failed ||
		!mirror_keep_uses(mirror, n->entry.port, &n->entry.addr))
		return false;
	if (n->grace_ms == 0)
		n->grace_ms = limiter_now_ms() + GRACE_MS;
	return true;
}

void mirror_grace_tick(struct mirror *mirror)
{
	struct mirror_neighbours *table = &mirror->neighbours;
	uint64_t now_ms = limiter_now_ms();

	for (uint32_t i = 0; table->slot && i <= table->mask; i++) {
		struct mirror_neighbour *n = &table->slot[i];

		if (n->grace_ms == 0)
			continue;
		if (now_ms >= n->grace_ms)
			end(mirror, n);
		else
			mirror_keep_ask(mirror, n->entry.port, &n->entry.addr);
	}
}

void mirror_grace_routes(struct mirror *mirror)
{
	struct mirror_neighbours *table = &mirror->neighbours;

	for (uint32_t i = 0; table->slot && i <= table->mask; i++) {
		struct mirror_neighbour *n = &table->slot[i];

		if (n->grace_ms != 0 && !mirror_keep_uses(mirror, n->entry.port, &n->entry.addr))
			end(mirror, n);
	}
}

void mirror_grace_link(struct mirror *mirror, uint8_t port)
{
	struct mirror_neighbours *table = &mirror->neighbours;

	for (uint32_t i = 0; table->slot && i <= table->mask; i++) {
		struct mirror_neighbour *n = &table->slot[i];

		if (n->present && !n->fixed && n->entry.port == port)
			end(mirror, n);
	}
}
