// What a worker does that found nothing to do: goes on polling, or leaves its CPU to others for a
// while, where CPUs are fewer than workers.
#pragma once

#include "base/compiler.h"

#include <stdbool.h>
#include <time.h>

#define NAP_TURNS 64
#define NAP_NS 20000

struct nap {
	bool idle;	// may sleep
	unsigned empty; // turns in a row
};

static ALWAYS_INLINE void nap_turn(struct nap *nap, unsigned found)
{
	static const struct timespec pause = {.tv_nsec = NAP_NS};

	nap->empty = found != 0 ? 0 : nap->empty + 1;
	if (unlikely(nap->idle && nap->empty >= NAP_TURNS))
		nanosleep(&pause, NULL);
}
