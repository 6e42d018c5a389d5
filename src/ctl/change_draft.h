// The configuration that a change works on: a copy of what is in force, with all of its tunnels and
// policies, which shares their live objects.
#pragma once

#include "ctl/config.h"

struct gateway;

// What an edit works on.
struct change {
	struct gateway *gateway;
	struct config *draft;
	uint16_t owner; // of whoever asks
};

// NULL: no memory.
struct config *draft_of(const struct config *config);
// NULL is fine.
void draft_free(struct config *draft);

// Whoever asks may change what belongs to this owner. 0 or -EPERM.
int change_may(const struct change *change, uint16_t owner, const char *what, const char *name,
	struct error *err);
struct config_tunnel *change_find_tunnel(struct config *config, const char *name);
// The same; NULL with err filled where there is none.
struct config_tunnel *change_tunnel(
	const struct change *change, const char *name, struct error *err);
struct config_sa *change_find_sa(struct config_tunnel *tunnel, bool inbound, uint32_t spi);
void change_remove_sa(struct config_tunnel *tunnel, struct config_sa *sa);
