// Events to everybody who listens at a control socket.
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct gateway;
struct rte_mbuf;
struct sa;
struct tunnel;

// Takes the event, an object with "kind"; its time is added.
void notify(const struct gateway *gateway, json_t *event);
// "soft-expire", "hard-expire", "sequence-space": of this SA. reason: what ran out.
void notify_sa(
	const struct gateway *gateway, const char *kind, const struct sa *sa, const char *reason);
// "tunnel-up", "tunnel-down": the other end answers, at its inner address `peer`, or does not.
// hindered: why it could not be asked, or NULL.
void notify_tunnel(const struct gateway *gateway, const struct tunnel *tunnel, bool up,
	const char *peer, const char *hindered);
// A policy asked for this tunnel, which has no outbound SA, and this packet was dropped. Told once
// a second for each tunnel.
void notify_acquire(const struct gateway *gateway, unsigned tunnel, const struct rte_mbuf *m);
// Looks what workers have found of peers that moved, and tells it: once a second for each tunnel.
void notify_peer_addresses(const struct gateway *gateway);
