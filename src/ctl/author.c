// Names of authors.
#include "ctl/author.h"

#include <stdio.h>

const struct author author_daemon = {.owner = OWNER_OPERATOR, .pid = AUTHOR_DAEMON};

const char *author_text(
	const struct owners *owners, const struct author *author, char text[AUTHOR_TEXT])
{
	snprintf(text, AUTHOR_TEXT, "%s (user %u, process %d)", owners->owner[author->owner].name,
		author->uid, author->pid);
	return text;
}
