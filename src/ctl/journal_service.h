// The journal while the daemon runs: its file, and a timer that polls the leases.
#pragma once

#include "crypto/fingerprint.h"
#include "ctl/gateway.h"
#include "ctl/leases.h"

#include <stdbool.h>

struct journal_service;

// Opens nothing yet. 0 or -errno.
int journal_service_create(
	struct gateway *gateway, struct journal_service **created, struct error *err);
// The SAs are gone: what they gave back goes to the disk. NULL is fine.
void journal_service_destroy(struct journal_service *service);

// What its timer does every millisecond: for whoever keeps the control thread for longer.
void journal_service_poll(struct journal_service *service);

// false: it is not open, since nobody has asked for a key that may be in it. NULL is fine.
bool journal_service_usage(const struct journal_service *service, struct leases_usage *usage);

// Makes records for keys, all of them or none, and the journal where there is none (*made). 0 with
// *usage as it is then, or -errno.
int journal_service_register(struct journal_service *service, struct journal_registration *keys,
	unsigned n, bool *made, struct leases_usage *usage, struct error *err);

// See leases_may_add. Opens the journal if it is the first that asks.
int journal_service_may_add(struct journal_service *service, const struct sa *sa,
	const uint8_t fingerprint[FINGERPRINT_OCTETS], unsigned *records, struct error *err);
// Before workers see the SA; see leases_add. Opens the journal if it is the first. What was leased
// goes back when the SA ends.
int journal_service_add(struct journal_service *service, struct sa *sa,
	const uint8_t fingerprint[FINGERPRINT_OCTETS], struct error *err);
// The journal has a record of this key. Where it is not open it is looked into, if it is there, and
// again when it has changed; if it cannot be read, which is told, nothing is known, and if that is
// because another process has it, it is looked into again for the next key.
bool journal_service_has(
	struct journal_service *service, const uint8_t fingerprint[FINGERPRINT_OCTETS]);
// Whether the key's life is over. Opens the journal if it is the first that asks. 0 or -errno.
int journal_service_key_has_ended(struct journal_service *service,
	const uint8_t fingerprint[FINGERPRINT_OCTETS], bool *ended, struct error *err);
// It is over now. The next look, within a millisecond, writes that: once for all keys that end
// together.
void journal_service_end_key(
	struct journal_service *service, const uint8_t fingerprint[FINGERPRINT_OCTETS]);
// After SAs were added, before workers see them: first leases, with one write for all.
void journal_service_grant(struct journal_service *service);
