// What a configuration to be put in force has that the one in force has not, tunnel by tunnel, so
// that what stays costs no more than a look.
#pragma once

#include "ctl/config.h"

struct apply_diff {
	unsigned n;
	unsigned *tunnel; // [n] of the next configuration, by number: new or different
	bool gone;	  // some inbound SA of before is not there any more
	unsigned more_n;
	struct sa_in **more; // [more_n] inbound parts that were not there before
	bool ends;	     // tunnels may end elsewhere
};

// now: NULL where all is new. 0 or -ENOMEM.
int apply_diff_make(const struct config *now, const struct config *next, struct apply_diff *diff);
void apply_diff_free(struct apply_diff *diff);
