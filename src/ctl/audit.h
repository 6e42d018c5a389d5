// Auditable events, the control thread's side: what workers left in their mailboxes, as lines of
// the log and as a ring of the last records. A burst of packets of one kind, SPI and source is one
// event and, when it is over, a record of how many more there were; floods are bounded for each
// kind by itself.
#pragma once

#include "base/error.h"
#include "dataplane/audit.h"

#define AUDIT_RECORDS 1024

struct audit;
struct gateway;

struct audit_record {
	uint64_t id; // 1, 2, 3 ...
	uint64_t unix_ms;
	enum audit_kind kind;
	uint64_t more; // 0: an event; else so many packets of the kind that had no record of their
		       // own
	struct audit_event event;
};

// The gateway's data plane and tunnels are there and stay longer. 0 or -errno.
int audit_create(const struct gateway *gateway, struct audit **created, struct error *err);
// Workers no longer run. What was not told yet, is. NULL is fine.
void audit_destroy(struct audit *audit);

// Every millisecond. now_ms never goes back.
void audit_poll(struct audit *audit, uint64_t now_ms);

// Of the newest record; 0: there is none.
uint64_t audit_newest(const struct audit *audit);
// NULL: not there, or not any more.
const struct audit_record *audit_find(const struct audit *audit, uint64_t id);
