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
	META_TELL,	 // an IP packet that was dropped: tell its sender why
	META_UNRESOLVED, // an IP packet whose next hop has no link address: resolve that
	META_PATH_MTU,	 // a frame: an ICMP error from the wire about a tunnel packet
	META_PROBE,	 // a frame as of META_PUNT: an echo out of a tunnel, or the answer to one
	// Control to worker.
	META_FRAME,  // a frame from the port's host interface
	META_PACKET, // an IP packet of the gateway itself, to be routed
	META_RESUME, // what came as META_UNRESOLVED, to be routed again
};

// What an IP packet of the gateway's own (META_PACKET) quotes, which says where it may go.
enum meta_about {
	ABOUT_CLEAR,  // what was in clear on the wire: only to the wire, and in clear
	ABOUT_INSIDE, // what was in clear on the protected side: not to the wire
	ABOUT_TUNNEL, // what came out of a tunnel: back into it
};

struct meta {
	// The SA of META_COMMIT (struct sa_in) and META_ENCAP (struct sa_out). Valid until the
	// receiver's next quiescent state that follows the draining of its rings.
	void *sa;
	uint64_t seq;
	struct packet packet;
	uint8_t kind;
	uint8_t port;	 // of arrival; META_TX, META_FRAME: to send from; META_TELL: to speak from
	uint8_t origin;	 // enum forward_origin; META_TELL, META_UNRESOLVED, META_RESUME
	uint8_t about;	 // enum meta_about; META_PACKET
	uint16_t reason; // enum drop_reason; META_TELL, META_UNRESOLVED, META_RESUME
	uint16_t mtu;	 // META_TELL, where it is the reason
	uint16_t tunnel; // index; FORWARD_DECRYPTED, ABOUT_TUNNEL, META_PROBE
};

static inline struct meta *meta_of(struct rte_mbuf *m)
{
	return rte_mbuf_to_priv(m);
}
