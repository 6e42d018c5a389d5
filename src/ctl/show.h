// What the show requests have in common.
#pragma once

#include "base/addr.h"
#include "base/error.h"
#include "proto/drop.h"

#include <jansson.h>
#include <stdint.h>

struct audit_record;
struct gateway;
struct port_losses;
struct sa;

// Of one answer, some milliseconds: tunnels, policies, or SAs and their windows.
#define SHOW_ROWS 512

// Of each: 0 with *result a new reference, or -errno.
int show_stats(
	struct gateway *gateway, const json_t *arguments, json_t **result, struct error *err);
int show_sa(struct gateway *gateway, const json_t *arguments, json_t **result, struct error *err);
int show_policy(
	struct gateway *gateway, const json_t *arguments, json_t **result, struct error *err);
int show_tunnels(
	struct gateway *gateway, const json_t *arguments, json_t **result, struct error *err);
int show_ports(
	struct gateway *gateway, const json_t *arguments, json_t **result, struct error *err);
int show_workers(
	struct gateway *gateway, const json_t *arguments, json_t **result, struct error *err);
int show_events(
	struct gateway *gateway, const json_t *arguments, json_t **result, struct error *err);

// SAs by "name" (theirs, or their tunnel's), as `show` does. Those with a serial above
// "after", as many as do not hold up the control thread: *more is where the next page begins, or
// NULL. A list, or NULL with err filled.
json_t *show_sas(const struct gateway *gateway, const json_t *arguments,
	json_t *(*show)(const struct gateway *gateway, const struct sa *sa), json_t **more,
	struct error *err);
#define SHOW_SAS_ARGUMENTS                    \
	{                                     \
		{"name", JSON_STRING},        \
		{                             \
			"after", JSON_INTEGER \
		}                             \
	}

// One auditable event.
json_t *show_event(const struct gateway *gateway, const struct audit_record *record);
// Octets to JSON; each returns a new reference, or NULL without memory.
json_t *show_counter(uint64_t value);
json_t *show_addr(const struct ip_addr *addr);
json_t *show_prefix(const struct ip_prefix *prefix);
// A number that may be beyond what JSON's readers keep exactly: as a string.
json_t *show_sequence(uint64_t value);
// The reasons that are not zero: [{"reason", "text", "packets"}]. drops: n of them, from DROP_NONE.
json_t *show_drops(const uint64_t *drops, unsigned n);
// Packets by the kernel's classes: {"neighbour": n, ...}. punts: PUNT_CLASS_COUNT of them.
json_t *show_punts(const uint64_t *punts);
// What devices lost: {"rx_missed", "rx_no_buffer", "rx_errors", "tx_errors"}.
json_t *show_losses(const struct port_losses *losses);
// Since the daemon started.
double show_uptime_s(const struct gateway *gateway);
// The pool of replay windows.
json_t *show_pool(const struct gateway *gateway);
