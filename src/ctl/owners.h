// Who SAs, tunnels and policies belong to: programs that said hello with a name. A name is bound to
// the user who first used it, as long as the daemon runs.
#pragma once

#include "base/error.h"
#include "ctl/config.h"

#include <sys/types.h>

struct session;

#define OWNERS_MAX 64
#define OWNER_NAME 32
#define OWNER_INSTANCE 65

struct owner {
	char name[OWNER_NAME];
	char instance[OWNER_INSTANCE]; // of the program that speaks for it
	uid_t uid;
	// While another takes over: what it left is being removed, and nobody speaks for it.
	char coming[OWNER_INSTANCE]; // instance of that other; "": nobody
	struct session *waits;	     // for the answer; NULL: it is gone
};

// Indexes OWNER_FILE and OWNER_OPERATOR are taken from the start.
struct owners {
	unsigned n;
	struct owner owner[OWNERS_MAX];
};

void owners_init(struct owners *owners);
// The owner's index; a new one if nobody had the name. 0 or -errno.
int owners_take(
	struct owners *owners, const char *name, uid_t uid, uint16_t *index, struct error *err);
// -1: there is none.
int owners_find(const struct owners *owners, const char *name);
