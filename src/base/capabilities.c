// A thread's permitted and effective capabilities by libcap, which speaks for one thread only.
#include "base/capabilities.h"

#include <errno.h>
#include <stddef.h>
#include <sys/capability.h>

static int copy_permitted(cap_t from, cap_t to, cap_value_t capability)
{
	cap_flag_value_t has;

	if (cap_get_flag(from, capability, CAP_PERMITTED, &has) != 0)
		return -errno;
	if (has == CAP_SET &&
		(cap_set_flag(to, CAP_PERMITTED, 1, &capability, CAP_SET) != 0 ||
			cap_set_flag(to, CAP_EFFECTIVE, 1, &capability, CAP_SET) != 0))
		return -errno;
	return 0;
}

int capabilities_keep(const int *capability, int n)
{
	cap_t before = cap_get_proc();
	cap_t after = cap_init();
	int rc = before == NULL || after == NULL ? -errno : 0;

	for (int i = 0; i < n && rc == 0; i++)
		rc = copy_permitted(before, after, capability[i]);
	// Nothing inheritable takes the ambient ones away as well.
	if (rc == 0 && cap_set_proc(after) != 0)
		rc = -errno;
	cap_free(after);
	cap_free(before);
	return rc;
}
