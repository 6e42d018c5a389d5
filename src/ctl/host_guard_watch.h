// The host guard of a running daemon follows its interfaces, of which one that gets another name,
// or is made anew, is guarded again, and its policies, unless the guard has been removed meanwhile.
// Belongs to the control thread.
#pragma once

#include "base/error.h"

struct config;
struct event_base;
struct host_guard_watch;

// The guard is installed. Keeps config, which is to outlive it. 0 or -errno.
int host_guard_watch_create(const struct config *config, struct event_base *events,
	struct host_guard_watch **created, struct error *err);
// What these policies protect is guarded from now on, and nothing else. 0 or -errno: the guard is
// as it was.
int host_guard_watch_policies(
	struct host_guard_watch *watch, const struct config *next, struct error *err);
// NULL is fine. The guard stays.
void host_guard_watch_destroy(struct host_guard_watch *watch);
