// What workers hand to the control thread, dealt with every millisecond: frames for the kernel,
// packets whose senders are told something, neighbours to be found.
#pragma once

#include "base/error.h"

#include <stdint.h>

struct gateway;
struct punt_service;

struct punt_service_stats {
	uint64_t frames;     // for the kernel
	uint64_t no_host_if; // of them: at a port without a host interface
	uint64_t told;	     // packets whose senders are owed a word
	uint64_t unknown;    // of a kind or for a reason we do not know: a bug
};

// Uses the gateway's events, dp, host_if, unresolved, icmp, path_mtu and liveness, which outlive
// it. 0 or -errno.
int punt_service_create(struct gateway *gateway, struct punt_service **created, struct error *err);
// NULL is fine. What still waits in the rings stays there.
void punt_service_destroy(struct punt_service *service);

const struct punt_service_stats *punt_service_stats(const struct punt_service *service);
