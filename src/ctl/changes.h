// Changes of tunnels, SAs and policies while the gateway runs. A change edits a draft of the
// configuration; the draft is checked as a whole, gathered with others for a moment, and put in
// force at once. So a change is all or nothing, and whoever asked hears when it is live.
#pragma once

#include "ctl/config.h"

#include <jansson.h>

struct changes;
struct change_ticket;
struct gateway;
struct request;

// What an edit works on.
struct change {
	struct gateway *gateway;
	struct config *draft;
	uint16_t owner; // of whoever asks
};

// One request that edits.
struct change_step {
	const struct request *request;
	const json_t *arguments;
};

// It is live (0), every worker goes by it; or nothing of it is (-errno). The ticket is gone.
typedef void change_done(void *arg, int ret, const struct error *err);

int changes_create(struct gateway *gateway, struct changes **created, struct error *err);
// Those that wait are told -ESHUTDOWN. NULL is fine.
void changes_destroy(struct changes *changes);

// Makes the draft, runs the steps, checks it all. 0: done is called later, and *result is a new
// reference to the steps' results, one after the other. -errno: err says which step.
int changes_submit(struct changes *changes, uint16_t owner, const struct change_step *steps,
	unsigned n, change_done *done, void *arg, struct change_ticket **ticket, json_t **result,
	struct error *err);
// Nobody is told; the change goes on. NULL is fine.
void changes_forget(struct change_ticket *ticket);

// Whoever asks may change what belongs to this owner. 0 or -EPERM.
int change_may(const struct change *change, uint16_t owner, const char *what, const char *name,
	struct error *err);
struct config_tunnel *change_find_tunnel(struct config *config, const char *name);
// The same; NULL with err filled where there is none.
struct config_tunnel *change_tunnel(
	const struct change *change, const char *name, struct error *err);
struct config_sa *change_find_sa(struct config_tunnel *tunnel, bool inbound, uint32_t spi);
void change_remove_sa(struct config_tunnel *tunnel, struct config_sa *sa);
