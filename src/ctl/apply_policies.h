// What apply.c does about policies.
#pragma once

#include "base/error.h"

#include <stdbool.h>

struct apply_diff;
struct config;
struct gateway;
struct spd;

// The table of next's policies, the caller's; NULL: that in force stays. 0 or -errno.
int apply_build_spd(struct gateway *gateway, const struct config *next,
	const struct apply_diff *diff, struct spd **spd, struct error *err);
// The host guard has the same rules for both.
bool apply_same_guarded(const struct config *a, const struct config *b);
// Before spd, made of next's policies, is published (NULL: the table in force stays): next's
// policies have the hits of those of the same names.
void apply_carry_hits(const struct gateway *gateway, struct config *next, const struct spd *spd);
