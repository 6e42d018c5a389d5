// The journal while the daemon runs: its file, and a timer that polls the leases.
#pragma once

#include "ctl/gateway.h"

struct journal_service;

// Opens nothing yet. 0 or -errno.
int journal_service_create(
	struct gateway *gateway, struct journal_service **created, struct error *err);
// The workers have ended, the SAs are still there: the rest of the leases goes back. NULL is fine.
void journal_service_destroy(struct journal_service *service);

// Before workers see the SA; see leases_add. Opens the journal if it is the first.
int journal_service_add(struct journal_service *service, struct sa *sa,
	const uint8_t fingerprint[FINGERPRINT_OCTETS], struct error *err);
// After SAs were added, before workers see them: first leases, with one write for all.
void journal_service_grant(struct journal_service *service);
// No worker sees it any more, and the SA is still there. One that was never added is fine.
void journal_service_remove(struct journal_service *service, const struct sa *sa);
