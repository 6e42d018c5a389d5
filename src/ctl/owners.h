// Who SAs, tunnels and policies belong to: programs that said hello with a name. A name is bound to
// the user who first used it, as long as the daemon runs.
#pragma once

#include "base/error.h"
#include "ctl/config.h"

#include <sys/types.h>

#define OWNERS_MAX 64
#define OWNER_NAME 32
#define OWNER_INSTANCE 65

struct owner {
	char name[OWNER_NAME];
	char instance[OWNER_INSTANCE]; // of the program that said hello last
	uid_t uid;
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
