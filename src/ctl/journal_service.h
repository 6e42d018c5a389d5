// The journal while the daemon runs: its file, and a timer that polls the leases.
#pragma once

#include "ctl/gateway.h"

struct journal_service;

// Does nothing but set *created to NULL where no SA's key is journaled. 0 or -errno.
int journal_service_create(
	struct gateway *gateway, struct journal_service **created, struct error *err);
// After all SAs are there, before workers run: first leases.
void journal_service_begin(struct journal_service *service);
// The workers have ended, the SAs are still there: the rest of the leases goes back.
void journal_service_destroy(struct journal_service *service);

// Before workers see the SA; see leases_add.
int journal_service_add(struct journal_service *service, struct sa *sa,
	const uint8_t fingerprint[FINGERPRINT_OCTETS], struct error *err);
// No worker sees it any more.
void journal_service_remove(struct journal_service *service, const struct sa *sa);
