// What the daemon asks of the kernel for its own process.
#include "ctl/process.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

int process_harden(struct error *err)
{
	if (prctl(PR_SET_DUMPABLE, 0) != 0)
		return error_set(err, errno,
			"core dumps cannot be switched off (PR_SET_DUMPABLE): %s; keys would be in "
			"them",
			strerror(errno));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return error_set(err, errno, "PR_SET_NO_NEW_PRIVS: %s", strerror(errno));
	return 0;
}
