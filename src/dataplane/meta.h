// What travels with a packet between threads, in the mbuf's private area.
#pragma once

#include "proto/burst.h"

#include <stddef.h>
#include <stdint.h>

enum meta_kind {
	// Worker to worker.
	META_COMMIT, // authenticated and decrypted: the window's owner judges it
	META_ENCAP,  // clear: the SA's encrypting worker encapsulates it
	META_TX,     // a frame: the owner of the transmit queue sends it
	// Worker to control.
	META_PUNT,	 // a frame for the kernel, at the port's host interface
	META_TOO_BIG,	 // an IP packet that must not go on: tell its sender the MTU
	META_UNRESOLVED, // an IP packet whose next hop has no link address: resolve it
	// Control to worker.
	META_FRAME,  // a frame from the port's host interface
	META_PACKET, // an IP packet of the gateway itself, to be routed
	META_RESUME, // what came as META_UNRESOLVED, to be routed again
};

struct meta {
	// The SA of META_COMMIT (struct sa_in) and META_ENCAP (struct sa_out). Valid until the
	// receiver's next quiescent state that follows the draining of its rings.
	void *sa;
	uint64_t seq;
	struct packet packet;
	uint8_t kind;
	uint8_t port; // of arrival; META_TX, META_FRAME: to send from
	uint16_t mtu; // META_TOO_BIG
	// META_UNRESOLVED, META_RESUME.
	uint16_t reason; // to drop it, enum drop_reason
	uint8_t origin;	 // enum forward_origin
};

static inline struct meta *meta_of(struct rte_mbuf *m)
{
	return rte_mbuf_to_priv(m);
}
