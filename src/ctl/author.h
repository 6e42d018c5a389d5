// Who asks for changes over the admin socket, in words for the log.
#pragma once

#include "ctl/owners.h"

#include <stdint.h>
#include <sys/types.h>

#define AUTHOR_TEXT (OWNER_NAME + 40)

#define AUTHOR_DAEMON (-1) // 0 is one that the daemon's own namespace does not know

struct author {
	uint16_t owner;
	uid_t uid;
	pid_t pid; // of the program that connected; AUTHOR_DAEMON: none did
};

extern const struct author author_daemon;

// "operator (user 0, process 4321)"
const char *author_text(
	const struct owners *owners, const struct author *author, char text[AUTHOR_TEXT]);
