// Changes of tunnels, SAs and policies while the gateway runs. A change edits a draft of the
// configuration; the draft is checked as a whole, gathered with others for a moment, and put in
// force at once. So a change is all or nothing, and whoever asked hears when it is live.
#pragma once

#include "ctl/author.h"
#include "ctl/change_draft.h"

#include <jansson.h>

struct changes;
struct change_ticket;
struct gateway;
struct request;

// One request that edits.
struct change_step {
	const struct request *request;
	const json_t *arguments;
	bool edited; // it did something; known when it has run
};

// It is live (0), every worker goes by it, and results are those of its steps, one after the other;
// or nothing of it is (-errno, err says why). The ticket is gone.
typedef void change_done(void *arg, int ret, json_t *results, const struct error *err);

int changes_create(struct gateway *gateway, struct changes **created, struct error *err);
// Those that wait are told -ESHUTDOWN. NULL is fine.
void changes_destroy(struct changes *changes);

// Makes the draft, runs the steps, checks it all. 0: done is called later. -errno: err says which
// step. Steps may be run again, alone, where a draft of several who asked cannot be put in force;
// their arguments are kept until then. The log tells of what they edited, and of what could
// not be put in force, but for the daemon's own.
int changes_submit(struct changes *changes, const struct author *author,
	const struct change_step *steps, unsigned n, change_done *done, void *arg,
	struct change_ticket **ticket, struct error *err);
// A step that only looks, at what will be in force: it needs no draft. 0 or -errno.
int changes_look(struct changes *changes, const struct author *author,
	const struct change_step *step, json_t **result, struct error *err);
// Nobody is told; the change goes on. NULL is fine.
void changes_forget(struct change_ticket *ticket);
