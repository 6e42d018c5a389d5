// In place of what puts changes in force: remembers what was asked for, and is told how to answer.
#pragma once

#include "ctl/changes.h"

extern struct changes_stub {
	int answer; // of the next submission: 0 or -errno
	unsigned submitted;
	unsigned forgotten;
	unsigned looked;
	// Of the last one.
	uint16_t owner;
	const struct request *request;
	change_done *done;
	void *arg;
} changes_stub;
