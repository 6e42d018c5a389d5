// A gateway on memory ports: the data plane's own code with one worker, one tunnel, rings in the
// place of NICs, and the peer's side of the tunnel to make packets that the gateway accepts.
#pragma once

#include "dataplane/dataplane.h"

enum rig_protocol { RIG_VPE, RIG_ESP, RIG_PROTOCOLS };

struct rig_tunnel {
	struct tunnel tunnel;
	struct sa *out; // of the gateway
	struct sa *in;
	struct sa *peer; // outbound SA of the far side, whose packets `in` accepts
};

struct rig {
	struct dataplane *dp;
	struct worker *worker;
	struct rte_ring *rx[2]; // by enum port_side; the rig puts frames in
	struct rte_ring *tx[2]; // the gateway puts frames in
	struct rig_tunnel tunnel[RIG_PROTOCOLS];
	struct aead_ctx *aead; // the peer's
	unsigned flows;
	unsigned burst; // packets that the worker takes at a time
	unsigned flow;	// of the next packet
};

struct rig_params {
	enum aead_algorithm algorithm;
	bool esn;
	const char *engine; // name, or "auto"; "null" encrypts nothing
	unsigned flows;
	unsigned burst;	     // packets that the worker takes at a time
	unsigned policies;   // in all; those before the last two match nothing here
	unsigned flow_cache; // flows that the worker has room for: a power of two, 0: none
};

// EAL, once per process. 0 or -errno.
int rig_start_eal(bool huge, struct error *err);
// Once per process: its devices have names. 0 or -errno.
int rig_create(const struct rig_params *params, struct rig **created, struct error *err);
void rig_destroy(struct rig *rig);

// Puts n frames of frame_octets (Ethernet header included, no FCS) of UDP, the flows in turn, into
// the receive ring of a side: PORT_PROTECTED clear frames that the protocol's tunnel protects;
// PORT_UNPROTECTED the peer's packets around such frames. 0 or -errno.
int rig_fill(struct rig *rig, enum rig_protocol protocol, enum port_side side,
	uint16_t frame_octets, unsigned n);
// Takes everything out of a side's transmit ring. Returns how many frames that were.
unsigned rig_drain(struct rig *rig, enum port_side side);
