// Who changed what, in the log: a line for each change in force, and where somebody makes many in a
// second, one line for all the others of that second. Never a key. Belongs to the control thread.
#pragma once

#include "ctl/author.h"

struct change_log;
struct change_step;
struct event_base;

// Changes of one owner, user and second with lines of their own.
#define CHANGE_LOG_LINES 10
// Owners of one user and second that have such lines each; those beyond have them together. No user
// is told of together with others.
#define CHANGE_LOG_OWNERS 4

// owners outlive it. NULL: no memory.
struct change_log *change_log_create(struct event_base *events, const struct owners *owners);
// What was not told yet is. NULL is fine.
void change_log_destroy(struct change_log *log);

// n steps are in force. Those that changed nothing are left out.
void change_log_add(struct change_log *log, const struct author *author,
	const struct change_step *steps, unsigned n);
