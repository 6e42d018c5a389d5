// The configuration that a change works on: a copy of what is in force, with all of its tunnels and
// policies, which shares their live objects.
#pragma once

#include "ctl/config.h"

struct gateway;

// What a step did to the draft.
enum change_extent {
	CHANGE_ALL,    // nobody knows: all is checked
	CHANGE_NONE,   // nothing
	CHANGE_LESS,   // removed something, which harms nothing that stays
	CHANGE_TUNNEL, // made a tunnel, or an SA of one
	CHANGE_POLICY, // made policies, or others of them
};

// What an edit works on.
struct change {
	struct gateway *gateway;
	struct config *draft;
	uint16_t owner; // of whoever asks
	// Of the step under way, which says so where it is less than it began with: all, or nothing
	// of what only looks.
	enum change_extent extent;
	unsigned tunnel;
	// Of all steps so far.
	bool edited;
	bool all;
	bool policies;
	unsigned tunnels;
	unsigned changed[CONFIG_CHECK_TUNNELS]; // [tunnels] by number, unless all
};

// NULL: no memory.
struct config *draft_of(const struct config *config);
// NULL is fine.
void draft_free(struct config *draft);

// A step has ended.
void change_end_step(struct change *change, unsigned tunnels_before);
// For a step: it did no more than to make this tunnel, or SAs of it.
void change_made(struct change *change, const struct config_tunnel *tunnel);
// What was edited goes together with all else. 0 or -errno.
int change_check(const struct change *change, struct error *err);

// Whoever asks may change what belongs to this owner. 0 or -EPERM.
int change_may(const struct change *change, uint16_t owner, const char *what, const char *name,
	struct error *err);
// Of the draft. NULL with err filled: there is none.
struct config_tunnel *change_tunnel(
	const struct change *change, const char *name, struct error *err);
struct config_sa *change_find_sa(struct config_tunnel *tunnel, bool inbound, uint32_t spi);
void change_remove_sa(struct config_tunnel *tunnel, struct config_sa *sa);
