// SIGINT and SIGTERM, waited for instead of caught: no thread is interrupted.
#include "bench/traffic/signals.h"

#include <signal.h>
#include <stddef.h>
#include <time.h>

static sigset_t ours(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	return set;
}

void signals_block(void)
{
	sigset_t set = ours();

	sigprocmask(SIG_BLOCK, &set, NULL);
}

bool signals_wait(unsigned ms)
{
	static bool came;
	sigset_t set = ours();
	struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	if (!came)
		came = sigtimedwait(&set, NULL, &time) > 0;
	return came;
}

bool signals_came(void)
{
	return signals_wait(0);
}
