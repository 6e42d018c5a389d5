// Settings that devices, threads and memory were made by at start.
#include "ctl/reload_fixed.h"

#include <errno.h>
#include <string.h>

#define FIXED(setting, field)                                                                \
	{                                                                                    \
		setting, offsetof(struct config, field), sizeof(((struct config *)0)->field) \
	}

static const struct {
	const char *name;
	size_t offset;
	size_t octets;
} fixed[] = {
	FIXED("eal", eal),
	FIXED("buffers", buffers),
	FIXED("replay.pool_kb", replay_pool_kb),
	FIXED("icmp", icmp),
	FIXED("metrics", metrics),
	FIXED("journal.file", journal.file),
	FIXED("journal.unsafe", journal.unsafe),
	FIXED("control.socket", socket),
	FIXED("control.admin_socket", admin_socket),
	FIXED("control.host_guard", host_guard),
	FIXED("punt", punt_per_second),
	FIXED("crypto", crypto),
	FIXED("workers.burst", burst),
	FIXED("workers.flows", flows),
	FIXED("workers.idle", idle),
	FIXED("workers.roles", workers),
};

static int differs(const char *name, struct error *err)
{
	return error_set(err, EINVAL,
		"reload: '%s' differs from what the daemon started with, and takes a restart; "
		"nothing was changed",
		name);
}

static bool same_port(const struct config_port *a, const struct config_port *b)
{
	struct config_port left = *a, right = *b;

	left.line = 0;
	right.line = 0;
	return memcmp(&left, &right, sizeof(left)) == 0;
}

int reload_fixed(const struct config *now, const struct config *next, struct error *err)
{
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (memcmp((const char *)now + fixed[i].offset,
			    (const char *)next + fixed[i].offset, fixed[i].octets) != 0)
			return differs(fixed[i].name, err);
	if (now->ports_n != next->ports_n || now->workers_n != next->workers_n)
		return differs(now->ports_n != next->ports_n ? "ports" : "workers", err);
	for (unsigned i = 0; i < now->ports_n; i++)
		if (!same_port(&now->ports[i], &next->ports[i]))
			return differs("ports", err);
	if (now->neighbours_n != next->neighbours_n)
		return differs("neighbours", err);
	for (unsigned i = 0; i < now->neighbours_n; i++)
		if (memcmp(&now->neighbours[i].entry, &next->neighbours[i].entry,
			    sizeof(now->neighbours[i].entry)) != 0)
			return differs("neighbours", err);
	return 0;
}
