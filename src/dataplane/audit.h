// Auditable events (RFC 4301 section 5.2, RFC 4303 section 4), the worker's side. A packet that
// ends for such a reason leaves what it was in a mailbox, one per worker and kind, if the mailbox
// is empty; else it is only counted among the drops. So a worker never waits or logs, whoever sends
// whatever, no packet enters a ring, and a flood of one kind never hides another. Control empties
// the mailboxes every millisecond.
#pragma once

#include "base/addr.h"
#include "proto/burst.h"

#include <stdalign.h>
#include <stdatomic.h>

struct sa_in;
struct sa_out;
struct worker;

// Each is the drop reason of its name.
#define AUDIT_KINDS(X)       \
	X(no_sa)             \
	X(udp_no_sa)         \
	X(sa_outer_address)  \
	X(outer_fragment)    \
	X(icv_failed)        \
	X(replay_old)        \
	X(replay_seen)       \
	X(selector_mismatch) \
	X(seq_exhausted)     \
	X(clear_protected)   \
	X(source_inside)

enum audit_kind {
#define X(id) AUDIT_##id,
	AUDIT_KINDS(X)
#undef X
		AUDIT_KIND_COUNT
};

enum drop_reason audit_reason(enum audit_kind kind);

// What an event has beside what every packet has.
#define AUDIT_HAS_SPI 0x01
#define AUDIT_HAS_SEQ 0x02
#define AUDIT_HAS_TUNNEL 0x04
#define AUDIT_HAS_PORTS 0x08

struct audit_event {
	uint64_t seq;
	uint32_t spi;
	uint32_t flow_label; // IPv6
	// Of the packet: the outer one, but for selector_mismatch and seq_exhausted, where it is
	// the inner.
	struct ip_addr source;
	struct ip_addr destination;
	uint16_t source_port;
	uint16_t destination_port;
	uint16_t tunnel; // index
	uint8_t protocol;
	uint8_t port; // of arrival
	uint8_t has;
};

struct audit_box {
	// The worker sets it (release) where it is not set, control clears it (release) where it
	// is.
	alignas(CACHE_LINE) atomic_bool full;
	// The worker writes while it is not full, control reads while it is.
	struct audit_event event;
};

// Worker side, for every packet that is dropped, before its end: of reasons that are no event
// nothing is kept. m begins with an IP header.

void audit_clear(struct worker *w, enum drop_reason reason, const struct rte_mbuf *m,
	const struct packet *packet);
// A tunnel packet that has no SA; in UDP, its ports stand for it.
void audit_stranger(struct worker *w, enum drop_reason reason, const struct rte_mbuf *m,
	const struct packet *packet);
// A tunnel packet of an SA, its header still in front.
void audit_tunnel(struct worker *w, enum drop_reason reason, const struct rte_mbuf *m,
	const struct packet *packet, const struct sa_in *sa, uint64_t seq);
// What was in it.
void audit_inner(struct worker *w, enum drop_reason reason, const struct rte_mbuf *m,
	const struct packet *packet, const struct sa_in *sa);
// What should have gone into a tunnel.
void audit_outbound(struct worker *w, enum drop_reason reason, const struct rte_mbuf *m,
	const struct packet *packet, const struct sa_out *sa);

// Control side. Takes the event of a mailbox. false: it is empty.
bool audit_take(struct audit_box *box, struct audit_event *event);
