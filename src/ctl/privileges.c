// Capabilities belong to threads, and EAL's threads inherit those that its devices took to open.
#include "ctl/privileges.h"

#include "base/capabilities.h"

#include <errno.h>
#include <linux/capability.h>
#include <rte_alarm.h>
#include <semaphore.h>
#include <string.h>
#include <time.h>

#define ANSWER_S 5

struct answer {
	sem_t done;
	int rc;
};

static void give_up(void *arg)
{
	struct answer *answer = arg;

	answer->rc = capabilities_keep(NULL, 0);
	sem_post(&answer->done);
}

// EAL calls alarms from its interrupt thread.
static int reduce_interrupt_thread(void)
{
	struct answer answer = {.rc = -ETIMEDOUT};
	struct timespec deadline;
	int rc = sem_init(&answer.done, 0, 0) == 0 ? 0 : -errno;

	if (rc == 0)
		rc = rte_eal_alarm_set(1, give_up, &answer);
	if (rc != 0)
		return rc;
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += ANSWER_S;
	while (sem_timedwait(&answer.done, &deadline) != 0 && errno == EINTR)
		;
	// Not there any more, or waited for until it has run: `answer` is ours again.
	rte_eal_alarm_cancel(give_up, &answer);
	sem_destroy(&answer.done);
	return answer.rc;
}

int privileges_reduce(struct error *err)
{
	static const int kept[] = {CAP_NET_ADMIN, CAP_IPC_LOCK};
	int rc = reduce_interrupt_thread();

	if (rc == 0)
		rc = capabilities_keep(kept, sizeof(kept) / sizeof(kept[0]));
	return rc == 0 ? 0
		       : error_set(err, -rc, "capabilities cannot be given up: %s", strerror(-rc));
}
